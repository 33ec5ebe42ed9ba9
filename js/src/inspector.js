// From pixels to words: which words look at a place, and for a region at which steps and layers.
/** @import { Scope } from "./scope.js" */
/** @import { Part, Question, RegionAnswer, Row, Whole } from "./types.js" */
import { Asker } from "./asker.js";
import { attribute, el, icon, short, write } from "./dom.js";
import * as flags from "./flags.js";
import { isCoarse } from "./hints.js";
import { inputsOf } from "./inputs.js";
import { lifted } from "./lift.js";
import { timestepText } from "./naming.js";
import { Ranking } from "./ranking.js";
import { times } from "./times.js";

/**
 * @template T
 * @typedef {{of: string, place: [number, number], value: T, note: string}} Answered words, and what
 *   they are of
 */

export class Inspector {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    /** @type {[number, number] | null} where the hand points */
    this.place = null;
    /** @type {Answered<Row[]> | null} */
    this.here = null;
    /** @type {Answered<RegionAnswer> | null} */
    this.inside = null;
    /** @type {Answered<Whole[]> | null} what single cells are compared with */
    this.whole = null;
    this.background = new Asker(scope.source, (question, parts) =>
      this.#gotBackground(question, parts),
    );
    this.words = new Asker(scope.source, (question, parts) => this.#gotWords(question, parts));
    this.region = new Asker(scope.source, (question, parts) => this.#gotRegion(question, parts));
    this.aloud = false;
    /** @type {object | null | undefined} */
    this.shown = undefined;
    this.ownSince = -Infinity;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.later = undefined;
    this.title = el("h3", { class: "daam-title", text: "Words here" });
    this.where = el("span", { class: "daam-muted" });
    this.clear = el(
      "button",
      {
        class: "daam-button daam-only-icon",
        type: "button",
        title: "Clear the region (Esc)",
        "aria-label": "Clear the region",
        "data-testid": "clear-region",
        hidden: true,
      },
      icon("close"),
    );
    this.clear.addEventListener("click", () =>
      scope.input("region", () => scope.state.set({ region: [] })),
    );
    this.ranking = new Ranking(scope);
    this.order = inputsOf(scope, "ranking");
    this.hint = el("p", {
      class: "daam-hint",
      text: isCoarse()
        ? "Tap the image: the words whose maps are high there."
        : "Point at the image: the words whose maps are high there.",
    });
    this.bySteps = bars("region-steps");
    this.byLayers = bars("region-layers");
    this.note = el("p", { class: "daam-hint", "data-testid": "ranking-note" });
    this.element = el(
      "div",
      { class: "daam-inspector", "data-testid": "inspector" },
      el(
        "div",
        { class: "daam-panel" },
        el(
          "div",
          { class: "daam-title-row" },
          this.title,
          el("span", { class: "daam-space" }),
          this.clear,
        ),
        el(
          "div",
          { class: "daam-rank-tools" },
          this.where,
          el("span", { class: "daam-space" }),
          ...Object.values(this.order).map((one) => one.label),
        ),
        this.hint,
        this.ranking.element,
        this.note,
      ),
      this.bySteps.element,
      this.byLayers.element,
    );
  }

  /**
   * The hand points at a place.
   *
   * @param {[number, number] | null} place [y, x] in shares of the image; null: nowhere
   * @param {boolean} [aloud] whether a screen reader is told
   */
  point(place, aloud = false) {
    // A region stays until it is cleared: its words are not swept away by the next move.
    if (place !== null && this.polygon) return;
    this.place = place;
    this.aloud = aloud;
    this.scope.invalidate(flags.PANEL);
  }

  /** The region that is drawn; null where there is none. */
  get polygon() {
    const polygon = this.scope.state.get("region");
    return polygon.length >= 3 ? polygon : null;
  }

  /** All that asks the source. */
  get askers() {
    return [this.words, this.background, this.region];
  }

  /** Why the words cannot be had; empty where they can. */
  get problem() {
    return this.region.problem || this.words.problem || this.background.problem;
  }

  /**
   * What the words depend on. An answer is shown while this is the same, and no longer.
   *
   * @returns {string}
   */
  get #selection() {
    const { source, state } = this.scope;
    const { choice, layer, head, steps, special } = state.sel;
    return JSON.stringify([source.run, choice, layer, head, steps, special]);
  }

