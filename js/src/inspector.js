// From pixels to words: which words look at a place, and for a region at which steps and layers.
/** @import { View } from "./view.js" */
/** @import { RegionAnswer, Row } from "./types.js" */
import { attribute, el, icon, short, write } from "./dom.js";
import * as flags from "./flags.js";
import { timestepText } from "./naming.js";

const ROWS = 8;
/** What can be done next, while nothing is pointed at. */
const TRY = [
  ["Point at the picture:", "the words this place looked at."],
  ["Drag over it:", "the words of a region, by step and layer."],
  ["Point at a tile:", "that head alone; a click keeps it."],
  ["Press Space:", "play the steps."],
];

export class Inspector {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    /** @type {[number, number] | null} the place asked for last */
    this.wanted = null;
    this.asking = false;
    /** @type {string | undefined} */
    this.askedKey = undefined;
    this.asked = 0; // questions about regions
    /** @type {Row[] | null} */
    this.pixelRows = null;
    /** @type {RegionAnswer | null} */
    this.region = null;
    this.aloud = false;
    this.title = el("h3", { class: "daam-title", text: "Try this" });
    this.place = el("span", { class: "daam-muted" });
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
      view.input("region", () => view.picture.pointer.choose([])),
    );
    this.list = el("ol", { class: "daam-ranking", "data-testid": "ranking" });
    this.hint = el(
      "ul",
      { class: "daam-hint daam-try", "data-testid": "try" },
      ...TRY.map(([what, then]) => el("li", {}, el("b", { text: what }), ` ${then}`)),
    );
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
          this.place,
          el("span", { class: "daam-space" }),
          this.clear,
        ),
        this.hint,
        this.list,
        this.note,
      ),
      this.bySteps.element,
      this.byLayers.element,
    );
  }

  /**
   * The hand points at a place.
   *
   * @param {[number, number] | null} place [y, x] in shares of the picture; null: nowhere
   * @param {boolean} [aloud] whether a screen reader is told
   */
  point(place, aloud = false) {
    // A region stays until it is cleared: its words are not swept away by the next move.
    if (place !== null && this.view.state.get("region").length > 0) return;
    this.wanted = place;
    this.aloud = aloud;
    if (place === null) {
      this.pixelRows = null;
      this.view.invalidate(flags.PANEL);
    } else if (!this.asking) this.#askPixel();
  }

  /** One question at a time; the latest place is asked for as soon as the answer is there. */
  async #askPixel() {
    this.asking = true;
    while (this.wanted) {
      const place = this.wanted;
      try {
        const { content } = await this.view.requests.ask({
          type: "pixel",
          y: place[0],
          x: place[1],
        });
        if (this.wanted === null || this.view.state.get("region").length > 0) break;
        this.pixelRows = content.rows;
        this.pixelNote = content.note ?? "";
        if (this.aloud) this.view.status.say(spoken(this.view, content.rows));
      } catch (error) {
        this.#failed(error);
        this.wanted = null;
      }
      this.view.invalidate(flags.PANEL);
      if (this.wanted === place) break;
    }
    this.asking = false;
    /** @type {string | undefined} */
    this.askedKey = undefined;
  }

  async #askRegion() {
    const polygon = this.view.state.get("region");
    const asked = ++this.asked;
    if (polygon.length < 3) {
      this.region = null;
      return;
    }
    try {
      const { content } = await this.view.requests.ask({ type: "region", polygon });
      if (asked !== this.asked) return;
      this.region = content;
      this.view.status.say(`Region: ${spoken(this.view, content.rows)}`);
    } catch (error) {
      this.#failed(error);
    }
    this.view.invalidate(flags.PANEL);
  }

  /** @param {unknown} error */
  #failed(error) {
    if (!this.view.stop.signal.aborted) this.view.status.fail(/** @type {Error} */ (error).message);
  }

  /** @param {number} what */
  update(what) {
    this.#again();
    if (!(what & (flags.PANEL | flags.STEPS | flags.SELECTION))) return;
    const region = this.region && this.view.state.get("region").length > 0 ? this.region : null;
    const rows = this.pixelRows ?? region?.rows ?? null;
    const ofRegion = !this.pixelRows && Boolean(region);
    write(this.title, ofRegion ? "Words in the region" : rows ? "Words here" : "Try this");
    this.clear.hidden = !region;
    this.hint.hidden = Boolean(rows);
    this.#place();
    this.#rank(rows ?? []);
    write(this.note, (ofRegion ? region?.note : this.pixelNote) ?? "");
    const { facts } = this.view.state;
    const word = facts.words?.[region?.bars_of ?? this.view.state.get("word")]?.text ?? "";
    this.bySteps.show(
      `“${word}” by step`,
      region?.by_step ?? null,
      (i) => `step ${facts.steps[i]?.place}, ${timestepText(facts, i)}`,
    );
    this.byLayers.show(
      `“${word}” by layer`,
      region?.by_layer ?? null,
      (i) => facts.layers[i]?.label ?? String(i),
    );
    attribute(this.element, "data-region", Boolean(region));
  }

  /** Ask again where the region, or what it was asked about, is another. */
  #again() {
    const { state } = this.view;
    const region = state.get("region");
    const key = JSON.stringify([
      region,
      state.get("word"),
      state.get("choice"),
      state.get("layer"),
      state.get("head"),
      state.steps,
    ]);
    if (key === this.askedKey) return;
    if (region.length > 0) {
      this.wanted = null;
      this.pixelRows = null;
    }
    const first = this.askedKey === undefined;
    this.askedKey = key;
    clearTimeout(this.later);
    if (region.length < 3) {
      if (this.region) this.#askRegion();
      return;
    }
    this.later = setTimeout(() => this.#askRegion(), first ? 0 : 60);
  }

  #place() {
    const point = this.pixelRows ? this.wanted : null;
    const [height, width] = this.view.state.facts.image ?? [1, 1];
    write(
      this.place,
      point
        ? `x ${Math.min(width - 1, Math.floor(point[1] * width))}, y ${Math.min(height - 1, Math.floor(point[0] * height))}`
        : "",
    );
  }

  /** @param {Row[]} rows */
  #rank(rows) {
    const { state } = this.view;
    const shown = rows.slice(0, state.get("projector") ? 6 : ROWS);
    const most = Math.max(1e-12, ...shown.map((row) => row.value));
    while (this.list.children.length < shown.length) this.list.append(rankRow());
    while (this.list.children.length > shown.length) this.list.lastElementChild?.remove();
    shown.forEach((row, i) => {
      const item = /** @type {HTMLElement} */ (this.list.children[i]);
      const [word, bar, value] = /** @type {HTMLElement[]} */ ([...item.children]);
      write(word, state.facts.words[row.word]?.text ?? String(row.word));
      attribute(item, "data-word", row.word);
      attribute(
        item,
        "data-role",
        row.word === state.get("word") ? "a" : row.word === state.get("word_b") ? "b" : null,
      );
      /** @type {HTMLElement} */ (bar.firstElementChild).style.width =
        `${(100 * row.value) / most}%`;
      write(value, `${Math.round(100 * row.share)} %`);
      attribute(
        item,
        "title",
        `attention ${short(row.value)}, ${(100 * row.share).toFixed(1)} % of the words`,
      );
    });
  }

  destroy() {
    clearTimeout(this.later);
    this.wanted = null;
  }
}

function rankRow() {
  return el(
    "li",
    { class: "daam-rank", "data-testid": "rank" },
    el("span", { class: "daam-rank-word", dir: "auto" }),
    el("span", { class: "daam-rank-bar" }, el("span", {})),
    el("span", { class: "daam-rank-value" }),
  );
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

/**
 * @param {View} view
 * @param {Row[]} rows
 */
function spoken(view, rows) {
  return rows
    .slice(0, 3)
    .map(
      (row) => `${view.state.facts.words[row.word]?.text} ${Math.round(100 * row.share)} percent`,
    )
    .join(", ");
}
