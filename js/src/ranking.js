// The ranked words of a place: of each its lift as a bar, what chance gives behind it, its share.
/** @import { Scope } from "./scope.js" */
/** @import { Row } from "./types.js" */
import { attribute, el, short, write } from "./dom.js";
import { inOrder } from "./lift.js";
import { unitText, wordText } from "./naming.js";

const ROWS = 8;
const COMPARABLE = "Sizes may be compared between words.";
const NOT_COMPARABLE =
  "Sizes are not comparable between words: some have higher values everywhere.";
const LIFT =
  "Lift: the share of the words’ values here over the share in the whole image. 1 is the line.";
const BAND = { true: "other regions of this size", false: "all places" };

export class Ranking {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.element = el("ol", { class: "daam-ranking", "data-testid": "ranking" });
  }

  /**
   * @param {Row[]} rows
   * @param {{stale: boolean, region: boolean}} of whether they are of a moment ago, paler, and whether
   *   of a region
   */
  show(rows, { stale, region }) {
    const { state } = this.scope;
    const { element } = this;
    const by = state.get("rank_by");
    const shown = inOrder(rows, by).slice(0, state.get("projector") ? 6 : ROWS);
    const most = Math.max(1e-12, ...shown.map((row) => row.value));
    attribute(element, "data-stale", stale);
    attribute(element, "data-by", by);
    while (element.children.length < shown.length) element.append(rankRow());
    while (element.children.length > shown.length) element.lastElementChild?.remove();
    shown.forEach((row, i) => {
      const item = /** @type {HTMLElement} */ (element.children[i]);
      const [word, lift, bar, share] = /** @type {HTMLElement[]} */ ([...item.children]);
      write(word, wordText(state.facts, row.word));
      attribute(item, "data-word", row.word);
      attribute(item, "data-role", roleOf(row.word, state));
      write(lift, row.lift === undefined ? "…" : `× ${times(row.lift)}`);
      write(share, `${Math.round(100 * row.share)} %`);
      if (by === "lift") drawLift(bar, row);
      else drawShare(bar, row.value / most);
      attribute(item, "title", this.#title(row, region));
    });
  }

  /**
   * @param {Row} row
   * @param {boolean} region
   */
  #title(row, region) {
    const share = `${(100 * row.share).toFixed(1)} % of the words`;
    const value = `${unitText(this.scope.state.facts)} ${short(row.value)}, ${share}`;
    if (row.lift === undefined) return value;
    const band = row.chance
      ? `, × ${times(row.chance[0])} to × ${times(row.chance[1])} in 90 % of ${BAND[`${region}`]}`
      : "";
    return `${value}; lift × ${times(row.lift)}${band}`;
  }

  /**
   * How the rows are to be read: what stands below them, and the same in full.
   *
   * @param {boolean} lifts whether all lifts are known
   * @param {boolean} region
   * @returns {[string, string]}
   */
  reading(lifts, region) {
    const { state } = this.scope;
    if (state.get("rank_by") !== "lift") {
      const scale = state.facts.comparable ? COMPARABLE : NOT_COMPARABLE;
      return [scale, `Ranked by share of the words’ values here. ${scale}`];
    }
    if (!lifts) {
      const waiting = "The lifts are on their way; until then the order is by share.";
      return [waiting, waiting];
    }
    const band = `Gray: 90 % of ${BAND[`${region}`]}.`;
    return [band, `${LIFT} ${band}`];
  }

  /**
   * The first three, to be said.
   *
   * @param {Row[]} rows
   */
  spoken(rows) {
    const { state } = this.scope;
    return inOrder(rows, state.get("rank_by"))
      .slice(0, 3)
      .map((row) => {
        const lift = row.lift === undefined ? "" : ` lift ${times(row.lift)},`;
        return `${wordText(state.facts, row.word)}${lift} ${Math.round(100 * row.share)} percent`;
      })
      .join("; ");
  }
}

/**
 * Where a lift stands on the bar, 0 to 1: half of it is 1, three quarters 3, as much to the left a
 * third; so that the line at 1 stays where it is.
 *
 * @param {number} lift
 */
export function placeOf(lift) {
  return lift / (1 + lift);
}

/**
 * @param {number} value
 * @returns {string} with two digits that count
 */
export function times(value) {
  if (value >= 9.95) return String(Math.round(value));
  return value.toFixed(value >= 0.095 || value === 0 ? 1 : 2);
}

/**
 * @param {HTMLElement} bar
 * @param {Row} row
 */
function drawLift(bar, { lift, chance }) {
  const [band, fill, line] = /** @type {HTMLElement[]} */ ([...bar.children]);
  const percent = (/** @type {number} */ share) => `${100 * share}%`;
  line.hidden = lift === undefined;
  band.hidden = !chance;
  if (chance) {
    const [low, high] = chance.map(placeOf);
    band.style.insetInlineStart = percent(low);
    band.style.width = percent(Math.max(0.02, high - low));
  }
  fill.style.width = percent(lift === undefined ? 0 : placeOf(lift));
}

/**
 * @param {HTMLElement} bar
 * @param {number} part of the largest
 */
function drawShare(bar, part) {
  const [band, fill, line] = /** @type {HTMLElement[]} */ ([...bar.children]);
  band.hidden = line.hidden = true;
  fill.style.width = `${100 * part}%`;
}

/**
 * @param {number} word
 * @param {import("./state.js").State} state
 */
function roleOf(word, state) {
  return word === state.get("word") ? "a" : word === state.get("word_b") ? "b" : null;
}

function rankRow() {
  return el(
    "li",
    { class: "daam-rank", "data-testid": "rank" },
    el("span", { class: "daam-rank-word", dir: "auto" }),
    el("span", { class: "daam-rank-lift" }),
    el(
      "span",
      { class: "daam-rank-bar" },
      el("span", { class: "daam-rank-band" }),
      el("span", { class: "daam-rank-fill" }),
      el("span", { class: "daam-rank-one" }),
    ),
    el("span", { class: "daam-rank-value" }),
  );
}
