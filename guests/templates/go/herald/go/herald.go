// Package herald is what a provider module of Herald in Go is written with: the types of the interface under short names,
// and functions that make its variants.
//
// The interface itself is herald/wit/0.1.0/provider.wit; the other folders here are generated from it.
package herald

import (
	"go.bytecodealliance.org/pkg/wit/types"
	exports "herald.dev/herald/export_herald_provider_formatter"
	formatter "herald.dev/herald/herald_provider_formatter"
	_ "herald.dev/herald/wit_exports"
)

// What a module is asked with.
type (
	Delivery        = formatter.Delivery
	Event           = formatter.Event
	ObjectReference = formatter.ObjectReference
	Provider        = formatter.Provider
	Alert           = formatter.Alert
	Response        = formatter.Response
)

// What a module answers.
type (
	Description = formatter.Description
	Placement   = formatter.Placement
	Action      = formatter.Action
	Request     = formatter.Request
	Question    = formatter.Question
	Url         = formatter.Url
	Base        = formatter.Base
	Fragment    = formatter.Fragment
	Plain       = formatter.Plain
	Signed      = formatter.Signed
	Hmac        = formatter.Hmac
	Conclusion  = formatter.Conclusion
	// Header is a name and the pieces of a value.
	Header = wit_types.Tuple2[string, []Fragment]
)

// What a module is for.
const (
	PurposeMessage       = formatter.PurposeMessage
	PurposeForward       = formatter.PurposeForward
	PurposeCommitStatus  = formatter.PurposeCommitStatus
	PurposeChangeRequest = formatter.PurposeChangeRequest
)

// Where a secret may be put; joined by |.
const (
	PlacesHeader    = formatter.PlacesHeader
	PlacesPath      = formatter.PlacesPath
	PlacesQuery     = formatter.PlacesQuery
	PlacesBody      = formatter.PlacesBody
	PlacesSignature = formatter.PlacesSignature
)

// How the host signs.
const (
	HashSha1          = formatter.HashSha1
	HashSha256        = formatter.HashSha256
	HashSha512        = formatter.HashSha512
	EncodingHex       = formatter.EncodingHex
	EncodingBase64    = formatter.EncodingBase64
	EncodingBase64url = formatter.EncodingBase64url
)

// Module is what an author writes.
type Module = exports.Module

// Serve says which module this is. Call it in init.
func Serve(module Module) { exports.Served = module }

// HasURL says whether the Provider's address is a URL.
func HasURL(provider Provider) bool {
	return provider.Address.IsSome() && provider.Address.Some().Tag() == formatter.AddressUrl
}

// HasSecret says whether the Provider's Secret has this key.
func HasSecret(provider Provider, key string) bool {
	for _, known := range provider.SecretKeys {
		if known == key {
			return true
		}
	}
	return false
}

// Text is a piece of a request as it is.
func Text(text string) Fragment { return formatter.MakeFragmentText(text) }

// Bytes is a piece of a body as it is.
func Bytes(bytes []byte) Fragment { return formatter.MakeFragmentBytes(bytes) }

// Secret is the value of this key of the Provider's Secret, which the host puts in.
func Secret(key string) Fragment { return formatter.MakeFragmentSecret(key) }

// Base64 is the pieces joined, in base64.
func Base64(pieces ...Plain) Fragment { return formatter.MakeFragmentBase64(pieces) }

// Signature is made by the host.
func Signature(hmac Hmac) Fragment { return formatter.MakeFragmentHmac(hmac) }

// Authorization is a whole header, made with a credential that the host obtains.
func Authorization(credential string) Fragment {
	return formatter.MakeFragmentAuthorization(credential)
}

// PlainText is a piece of what is encoded in base64, or of a key.
func PlainText(text string) Plain { return formatter.MakePlainText(text) }

// PlainSecret is the value of this key of the Provider's Secret in such a place.
func PlainSecret(key string) Plain { return formatter.MakePlainSecret(key) }

// PlainSecretBytes is the bytes for which this key's value is the base64.
func PlainSecretBytes(key string) Plain { return formatter.MakePlainSecretBytes(key) }

// SignedText is a piece of what is signed.
func SignedText(text string) Signed { return formatter.MakeSignedText(text) }

// SignedSecret is the value of this key of the Provider's Secret as a piece of what is signed.
func SignedSecret(key string) Signed { return formatter.MakeSignedSecret(key) }

// SignedBody is the body of the request, exactly as it is sent.
func SignedBody() Signed { return formatter.MakeSignedBody() }

// NewHeader is a header of a request.
func NewHeader(name string, value ...Fragment) Header { return Header{F0: name, F1: value} }

// Address is the Provider's address, its path and query included.
func Address() Base { return formatter.MakeBaseAddress() }

// AddressEnding is the same; the path is left out where the address ends in it already.
func AddressEnding() Base { return formatter.MakeBaseAddressEnding() }

// AddressOr is the same; the path is left out where the address has a path.
func AddressOr() Base { return formatter.MakeBaseAddressOr() }

// Origin is the scheme, host and port of the Provider's address.
func Origin() Base { return formatter.MakeBaseOrigin() }

// Site is another site, which the description names among its hosts.
func Site(url string) Base { return formatter.MakeBaseSite(url) }

// Finish sends a request, and the delivery is over.
func Finish(request Request) (Action, error) { return formatter.MakeActionFinish(request), nil }

// Ask sends a request, and Next is called again with the answer.
func Ask(question Question) (Action, error) { return formatter.MakeActionAsk(question), nil }

// Skip says that there is nothing to send, and why.
func Skip(why string) (Action, error) {
	return formatter.MakeActionDone(Conclusion{Outcome: formatter.MakeOutcomeSkipped(why)}), nil
}

// Done says that nothing is left to send.
func Done() (Action, error) {
	return formatter.MakeActionDone(Conclusion{Outcome: formatter.MakeOutcomeDelivered()}), nil
}

// Misconfigured says what has to be changed at the Provider first.
func Misconfigured(what string) (Action, error) {
	return fail(formatter.MakeFailureMisconfigured(what))
}

// Unsendable says why this event cannot be sent to this kind of receiver.
func Unsendable(why string) (Action, error) { return fail(formatter.MakeFailureUnsendable(why)) }

// Rejected says why the receiver refused the event for good.
func Rejected(why string) (Action, error) { return fail(formatter.MakeFailureRejected(why)) }

// Later says why another attempt is asked for; the host decides when.
func Later(why string) (Action, error) {
	return fail(formatter.MakeFailureLater(formatter.Postponement{Reason: why}))
}

func fail(failure formatter.Failure) (Action, error) {
	return Action{}, &exports.Failed{Failure: failure}
}
