// How the user's script is run, and what is said of its mistakes.
//
// It must not know what is sent or where it goes.

import log from "herald:provider/log@0.1.0";

import { Mistake, Skip, Unsendable } from "./endings.js";
import { secret } from "./secrets.js";

const AT = "spec.config.script";
const LEVELS = { debug: "debug", log: "info", info: "info", warn: "warn", error: "error" };

// The function of a script, which may place these keys of the Secret.
export function compiled(source, keys) {
  Object.assign(globalThis, {
    secret: (key) => secret(String(key), keys),
    skip: (why) => {
      throw new Skip(String(why ?? "the script skips it"));
    },
    unsendable: (why) => {
      throw new Unsendable(String(why ?? "the script cannot send it"));
    },
    console: Object.fromEntries(
      Object.entries(LEVELS).map(([name, level]) => [name, (...values) => log.write(level, values.map(shown).join(" "))]),
    ),
  });
  // Strict, so that a name that nobody declared is a mistake; on the first line, so that lines keep their numbers.
  const found = (0, eval)(`"use strict"; ${source}\n;typeof request === "undefined" ? undefined : request;`);
  if (typeof found !== "function") {
    throw new Mistake("there is no function of the name request: write `function request(delivery) { … }`");
  }
  return found;
}

// What is wrong, with the line of the script.
export function told(error) {
  if (!(error instanceof Error)) return `${AT}: it throws ${shown(error)}`;
  const stack = String(error.stack);
  const message = error.message || error.name;
  // The script cannot be read; a SyntaxError of JSON.parse and the like was thrown by a function.
  const unread = /^\s*at <input>:(\d+)\S*\s+at eval \(native\)/.exec(stack);
  if (unread) {
    const hint = /\b(export|import)\b/.test(message) ? "; a script is no module: write `function request(delivery) { … }`" : "";
    return `${AT}:${unread[1]}: syntax error: ${message}${hint}`;
  }
  const line = /\(<input>:(\d+)/.exec(stack);
  return `${line ? `${AT}:${line[1]}` : AT}: ${message}`;
}

// A value as a person would want to read it.
export function shown(value) {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