  /** Words in a region say besides which word the bars are of. */
  get #ofRegion() {
    return JSON.stringify([this.#selection, this.scope.state.get("word"), this.polygon]);
  }

  /**
   * @param {Question} question
   * @param {Part[] | null} parts
   */
  #gotWords(question, parts) {
    const part = parts?.find(({ name }) => name === "words");
    if (part) {
      const { y, x } = /** @type {{y: number, x: number}} */ (question.at);
      const of = this.#asked(question);
      this.here = { of, place: [y, x], value: part.rows, note: part.note ?? "" };
    }
    this.scope.invalidate(flags.PANEL);
  }

  /**
   * @param {Question} question
   * @param {Part[] | null} parts
   */
  #gotBackground(question, parts) {
    const part = parts?.find(({ name }) => name === "background");
    if (part) this.whole = { of: this.#asked(question), place: [0, 0], value: part.rows, note: "" };
    this.scope.invalidate(flags.PANEL);
  }

  /** The words at the place with their lifts, where these are known. */
  get #rowsHere() {
    const { here, whole } = this;
    if (!here) return [];
    return whole?.of === here.of ? lifted(here.value, whole.value) : here.value;
  }

  /**
   * @param {Question} question
   * @param {Part[] | null} parts
   */
  #gotRegion(question, parts) {
    const part = parts?.find(({ name }) => name === "region");
    if (part) {
      const { polygon } = /** @type {{polygon: [number, number][]}} */ (question.at);
      const of = JSON.stringify([this.#asked(question), question.sel.word, polygon]);
      this.inside = {
        of,
        place: polygon[0],
        value: /** @type {any} */ (part),
        note: part.note ?? "",
      };
      if (of === this.#ofRegion) this.scope.say(`Region: ${this.ranking.spoken(part.rows)}`);
    }
    this.scope.invalidate(flags.PANEL);
  }

  /** @param {Question} question */
  #asked({ sel }) {
    const { choice, layer, head, steps, special } = sel;
    return JSON.stringify([this.scope.source.run, choice, layer, head, steps, special]);
  }

  /** Ask for the words of the present selection where they are not here. */
  #ask() {
    const { state } = this.scope;
    const { polygon, place } = this;
    if (polygon) this.place = null;
    const { sel } = state;
    const lacksRegion = polygon && this.inside?.of !== this.#ofRegion;
    if (!state.moving || !lacksRegion)
      this.region.want(lacksRegion ? { want: ["region"], sel, at: { polygon } } : null);
    const [y, x] = place ?? [0, 0];
    const { here } = this;
    const lacks =
      !here || here.of !== this.#selection || here.place[0] !== y || here.place[1] !== x;
    const pointed = place && !polygon && lacks;
    this.words.want(pointed ? { want: ["words"], sel, at: { y, x } } : null);
    // Of a large recording it takes a while: asked for where the hand points and nothing moves.
    const still = place && !polygon && !state.moving && !state.get("playing");
    const lacksWhole = still && this.whole?.of !== this.#selection;
    this.background.want(lacksWhole ? { want: ["background"], sel } : null);
  }

  /** @param {number} what */
  update(what) {
    this.#ask();
    const { scope, polygon } = this;
    const region = polygon && this.inside?.of === this.#ofRegion ? this.inside : null;
    const own = this.here?.of === this.#selection;
    if (own) this.ownSince = performance.now();
    const here = this.place && (own || this.#lingers) ? this.here : null;
    const rows = region ? region.value.rows : here ? this.#rowsHere : [];
    const lifts = rows.every(({ lift }) => lift !== undefined);
    if (here && own && lifts && this.aloud && String(here.place) === String(this.place)) {
      this.aloud = false;
      scope.say(this.ranking.spoken(rows));
    }
    const shown = region ?? here;
    if (shown === this.shown && !(what & (flags.PANEL | flags.WORDS))) return;
    this.shown = shown;
    write(this.title, polygon ? "Words in the region" : "Words here");
    this.clear.hidden = !polygon;
    this.hint.hidden = Boolean(shown || polygon);
    this.#locate(here?.place ?? null);
    this.ranking.show(rows, { stale: Boolean(here && !own), region: Boolean(region) });
    for (const input of Object.values(this.order)) {
      input.show();
      input.label.hidden = !shown;
    }
    attribute(this.element, "data-filled", rows.length > 0);
    const waiting = polygon && !region && !this.problem;
    const { facts } = scope.state;
    const [brief, reading] = this.ranking.reading(lifts, Boolean(region));
    const notes = shown ? [brief, shown.note] : [];
    attribute(this.note, "title", shown ? reading : null);
    write(
      this.note,
      waiting ? "The words of the region are on their way." : notes.filter(Boolean).join(" "),
    );
    const word = facts.words?.[region?.value.bars_of ?? scope.state.get("word")]?.text ?? "";
    this.bySteps.show(
      `“${word}” by step`,
      region?.value.by_step ?? null,
      (i) => `step ${facts.steps[i]?.place}, ${timestepText(facts, i)}`,
    );
    this.byLayers.show(
      `“${word}” by layer`,
      region?.value.by_layer ?? null,
      (i) => facts.layers[i]?.label ?? String(i),
    );
    attribute(this.element, "data-region", Boolean(region));
  }

  /** Whether the words of a moment ago stay, paler, until those of the present are here. */
  get #lingers() {
    const left = this.ownSince + times.linger - performance.now();
    clearTimeout(this.later);
    if (left > 0) this.later = setTimeout(() => this.scope.invalidate(flags.PANEL), left + 10);
    return left > 0;
  }

  /** @param {[number, number] | null} place of the words that are listed */
  #locate(place) {
    const [height, width] = this.scope.state.facts.image ?? [1, 1];
    const cell = (/** @type {number} */ share, /** @type {number} */ side) =>
      Math.min(side - 1, Math.floor(share * side));
    write(this.where, place ? `x ${cell(place[1], width)}, y ${cell(place[0], height)}` : "");
  }

  destroy() {
    clearTimeout(this.later);
    this.words.destroy();
    this.background.destroy();
    this.region.destroy();
  }
}

