// Where a place looks: the image's attention to itself from the place that the hand points at.
/** @import { Scope } from "./scope.js" */
/** @import { Part, Question, Shown } from "./types.js" */
import { Asker } from "./asker.js";
import { asFloats } from "./bytes.js";
import { attribute, el, icon } from "./dom.js";
import * as flags from "./flags.js";

const MAPS = 256; // that are kept
const FINEST = 64; // places on a side that are told apart: as many cells as any recording keeps

export class Looking {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.on = false;
    /** @type {[number, number] | null} */
    this.at = null;
    /** @type {Map<string, Shown>} */
    this.maps = new Map();
    /** @type {Shown | null} what is drawn until the next one arrives */
    this.last = null;
    this.asker = new Asker(scope.source, (question, parts) => this.#answered(question, parts));
    this.button = el(
      "button",
      {
        class: "daam-button daam-only-icon daam-toggle",
        type: "button",
        title: "Where a place looks: its attention to the rest of the image",
        "aria-label": "Where a place looks",
        "aria-pressed": "false",
        "data-testid": "looking",
      },
      icon("target"),
    );
    this.button.addEventListener("click", () => scope.input("looking", () => this.turn(!this.on)));
  }

  /** @param {boolean} on */
  turn(on) {
    this.on = on;
    this.last = null;
    if (!on) this.at = null;
    attribute(this.button, "aria-pressed", String(on));
    this.scope.say(on ? "Point at a place to see where it looks." : "The map of the word.");
    this.scope.invalidate(flags.MAP | flags.LOOK | flags.STEPS | flags.WORDS);
  }

  /** @param {[number, number] | null} place */
  point(place) {
    if (!this.on || !place) return; // the last place stays
    const cell = (/** @type {number} */ share) =>
      (Math.min(FINEST - 1, Math.floor(share * FINEST)) + 0.5) / FINEST;
    this.at = [cell(place[0]), cell(place[1])];
    this.scope.invalidate(flags.MAP | flags.LOOK | flags.WORDS);
  }

  /** @returns {string} of the map that is wanted: place and steps */
  get #key() {
    return JSON.stringify([this.at, this.scope.state.get("steps")]);
  }

  /** @returns {Shown | null} the map in place of the word's; null where a word's is shown */
  get shown() {
    if (!this.on || !this.at) return null;
    const map = this.maps.get(this.#key);
    if (map) this.last = map;
    return this.last;
  }

  update() {
    const { state } = this.scope;
    const kept = Boolean(state.facts.self_attention);
    this.button.hidden = !kept;
    if (!kept && this.on) this.turn(false);
    const lacks = this.on && this.at && !state.moving && !this.maps.has(this.#key);
    this.asker.want(
      lacks && this.at
        ? { want: ["looks"], sel: state.sel, at: { y: this.at[0], x: this.at[1] } }
        : null,
    );
  }

  /**
   * @param {Question} question
   * @param {Part[] | null} parts
   */
  #answered(question, parts) {
    const part = parts?.find(({ name }) => name === "looks");
    if (part?.bytes && question.at) {
      const { y, x } = /** @type {{y: number, x: number}} */ (question.at);
      const key = JSON.stringify([[y, x], question.sel.steps]);
      const [height, width] = part.shape;
      const values = asFloats(part.bytes);
      const of = { place: /** @type {[number, number]} */ ([y, x]), all: part.all_steps };
      const map = { values, height, width, max: part.max, looks: of };
      this.maps.set(key, { kind: "looks", key: `looks ${key}`, ...map });
      if (this.maps.size > MAPS) this.maps.delete([...this.maps.keys()][0]);
    }
    this.scope.invalidate(flags.MAP | flags.LOOK | flags.WORDS);
  }

  forget() {
    this.maps.clear();
    this.turn(false);
  }

  destroy() {
    this.asker.destroy();
  }
}
