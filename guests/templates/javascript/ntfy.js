// ntfy: each event as a message on a topic of an ntfy server, published as JSON
// (https://docs.ntfy.sh/publish/#publish-as-json).
//
// A module is a pure function: it has no network, files or clock, and it never sees a secret. It says what to send, and
// the host sends it. The types are those of herald/wit/0.1.0/provider.wit.

const TOKEN = "token";
// The longest message that is shown as one, in bytes (https://docs.ntfy.sh/publish/#limitations).
const MESSAGE_LIMIT = 4096;

export const formatter = {
  describe() {
    return {
      summary: "A message on a topic of an ntfy server",
      purpose: "message",
      hosts: [],
      secrets: [{ key: TOKEN, places: { header: true } }],
      credentials: [],
      configSchema: "",
    };
  },

  // Everything wrong with a Provider that can be told without an event.
  check(provider) {
    return problems(provider);
  },

  // What to send for one event. An exception is a bug; what a user can mend is thrown as a failure.
  next({ event, provider }) {
    const [problem] = problems(provider);
    if (problem) throw { tag: "misconfigured", val: problem };
    const object = event.involvedObject;
    const lines = [event.message, ...event.metadata.map(([key, value]) => `${key}: ${value}`)];
    const isError = event.severity === "error";
    const message = {
      topic: provider.channel,
      title: [`${object.kind.toLowerCase()}/${object.name}.${object.namespace}`, words(event.reason)]
        .filter((part) => part)
        .join(": "),
      message: cut(lines.join("\n"), MESSAGE_LIMIT),
      tags: [isError ? "rotating_light" : "white_check_mark"],
      priority: isError ? 4 : 3,
    };
    const headers = [["content-type", [text("application/json")]]];
    if (provider.secretKeys.includes(TOKEN)) {
      // The host puts the value there once it has checked the request.
      headers.push(["authorization", [text("Bearer "), { tag: "secret", val: TOKEN }]]);
    }
    return {
      tag: "finish",
      val: {
        method: "POST",
        // JSON is published to the server's root, whatever path the address has.
        url: { base: { tag: "origin" }, path: [], query: [] },
        headers,
        body: [text(JSON.stringify(message))],
      },
    };
  },
};

function problems(provider) {
  const found = [];
  if (provider.address?.tag !== "url") {
    found.push("set spec.address to the server's URL, such as https://ntfy.sh");
  }
  if (!provider.channel) found.push("set spec.channel to the topic");
  return found;
}

// `HealthCheckFailed` as `health check failed`.
function words(reason) {
  return reason
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase();
}

function text(val) {
  return { tag: "text", val };
}

// The text in at most so many bytes of UTF-8, with … as the last character where it is cut.
function cut(text, limit) {
  const mark = "…";
  const length = (char) => {
    const code = char.codePointAt(0);
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  };
  let used = 0;
  let kept = "";
  let fits = true;
  for (const char of text) {
    used += length(char);
    if (used + length(mark) <= limit) kept += char;
    else fits = false;
    if (used > limit) return kept + mark;
  }
  return fits ? kept : text;
}
