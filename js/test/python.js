// Numbers that Python computed, for comparison.
import { readFileSync } from "node:fs";
import { fromBase64 } from "../src/bytes.js";
import { unpack } from "../src/container.js";

const read = (/** @type {string} */ name) =>
  JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));

/** The state of the sample's explorer, and what Python makes of it. */
export const fixture = read("fixture.json");
export const numbers = read("numbers.json");

/** @param {string} text */
export const floats = (text) => new Float32Array(fromBase64(text).slice().buffer);

/** Parts of the fixture's first container by name; those of the second word end in `_b`. */
export function firstParts() {
  const { parts } = unpack(fromBase64(fixture._first)) ?? { parts: [] };
  const { word } = fixture.traits;
  const end = (/** @type {any} */ { key }) => (JSON.parse(key)[0] === word ? "" : "_b");
  return Object.fromEntries(parts.map((part) => [`${part.name}${end(part)}`, part]));
}

/** A model as anywidget gives it, holding the fixture's state. */
export class FixtureModel {
  constructor() {
    /** @type {Record<string, any>} */
    this.values = { ...fixture.traits, _facts: fixture._facts };
    for (const name of ["_first", "_images"]) {
      // As JupyterLab sends them: a view somewhere inside a larger message.
      const bytes = fromBase64(fixture[name]);
      const message = new Uint8Array(bytes.length + 7);
      message.set(bytes, 3);
      this.values[name] = new DataView(message.buffer, 3, bytes.length);
    }
    this.saved = 0;
    /** @type {any[]} */
    this.sent = [];
    /** @type {Map<string, Set<(...args: any[]) => void>>} */
    this.listeners = new Map();
  }

  /** @param {string} name */
  get(name) {
    return this.values[name];
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  set(name, value) {
    this.values[name] = value;
    this.tell(`change:${name}`);
  }

  /**
   * @param {string} event
   * @param {...any} values
   */
  tell(event, ...values) {
    for (const callback of [...(this.listeners.get(event) ?? [])]) callback(...values);
  }

  /**
   * @param {string} event
   * @param {() => void} callback
   */
  on(event, callback) {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(callback));
  }

  /**
   * @param {string} event
   * @param {() => void} callback
   */
  off(event, callback) {
    this.listeners.get(event)?.delete(callback);
  }

  save_changes() {
    this.saved++;
  }

  /** @param {any} content */
  send(content) {
    this.sent.push(content);
  }
}