/**
 * A row of upright bars with a title.
 *
 * @param {string} id
 */
function bars(id) {
  const heading = el("h3", { class: "daam-title", dir: "auto" });
  const row = el("div", { class: "daam-bars", role: "img", "data-testid": id });
  const most = el("span", { class: "daam-muted" });
  const element = el(
    "div",
    { class: "daam-panel daam-bars-panel", hidden: true },
    el("div", { class: "daam-title-row" }, heading, el("span", { class: "daam-space" }), most),
    row,
  );
  /**
   * @param {string} title
   * @param {(number | null)[] | null} values
   * @param {(i: number) => string} name
   */
  function show(title, values, name) {
    element.hidden = !values;
    if (!values) return;
    write(heading, title);
    const max = Math.max(1e-12, ...values.map((value) => value ?? 0));
    const best = values.indexOf(max);
    write(most, best >= 0 ? `most: ${name(best)}` : "");
    attribute(row, "aria-label", `${title}: most at ${best >= 0 ? name(best) : "none"}`);
    row.replaceChildren(
      ...values.map((value, i) => {
        const text = `${name(i)}: ${value === null ? "not chosen" : short(value)}`;
        const bar = el("span", {});
        bar.style.height = `${(100 * (value ?? 0)) / max}%`;
        return el("span", { class: "daam-bar", "data-none": value === null, title: text }, bar);
      }),
    );
  }
  return { element, show };
}
