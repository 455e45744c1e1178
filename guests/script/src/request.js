// A request from what the function returned.
//
// It must not know where the value comes from or who authorizes it.

import { Mistake, Unsendable } from "./endings.js";
import { fragments, outside } from "./secrets.js";

const MEMBERS = ["method", "path", "query", "headers", "body"];
const METHODS = ["POST", "PUT", "PATCH", "GET", "DELETE"];
const CONTENT_TYPE = "content-type";
const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";
const TEXT_TYPE = "text/plain; charset=utf-8";
// The longest body that Herald sends, in bytes.
const BODY_LIMIT = 4 << 20;

export function requestOf(value, { secretKeys }) {
  structure(value);
  const { method = "POST", path = [], query, headers, body } = value;
  const has = body !== undefined && body !== null;
  const takes = !["GET", "DELETE"].includes(method);
  if (takes && !has) throw new Mistake(`a ${method} has a body: return one, or the method GET`, false);
  if (!takes && has) throw new Mistake(`a ${method} has no body: leave it out, or return the method POST`, false);
  const named = pairs("headers", headers).map(([name, text]) => [name, line(text)]);
  const given = named.find(([name]) => name.toLowerCase() === CONTENT_TYPE);
  const others = named.filter((header) => header !== given && header[1] !== "");
  const request = {
    method,
    url: {
      base: { tag: "address" },
      path: path.map((segment) => fragments(climbing(line(text("path", segment))), secretKeys)),
      query: pairs("query", query)
        .filter(([, value]) => value !== "")
        .map(([name, value]) => [name.toWellFormed(), fragments(line(value), secretKeys)]),
    },
    headers: others.map(([name, value]) => [name, fragments(value, secretKeys)]),
    body: [],
  };
  if (has) {
    const [type, content] = written(body, given?.[1]);
    if (bytes(content) > BODY_LIMIT) {
      throw new Unsendable("the body is longer than 4 MiB for this event: cut its texts");
    }
    request.body = fragments(content, secretKeys);
    request.headers.unshift([CONTENT_TYPE, fragments(type, secretKeys)]);
  }
  return request;
}

function structure(value) {
  if (typeof value?.then === "function") {
    throw new Mistake("request must not be async: there is nothing to wait for");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const found = value === undefined ? "nothing" : Array.isArray(value) ? "an array" : `${value}`;
    const change = 'return an object such as { body: { text: "…" } }, or call skip("why")';
    throw new Mistake(`request returned ${found}: ${change}`, false);
  }
  const unknown = Object.keys(value).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) {
    throw new Mistake(`a request has no ${unknown}: it has ${MEMBERS.join(", ")}`);
  }
  if (value.method !== undefined && !METHODS.includes(value.method)) {
    throw new Mistake(`there is no method ${value.method}: there are ${METHODS.join(", ")}`);
  }
  if (value.path !== undefined && !Array.isArray(value.path)) {
    throw new Mistake("path is an array of the segments that follow the address");
  }
}

// The media type of a body, and its text.
function written(body, given) {
  const isText = typeof body === "string";
  const type = given ? lowered(given) : isText ? TEXT_TYPE : JSON_TYPE;
  const kind = type.split(";")[0].trim();
  if (kind.includes("json")) return [type, isText ? checked(body) : json(body)];
  if (isText) return [type, body.toWellFormed()];
  if (kind === FORM_TYPE) return [type, form(body)];
  throw new Mistake(`the body is ${kind}: return it as a text`);
}

// The kind in lower case, as the host looks for `json` in it when it fills in secrets.
function lowered(type) {
  const [kind, ...parameters] = type.split(";");
  return [kind.toLowerCase(), ...parameters].join(";");
}

// A text that says that it is JSON.
function checked(body) {
  try {
    JSON.parse(body);
  } catch (error) {
    throw new Mistake(`the body is no JSON: ${error.message}`, false);
  }
  return body.toWellFormed();
}

function json(body) {
  let text;
  try {
    text = JSON.stringify(body);
    // Half a character, as cutting a text may leave it, is written as an escape that few receivers read.
    if (text?.includes("\\ud")) text = JSON.stringify(body, wellFormed);
  } catch (error) {
    throw new Mistake(`the body cannot be written as JSON: ${error.message}`, false);
  }
  if (text === undefined) throw new Mistake(`the body is a ${typeof body}`);
  return text;
}

function wellFormed(name, value) {
  return typeof value === "string" ? value.toWellFormed() : value;
}

function form(fields) {
  const escape = (text) =>
    // Split and joined, as a regular expression takes its time for each of very many blanks.
    encodeURIComponent(text)
      .split("%20")
      .join("+")
      .replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return pairs("a form", fields)
    .map((field) => field.map((part) => outside(part.toWellFormed(), escape)).join("="))
    .join("&");
}

// The members of an object as texts, those without a value left out.
function pairs(what, object = {}) {
  if (typeof object !== "object" || object === null || Array.isArray(object)) {
    throw new Mistake(`${what} is an object of names and values`);
  }
  return Object.entries(object)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [name, text(`${what}: ${name}`, value)]);
}

function text(what, value) {
  if (["string", "number", "boolean", "bigint"].includes(typeof value)) return String(value);
  throw new Mistake(`${what} is a text, a number, true or false`, false);
}

// A text as a header, a parameter or a segment of a path has it: on one line, and without blanks at its ends.
function line(text) {
  return text.toWellFormed().replace(/\p{Cc}/gu, " ").trim();
}

function climbing(segment) {
  if (segment !== "." && segment !== "..") return segment;
  throw new Unsendable("a segment of the path comes to `.` or `..` for this event, which would climb");
}

// The length in UTF-8.
function bytes(text) {
  // A unit of UTF-16 comes to three bytes at most.
  if (text.length * 3 <= BODY_LIMIT) return text.length;
  let length = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    // Each half of a pair comes to two bytes.
    if (unit >= 0x80) length += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return length;
}
