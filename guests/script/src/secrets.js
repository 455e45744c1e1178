// Marks in a text: where a secret belongs.
//
// A module has no value of a secret, so a text has the secret's key between two marks until it becomes a request. The marks
// are characters that Unicode keeps out of texts, that JSON does not escape, and that are taken out of everything that comes
// from outside, so that no event places a secret.

import { Mistake } from "./endings.js";

const BEGIN = "\uFDD0";
const END = "\uFDD1";
const MARKS = /[\uFDD0\uFDD1]|%EF%B7%9[01]/g;
const MARKED = /\uFDD0([^\uFDD0\uFDD1]*)\uFDD1/;
// The marks as encodeURIComponent writes them.
const ENCODED = ["%EF%B7%90", "%EF%B7%91"];

// The keys of the Secret that can be placed, wherever the user likes.
const KEYS = ["apiKey", "apiSecret", "headers/*", "id", "key", "password", "token", "username"];

// The declaration of them.
export const PLACEMENTS = KEYS.map((key) => ({
  key,
  places: { header: true, path: true, query: true, body: true },
}));

// Whether there is a mark. Events may have megabytes, and expressions are slow over them.
function isMarked(text) {
  return text.includes(BEGIN) || text.includes(END);
}

function isEncoded(text) {
  return ENCODED.some((mark) => text.includes(mark));
}

// A text from outside without anything that could be taken for a mark.
export function cleaned(text) {
  return isMarked(text) || isEncoded(text) ? text.replace(MARKS, "") : text;
}

// What stands in a text for the secret of this key, which the Secret with these keys has to have.
export function secret(key, keys) {
  const isHeader = /^headers\/(?!\*$)/.test(key);
  if (!isHeader && !KEYS.includes(key)) {
    throw new Mistake(`the key ${key} of the Secret cannot be placed: rename it to one of ${KEYS.join(", ")}`);
  }
  if (!keys.includes(key)) throw new Mistake(`the Secret has no value for the key ${key}`);
  return BEGIN + key + END;
}

// The text with this done to all of it but the marks and the keys between them.
export function outside(text, change) {
  if (!isMarked(text)) return change(text);
  return text
    .split(MARKED)
    .map((part, number) => (number % 2 ? BEGIN + part + END : change(part)))
    .join("");
}

// The text as the fragments of a request.
export function fragments(text, keys) {
  if (isEncoded(text)) throw changed();
  if (!isMarked(text)) return text === "" ? [] : [{ tag: "text", val: text }];
  return text
    .split(MARKED)
    .map((part, number) => {
      if (number % 2 ? !keys.includes(part) : isMarked(part)) throw changed();
      return { tag: number % 2 ? "secret" : "text", val: part };
    })
    .filter(({ val }) => val !== "");
}

function changed() {
  return new Mistake("what secret(…) stands for was cut, encoded or changed: place it as it is");
}
