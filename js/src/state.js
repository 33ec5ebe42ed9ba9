// Access to what Python and this page share: reading, setting, saving, and being told.
/** @import { Facts, Model, Sel } from "./types.js" */
import { counting } from "./heads.js";
import CONTROLS from "./controls.data.js";
import { times } from "./times.js";

/** The public choices of one explorer. */
export class State {
  /**
   * @param {Model} model
   * @param {{chosen?: () => void, rested?: () => void}} [told] that something was chosen here, and
   *   that a hand which moved has come to rest
   */
  constructor(model, told = {}) {
    this.model = model;
    this.told = told;
    /** @type {[string, (...args: any[]) => void][]} */
    this.listening = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @returns {Facts} */
  get facts() {
    return this.model.get("_facts") ?? {};
  }

  /**
   * @param {string} name
   * @returns {any}
   */
  get(name) {
    return this.model.get(name) ?? CONTROLS[name]?.default;
  }

  /** @returns {[number, number]} places of the first step and of the one after the last */
  get steps() {
    return placesOf(this.facts, this.get("steps"));
  }

  /** Steps that can be told apart. */
  get count() {
    return Math.max(1, this.facts.steps?.length ?? 1);
  }

  /** Whether a hand moves: what it chose has not been sent yet. */
  get moving() {
    return this.timer !== undefined;
  }

  /** The layer and head, or several heads, that count: see `counting`. */
  get chosen() {
    const [layer, head, heads] = ["layer", "head", "heads"].map((name) => this.get(name));
    return counting({ layer, head, heads });
  }

  /** Numbers of the layers of the choice. */
  get layers() {
    const { choices, layers } = this.facts;
    return choices?.[this.get("choice")] ?? (layers ?? []).map((_, i) => i);
  }

  /** @returns {Sel} what a question is about; steps of the loop */
  get sel() {
    return {
      word: this.get("word"),
      word_b: this.get("word_b"),
      choice: this.get("choice"),
      ...this.chosen,
      steps: [...this.get("steps")],
      threshold: this.get("threshold"),
      special: Boolean(this.get("show_pieces")),
    };
  }

  /**
   * Choose a range of steps by their places among those kept.
   *
   * @param {number} lo
   * @param {number} hi
   * @returns {{steps: [number, number]}} what is set: steps of the loop, as Python and links know it
   */
  stepsAt(lo, hi) {
    const kept = this.facts.steps ?? [];
    return { steps: [kept[lo]?.place ?? lo, (kept[hi - 1]?.place ?? hi - 1) + 1] };
  }

  /**
   * Choose. Links and other views are told at once, the kernel at once or after a rest.
   *
   * @param {Record<string, unknown>} values
   * @param {"now" | "soon"} [when]
   */
  set(values, when = "now") {
    let changed = false;
    for (const [name, value] of Object.entries(values)) {
      if (same(this.get(name), value)) continue;
      this.model.set(name, value);
      changed = true;
    }
    if (changed) this.told.chosen?.();
    if (when === "now") {
      if (changed || this.timer !== undefined) this.save();
    } else if (changed) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.save(), times.rest);
    }
  }

  /** Send what was chosen. */
  save() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const sent = /** @type {any} */ (this.model.save_changes());
    sent?.catch?.(() => {}); // where a host says by a promise that nobody listens: `Source.trouble`
    this.told.rested?.();
  }

  /**
   * @param {string} event
   * @param {(...args: any[]) => void} callback
   */
  on(event, callback) {
    this.model.on(event, callback);
    this.listening.push([event, callback]);
  }

  /** Stop listening; a choice that waits is still sent. */
  destroy() {
    if (this.timer !== undefined) this.save();
    for (const [event, callback] of this.listening) this.model.off(event, callback);
    this.listening = [];
  }
}

/**
 * Where a half-open range of steps of the loop lies among the steps kept.
 *
 * @param {Facts} facts
 * @param {[number, number]} range
 * @returns {[number, number]} half-open, never empty
 */
export function placesOf(facts, [first, end]) {
  const kept = facts.steps ?? [];
  const count = Math.max(1, kept.length);
  if (facts.summed) return [0, 1];
  const from = kept.findIndex(({ place }) => place >= first);
  const lo = from < 0 ? count - 1 : from;
  const after = kept.findIndex(({ place }) => place >= end);
  return [lo, Math.max(lo + 1, after < 0 ? count : after)];
}

/**
 * @param {unknown} a
 * @param {unknown} b
 */
function same(a, b) {
  if (Object.is(a, b)) return true;
  return typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b);
}
