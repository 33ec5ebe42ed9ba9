// Which key means what. Every act has one; what a key does depends on what is open.
/** @import { Choice } from "./types.js" */

/** Each key and what it does, for the instructions. */
export const LIST = [
  ["←", "back, to answer anew"],
  ["→", "forward again"],
  ["S", "skip, with a reason"],
  ["I", "these instructions"],
  ["L", "large type"],
  ["D", "dark or light"],
];

/**
 * The sign of a key, the same on every keyboard: where a layout has other letters (Cyrillic) or the
 * digits only with Shift (French), the key's place counts.
 *
 * @param {{key: string, code?: string}} event
 * @param {string[]} known
 * @returns {string}
 */
export function sign(event, known) {
  const key = event.key.toLowerCase();
  if (known.includes(key)) return key;
  const place = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code ?? "");
  const there = place ? place[1].toLowerCase() : "";
  return known.includes(there) ? there : key;
}

/** The page's own letters. */
export const OWN = ["s", "i", "l", "d"];

/** Reasons for skipping are chosen by their numbers. */
export const DIGITS = [..."123456789"];

/**
 * @param {Choice[]} choices
 * @param {string} key
 * @returns {Choice | undefined}
 */
export function choiceOf(choices, key) {
  return choices.find((one) => one.keys.includes(key));
}

/** @param {KeyboardEvent} event */
export function modified(event) {
  return event.ctrlKey || event.metaKey || event.altKey;
}
