// ntfy: each event as a message on a topic of an ntfy server, published as JSON
// (https://docs.ntfy.sh/publish/#publish-as-json).
//
// A module is a pure function: it has no network, files or clock, and it never sees a secret. It says what to send, and
// the host sends it. The types are those of herald/wit/0.1.0/provider.wit.
package main

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"herald.dev/herald"
)

const token = "token"

// The longest message that is shown as one, in bytes (https://docs.ntfy.sh/publish/#limitations).
const messageLimit = 4096

type ntfy struct{}

// A module is started by init; main is needed by the compiler and never called.
func init() { herald.Serve(ntfy{}) }

func main() {}

func (ntfy) Describe() herald.Description {
	return herald.Description{
		Summary: "A message on a topic of an ntfy server",
		Purpose: herald.PurposeMessage,
		Secrets: []herald.Placement{{Key: token, Places: herald.PlacesHeader}},
	}
}

// Check says everything that is wrong with a Provider and can be told without an event.
func (ntfy) Check(provider herald.Provider) []string {
	var found []string
	if !herald.HasURL(provider) {
		found = append(found, "set spec.address to the server's URL, such as https://ntfy.sh")
	}
	if provider.Channel == "" {
		found = append(found, "set spec.channel to the topic")
	}
	return found
}

// What ntfy takes.
type message struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Tags     []string `json:"tags"`
	Priority int      `json:"priority"`
}

// Next says what to send for one event. A panic is a bug; what a user can mend is returned as a failure.
func (module ntfy) Next(delivery herald.Delivery) (herald.Action, error) {
	provider := delivery.Provider
	if problems := module.Check(provider); len(problems) > 0 {
		return herald.Misconfigured(problems[0])
	}
	event := delivery.Event
	lines := []string{event.Message}
	for _, pair := range event.Metadata {
		lines = append(lines, pair.F0+": "+pair.F1)
	}
	object := event.InvolvedObject
	title := strings.ToLower(object.Kind) + "/" + object.Name + "." + object.Namespace
	if reason := words(event.Reason); reason != "" {
		title += ": " + reason
	}
	tag, priority := "white_check_mark", 3
	if event.Severity == "error" {
		tag, priority = "rotating_light", 4
	}
	body, err := json.Marshal(message{
		Topic:    provider.Channel,
		Title:    title,
		Message:  cut(strings.Join(lines, "\n"), messageLimit),
		Tags:     []string{tag},
		Priority: priority,
	})
	if err != nil {
		return herald.Unsendable(err.Error())
	}

	headers := []herald.Header{herald.NewHeader("content-type", herald.Text("application/json"))}
	if herald.HasSecret(provider, token) {
		// The host puts the value there once it has checked the request.
		bearer := herald.NewHeader("authorization", herald.Text("Bearer "), herald.Secret(token))
		headers = append(headers, bearer)
	}
	return herald.Finish(herald.Request{
		Method: "POST",
		// JSON is published to the server's root, whatever path the address has.
		Url:     herald.Url{Base: herald.Origin()},
		Headers: headers,
		Body:    []herald.Fragment{herald.Text(string(body))},
	})
}

// HealthCheckFailed as "health check failed".
func words(reason string) string {
	var text strings.Builder
	runes := []rune(reason)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) {
			before := runes[i-1]
			endsWord := unicode.IsLower(before) || unicode.IsDigit(before)
			beginsWord := unicode.IsUpper(before) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if endsWord || beginsWord {
				text.WriteByte(' ')
			}
		}
		text.WriteRune(unicode.ToLower(r))
	}
	return text.String()
}

// The text in at most so many bytes, with … as the last character where it is cut.
func cut(text string, limit int) string {
	const mark = "…"
	if len(text) <= limit {
		return text
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
