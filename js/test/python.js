// Numbers that Python computed, for comparison.
import { readFileSync } from "node:fs";
import { fromBase64 } from "../src/bytes.js";

const read = (/** @type {string} */ name) =>
  JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));

/** The state of the sample's explorer, and what Python makes of it. */
export const fixture = read("fixture.json");
export const numbers = read("numbers.json");

/** @param {string} text */
export const floats = (text) => new Float32Array(fromBase64(text).slice().buffer);

/** A model as anywidget gives it, holding the fixture's state. */
export class FixtureModel {
  constructor() {
    /** @type {Record<string, any>} */
    this.values = { ...fixture.traits };
    for (const name of Object.keys(fixture))
      if (name.startsWith("_")) this.values[name] = fixture[name];
    for (const name of ["_stack", "_stack_b", "_exact", "_exact_b", "_tiles"]) {
      // As JupyterLab sends them: a view somewhere inside a larger message.
      const bytes = fromBase64(fixture[name]);
      const message = new Uint8Array(bytes.length + 7);
      message.set(bytes, 3);
      this.values[name] = new DataView(message.buffer, 3, bytes.length);
    }
    this.saved = 0;
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
    for (const callback of this.listeners.get(`change:${name}`) ?? []) callback();
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

  send() {}
}
