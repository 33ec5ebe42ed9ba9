// Where a prompt has many words: a filter, and the words with most attention first.
/** @import { Scope } from "./scope.js" */
/** @import { Part, Question } from "./types.js" */
import { Asker } from "./asker.js";
import { el, write } from "./dom.js";
import * as flags from "./flags.js";
import { inputsOf } from "./inputs.js";

/** Fewer words are seen at once. */
export const MANY = 24;

export class WordTools {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.inputs = inputsOf(scope, "words");
    /** @type {{of: string, words: number[]}} words by the means of their maps, the largest first */
    this.ranked = { of: "", words: [] };
    this.asker = new Asker(scope.source, (question, parts) => this.#answered(question, parts));
    this.box = el("input", {
      type: "search",
      class: "daam-filter",
      placeholder: "Filter words",
      "aria-label": "Filter the words",
      autocomplete: "off",
      spellcheck: "false",
      "data-testid": "word-filter",
    });
    this.box.addEventListener("input", () =>
      scope.input("filter", () => scope.invalidate(flags.WORDS)),
    );
    this.box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.box.value === "") return;
      event.preventDefault();
      this.box.value = "";
      scope.input("filter", () => scope.invalidate(flags.WORDS));
    });
    this.count = el("span", { class: "daam-muted", role: "status", "data-testid": "word-count" });
    this.element = el(
      "span",
      { class: "daam-wordtools", role: "group", "aria-label": "Which words", hidden: true },
      this.count,
      this.box,
      ...Object.values(this.inputs).map(({ label }) => label),
    );
  }

  /** Why the order cannot be had; empty where it can. */
  get problem() {
    return this.asker.problem;
  }

  /** What the order depends on. */
  get #selection() {
    return selectionOf(this.scope.source.run, this.scope.state.sel);
  }

  /**
   * @param {string} text of a word
   * @returns {boolean} whether it is among those looked for
   */
  fits(text) {
    const wanted = this.box.value.trim().toLowerCase();
    return wanted === "" || text.toLowerCase().includes(wanted);
  }

  /**
   * @param {number[]} inText numbers of the words in the text's order
   * @returns {number[]} as they are to stand
   */
  order(inText) {
    if (this.scope.state.get("word_order") !== "attention") return inText;
    if (this.ranked.of !== this.#selection) return inText;
    const { words } = this.ranked;
    return [...words, ...inText.filter((word) => !words.includes(word))];
  }

  /** Ask for the order where it is wanted and not here. */
  ask() {
    const { state } = this.scope;
    if (state.moving || state.get("playing")) return;
    const lacks = state.get("word_order") === "attention" && this.ranked.of !== this.#selection;
    this.asker.want(lacks ? { want: ["background"], sel: state.sel } : null);
  }

  /**
   * @param {Question} question
   * @param {Part[] | null} parts
   */
  #answered({ sel }, parts) {
    const part = parts?.find(({ name }) => name === "background");
    if (part) {
      // Shares of the whole image are in the order of the maps' means.
      const rows = [...part.rows].sort((p, q) => q.share - p.share);
      const words = rows.map((/** @type {{word: number}} */ row) => row.word);
      this.ranked = { of: selectionOf(this.scope.source.run, sel), words };
    }
    this.scope.invalidate(flags.WORDS);
  }

  /**
   * @param {number} shown words that are in sight
   * @param {number} all words that could be
   */
  show(shown, all) {
    const wanted = this.scope.state.get("word_order") !== "text" || this.box.value !== "";
    this.element.hidden = all <= MANY && !wanted;
    write(this.count, this.box.value.trim() === "" ? "" : `${shown} of ${all}`);
    for (const { show } of Object.values(this.inputs)) show();
  }

  destroy() {
    this.asker.destroy();
  }
}

/**
 * @param {string | undefined} run
 * @param {import("./types.js").Sel} sel
 */
function selectionOf(run, { choice, layer, head, steps, special }) {
  return JSON.stringify([run, choice, layer, head, steps, special]);
}
