// The dependency parse as arcs over the chips; an arc compares its head word and dependent.
/** @import { Chips } from "./chips.js" */
/** @import { Scope } from "./scope.js" */
import { attribute, svg } from "./dom.js";

/** @typedef {{from: number, to: number, h: number, d: number, texts: string[]}} Drawn */

const LEVEL = 20; // height of one level of nesting, CSS pixels
const FOOT = 6;

export class Arcs {
  /**
   * @param {Scope} scope
   * @param {Chips} chips
   */
  constructor(scope, chips) {
    this.scope = scope;
    this.chips = chips;
    this.element = svg("svg", {
      class: "daam-arcs",
      "data-testid": "arcs",
      role: "group",
      "aria-label": "Syntax: arcs from head words to their dependents",
    });
    this.element.addEventListener("click", (event) => this.#choose(event));
    // Of what is around it: a <title> inside an arc would be read as text that its name lacks.
    this.element.addEventListener("pointerover", (event) => {
      const arc = /** @type {Element} */ (event.target).closest("[data-head]");
      attribute(this.chips.scroller, "title", arc?.getAttribute("aria-label") ?? null);
    });
    this.element.addEventListener("pointerleave", () =>
      attribute(this.chips.scroller, "title", null),
    );
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this.#choose(event);
    });
    this.drawn = "";
  }

  /** @param {Event} event */
  #choose(event) {
    const arc = /** @type {Element} */ (event.target).closest("[data-head]");
    if (!arc) return;
    const head = Number(arc.getAttribute("data-head"));
    const dependent = Number(arc.getAttribute("data-dependent"));
    this.scope.input("word", () => this.scope.state.set({ word: head, word_b: dependent }));
  }

  update() {
    const { state } = this.scope;
    const parse = state.facts.parse;
    const shown = Boolean(parse && state.get("show_syntax"));
    this.element.style.display = shown ? "" : "none";
    attribute(this.chips.element, "data-syntax", shown);
    if (!shown || !parse) return;
    this.#draw(parse);
    const [a, b] = [state.get("word"), state.get("word_b")];
    for (const arc of this.element.querySelectorAll("[data-head]")) {
      const chosen =
        Number(arc.getAttribute("data-head")) === a &&
        Number(arc.getAttribute("data-dependent")) === b;
      attribute(arc, "aria-pressed", String(chosen));
    }
  }

  /** @param {NonNullable<import("./types.js").Facts["parse"]>} parse */
  #draw(parse) {
    const centers = this.chips.buttons.map((b) =>
      b.hidden ? null : b.offsetLeft + b.offsetWidth / 2,
    );
    const key = JSON.stringify([parse, centers]);
    if (key === this.drawn || this.chips.list.offsetWidth === 0) return; // hidden: not measured
    this.drawn = key;
    const words = this.scope.state.facts.words;
    const choosable = (/** @type {number} */ word) => Boolean(words[word]?.kept);
    // "dog" of "dog's" has a chip of its own among the pieces only: else it hangs on the word's.
    const at = (/** @type {import("./types.js").ParsedWord} */ word) =>
      centers[word.word] ?? centers[word.at] ?? null;
    /** @type {(import("./types.js").Arc & Drawn)[]} */
    const arcs = [];
    for (const arc of parse.arcs) {
      const head = parse.words[arc.head];
      const dependent = parse.words[arc.dependent];
      if (!head || !dependent || !choosable(head.word) || !choosable(dependent.word)) continue;
      const [from, to] = [at(head), at(dependent)];
      if (from === null || to === null || from === to) continue;
      arcs.push({
        ...arc,
        from,
        to,
        h: head.word,
        d: dependent.word,
        texts: [head.text, dependent.text],
      });
    }
    const levels = nested(
      arcs.map((arc) => [Math.min(arc.from, arc.to), Math.max(arc.from, arc.to)]),
    );
    const height = (Math.max(0, ...levels) + 1) * LEVEL + 14;
    attribute(this.element, "width", this.chips.list.scrollWidth);
    attribute(this.element, "height", height);
    // The outermost first: inside several arcs the innermost is what a click meets.
    const order = arcs.map((_, k) => k).sort((p, q) => levels[q] - levels[p]);
    this.element.replaceChildren(...order.map((k) => drawn(arcs[k], levels[k], height)));
  }
}

/**
 * How high each arc has to be to pass over those inside it.
 *
 * @param {number[][]} spans [first, last]
 * @returns {number[]}
 */
export function nested(spans) {
  const levels = spans.map(() => 0);
  const order = spans
    .map((_, i) => i)
    .sort((p, q) => spans[p][1] - spans[p][0] - (spans[q][1] - spans[q][0]));
  for (const i of order) {
    for (const j of order) {
      if (j === i) break;
      const overlapping = spans[j][0] < spans[i][1] && spans[i][0] < spans[j][1];
      if (overlapping) levels[i] = Math.max(levels[i], levels[j] + 1);
    }
  }
  return levels;
}

/**
 * @param {{relation: string} & Drawn} arc
 * @param {number} level
 * @param {number} height
 */
function drawn(arc, level, height) {
  const base = height - FOOT;
  const top = base - 8 - (level + 1) * LEVEL + 6;
  const way = arc.to > arc.from ? 1 : -1;
  // Arcs leave a head a little aside, so that several of them stay apart.
  const from = arc.from + way * 5;
  const to = arc.to - way * 2;
  const radius = Math.min(10, Math.abs(to - from) / 2);
  const path =
    `M${from} ${base} V${top + radius} Q${from} ${top} ${from + way * radius} ${top} ` +
    `H${to - way * radius} Q${to} ${top} ${to} ${top + radius} V${base}`;
  const middle = (from + to) / 2;
  const label = svg("text", {
    x: middle,
    y: top + 3.5,
    "text-anchor": "middle",
    text: arc.relation,
  });
  const wide = arc.relation.length * 6.2 + 8;
  const words = `${arc.texts[1]} is ${arc.relation} of ${arc.texts[0]}`;
  return svg(
    "g",
    {
      class: "daam-arc",
      role: "button",
      tabindex: "0",
      "data-testid": "arc",
      "data-head": arc.h,
      "data-dependent": arc.d,
      "aria-label": `${words}: compare`,
    },
    svg("path", { class: "daam-arc-hit", d: path }),
    svg("path", { class: "daam-arc-line", d: path }),
    svg("path", {
      class: "daam-arc-tip",
      d: `M${to - 4} ${base - 4} L${to} ${base + 3} L${to + 4} ${base - 4} Z`,
    }),
    svg("rect", {
      class: "daam-arc-plate",
      x: middle - wide / 2,
      y: top - 7,
      width: wide,
      height: 14,
      rx: 7,
    }),
    label,
  );
}
