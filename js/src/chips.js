// The prompt as chips: one word is shown, a second one may be compared.
/** @import { Scope } from "./scope.js" */
/** @import { Word } from "./types.js" */
import { Arcs } from "./arcs.js";
import { attribute, el, icon, write, writeMixed } from "./dom.js";
import * as flags from "./flags.js";
import { isCoarse } from "./hints.js";
import { Phrases } from "./phrases.js";
import { MANY, WordTools } from "./wordtools.js";

const READING = "Bright places looked at this word while the image was drawn.";
const LEAD = "Pick a word; Shift-click another to compare.";
const LEAD_FINGER = "Tap a word; Compare and another compares both.";
const LEAD_PAIR =
  "Orange, solid line: where the map of A is high. Blue, dashed line: of B. White: of both.";
const LEAD_DIFFERENCE = "Red: where the map of A (solid line) is higher. Blue: of B (dashed line).";
const SYNTAX = "Show how the words depend on each other; click an arc to compare both";

export class Chips {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.comparing = false; // a click chooses the second word
    this.hadSecond = false;
    /** @type {HTMLButtonElement[]} */
    this.buttons = [];
    /** @type {HTMLButtonElement[]} */
    this.order = []; // as they stand on the page
    /** @type {number[]} */
    this.inText = [];
    this.built = "";
    this.run = "";
    this.stands = ""; // the order on the page
    this.seen = -1; // the word that was scrolled to
    this.list = el("div", {
      class: "daam-chips",
      role: "radiogroup",
      "aria-label":
        "Words of the prompt. Arrow keys show a word, with Shift they compare it, with Ctrl and Shift they extend it to a phrase.",
      "data-testid": "chips",
      on: {
        click: (/** @type {MouseEvent} */ event) => this.#click(event),
        keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      },
    });
    this.phrases = new Phrases(scope, this.list);
    this.arcs = new Arcs(scope, this);
    this.scroller = el("div", { class: "daam-words" }, this.arcs.element, this.list);
    this.compare = toggle(
      "Compare",
      "compare",
      "Click a second word to compare it (or Shift-click, c)",
    );
    this.swap = el(
      "button",
      {
        class: "daam-button daam-only-icon daam-swap",
        type: "button",
        title: "Swap A and B (x)",
        "aria-label": "Swap A and B",
        "data-testid": "swap",
      },
      icon("swap"),
    );
    this.pieces = toggle(
      "Pieces",
      "pieces",
      "Show the tokenizer's pieces, and the start and end of the text",
    );
    this.syntax = toggle("Syntax", "syntax", SYNTAX);
    this.compare.addEventListener("click", () => this.setComparing(!this.on));
    this.swap.addEventListener("click", () => scope.input("word", () => this.swapWords()));
    this.pieces.addEventListener("click", () => this.#toggle("show_pieces"));
    this.syntax.addEventListener("click", () => this.#toggle("show_syntax"));
    this.title = el("h2", { class: "daam-lead-title", "data-testid": "title" });
    this.means = el("p", { class: "daam-lead-text", "data-testid": "lead" });
    this.words = new WordTools(scope);
    this.tools = el(
      "div",
      { class: "daam-tools" },
      this.words.element,
      this.compare,
      this.phrases.button,
      this.pieces,
      this.syntax,
    );
    this.element = el(
      "header",
      { class: "daam-head" },
      el("div", { class: "daam-lead" }, this.title, this.swap, this.means),
      this.scroller,
      this.tools,
    );
  }

  destroy() {
    this.words.destroy();
    this.phrases.destroy();
  }

  /** Whether a second word is compared, or the next click compares one. */
  get on() {
    return this.comparing || this.scope.state.get("word_b") >= 0;
  }

  /** @param {"show_pieces" | "show_syntax"} name */
  #toggle(name) {
    this.scope.input(name, () => this.scope.state.set({ [name]: !this.scope.state.get(name) }));
  }

  /** @param {boolean} on */
  setComparing(on) {
    this.scope.input("word", () => {
      this.comparing = on;
      this.phrases.on = false;
      if (!on) this.scope.state.set({ word_b: -1 });
      this.scope.say(on ? "Compare: choose the second word." : "One word is shown.");
      this.scope.invalidate(flags.WORDS);
    });
  }

  swapWords() {
    const { state } = this.scope;
    const [a, b] = [state.get("word"), state.get("word_b")];
    if (b >= 0) state.set({ word: b, word_b: a });
  }

  /**
   * @param {number} word
   * @param {boolean} compare
   */
  choose(word, compare) {
    const { state, maps } = this.scope;
    if (!state.facts.words[word]?.kept) return;
    this.phrases.forget();
    maps.hover = null;
    const [a, b] = [state.get("word"), state.get("word_b")];
    if (!compare) state.set({ word, word_b: b === word ? -1 : b });
    else if (word !== a) state.set({ word_b: b === word ? -1 : word });
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const chip = /** @type {Element} */ (event.target).closest("[data-word]");
    if (!chip) return;
    const word = Number(chip.getAttribute("data-word"));
    this.scope.input("word", () => {
      if (event.altKey || this.phrases.on) this.phrases.extendTo(word);
      else this.choose(word, event.shiftKey || this.comparing);
    });
    // Choosing with a modifier must not select the text around.
    if (event.shiftKey || event.altKey) getSelection()?.removeAllRanges();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { state } = this.scope;
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -2, End: 2 }[
      event.key
    ];
    const chip = /** @type {Element} */ (event.target).closest("[data-word]");
    if (chip && (event.key === "Delete" || event.key === "Backspace")) {
      event.preventDefault();
      const number = Number(chip.getAttribute("data-word"));
      this.scope.input("word", () => this.phrases.dismiss(number));
    }
    if (way && event.ctrlKey && event.shiftKey) {
      event.preventDefault();
      event.stopPropagation();
      if (Math.abs(way) === 1) this.scope.input("word", () => this.phrases.step(way));
      return;
    }
    if (chip && (event.key === "Enter" || event.key === " ") && event.shiftKey) {
      event.preventDefault();
      this.scope.input("word", () => this.choose(Number(chip.getAttribute("data-word")), true));
    }
    if (!way) return;
    event.preventDefault();
    const open = this.order.filter((b) => !b.disabled && !b.hidden);
    const of = event.shiftKey && state.get("word_b") >= 0 ? "word_b" : "word";
    const at = open.findIndex((b) => Number(b.dataset.word) === state.get(of));
    let to = way === -2 ? 0 : way === 2 ? open.length - 1 : (at + way + open.length) % open.length;
    if (event.shiftKey && Number(open[to]?.dataset.word) === state.get("word")) {
      to = (to + Math.sign(way) + open.length) % open.length;
    }
    const target = open[to];
    if (!target) return;
    const word = Number(target.dataset.word);
    this.scope.input("word", () => {
      if (!event.shiftKey) this.choose(word, false);
      else if (state.get("word_b") !== word) this.choose(word, true);
    });
    if (!event.shiftKey) target.focus();
  }

  /** @param {number} what */
  update(what) {
    if (!(what & flags.WORDS)) return;
    const { state } = this.scope;
    const { facts } = state;
    this.words.ask();
    const run = this.scope.source.run ?? "";
    if (run !== this.run) this.phrases.reset();
    this.run = run;
    const key = JSON.stringify([facts.words, facts.kind]);
    if (key !== this.built) {
      this.built = key;
      this.#build(facts.words ?? []);
    }
    this.phrases.settle();
    this.#arrange();
    const [a, b] = [state.get("word"), state.get("word_b")];
    if (this.hadSecond && b < 0) this.comparing = false;
    this.hadSecond = b >= 0;
    let all = 0;
    this.buttons.forEach((button, word) => {
      const role = word === a ? "a" : word === b ? "b" : null;
      attribute(button, "data-role", role);
      attribute(button, "aria-checked", String(word === a));
      attribute(button, "aria-description", role === "b" ? "compared, B" : null);
      button.tabIndex = word === a ? 0 : -1;
      const { special, text } = facts.words[word];
      const isOpen =
        role || (!this.phrases.dismissed.has(word) && (!special || state.get("show_pieces")));
      button.hidden = !isOpen || !(role || this.words.fits(text));
      if (isOpen) all++;
    });
    this.phrases.update(this.buttons);
    const { joined } = this.phrases;
    if (joined !== null && this.list.querySelector(":focus")) this.buttons[joined]?.focus();
    this.phrases.joined = null;
    const shown = this.buttons.filter((button) => !button.hidden).length;
    attribute(this.element, "data-many", all > MANY);
    this.words.show(shown, all);
    this.#reveal(a);
    this.#lead(facts.words?.[a]?.text ?? "", facts.words?.[b]?.text);
    attribute(this.element, "data-comparing", b >= 0);
    attribute(this.compare, "aria-pressed", String(this.on));
    this.swap.hidden = b < 0;
    attribute(this.pieces, "aria-pressed", String(Boolean(state.get("show_pieces"))));
    this.syntax.hidden = (facts.syntax?.state ?? (facts.parse ? "here" : "none")) === "none";
    attribute(this.syntax, "title", facts.syntax?.note || SYNTAX);
    const waits = facts.syntax?.state === "later" && state.get("show_syntax");
    write(this.syntax, waits ? "Syntax …" : "Syntax");
    attribute(this.syntax, "aria-busy", waits ? "true" : null);
    attribute(this.syntax, "aria-pressed", String(Boolean(state.get("show_syntax"))));
    this.arcs.update();
  }

  /**
   * What is seen, and what can be done next.
   *
   * @param {string} a
   * @param {string} [b]
   */
  #lead(a, b) {
    const { facts } = this.scope.state;
    if (this.scope.maps.looks()) {
      write(this.title, "Where a place looks");
      write(this.means, "Bright: what the marked place attends to in the image itself.");
      return;
    }
    const of = `${facts.title ?? "Attention to"} “`;
    if (b === undefined) writeMixed(this.title, [of, a, "”"]);
    else writeMixed(this.title, [of, a, "” (A) and “", b, "” (B)"]);
    const difference = this.scope.state.get("view") === "difference";
    const lead = `${facts.reading ?? READING} ${isCoarse() ? LEAD_FINGER : LEAD}`;
    write(this.means, b === undefined ? lead : difference ? LEAD_DIFFERENCE : LEAD_PAIR);
  }

  /** @param {Word[]} words */
  #build(words) {
    const kind = this.scope.state.facts.kind ?? "attention";
    this.buttons = words.map((word, i) => chip(word, i, kind));
    this.inText = inOrder(words);
    this.stands = "";
  }

  /** Put the chips in their order. */
  #arrange() {
    // Arcs are read in the text's order.
    const isText = this.scope.state.get("show_syntax") && this.scope.state.facts.parse;
    const order = isText ? this.inText : this.words.order(this.inText);
    const stands = order.join(" ");
    if (stands === this.stands) return;
    this.stands = stands;
    const focused = this.order.find((button) => button.matches(":focus"))?.dataset.word;
    this.order = order.map((i) => this.buttons[i]);
    this.list.replaceChildren(...this.order.flatMap((chip) => this.phrases.withCloser(chip)));
    if (focused !== undefined) this.buttons[Number(focused)]?.focus();
    this.seen = -1;
  }

  /**
   * Scroll to the shown word when it is another: chips may stand in more rows than are seen.
   *
   * @param {number} word
   */
  #reveal(word) {
    if (word === this.seen) return;
    const chip = this.buttons[word];
    const { list } = this;
    if (!chip || list.clientHeight === 0) return;
    this.seen = word;
    const top = chip.offsetTop;
    if (top < list.scrollTop || top + chip.offsetHeight > list.scrollTop + list.clientHeight)
      list.scrollTop = top - 2;
  }
}

/**
 * The order of the text, a word before its pieces, a phrase behind its last word; words that the
 * model did not read come last.
 *
 * @param {Word[]} words
 * @returns {number[]} numbers of words
 */
export function inOrder(words) {
  const place = (/** @type {number} */ i) => {
    const { kind, tokens } = words[i];
    return (kind === "phrase" ? tokens[tokens.length - 1] : tokens[0]) ?? Infinity;
  };
  const before = (/** @type {number} */ p, /** @type {number} */ q) =>
    place(p) === place(q) ? p - q : place(p) - place(q);
  return words.map((_, i) => i).sort(before);
}

/**
 * @param {Word} word
 * @param {number} index
 * @param {string} kind what the maps show
 */
function chip(word, index, kind) {
  return el(
    "button",
    {
      class: "daam-chip",
      type: "button",
      role: "radio",
      "data-testid": "chip",
      "data-word": index,
      "data-kind": word.kind ?? (word.special ? "sign" : "word"),
      disabled: !word.kept,
      title: titleOf(word, kind),
    },
    el("span", { class: "daam-chip-text", dir: "auto", text: word.text }),
    el("span", { class: "daam-chip-mark", "aria-hidden": "true" }),
  );
}

/**
 * @param {Word} word
 * @param {string} kind
 */
function titleOf(word, kind) {
  if (!word.kept)
    return word.tokens.length > 0
      ? `This recording keeps no ${kind} of this word`
      : "The model did not read this word: it lies behind its last token";
  const pieces = word.pieces?.length > 1 ? ` (${word.pieces.join(" + ")})` : "";
  const tokens =
    word.tokens.length > 1 ? `tokens ${word.tokens.join(", ")}` : `token ${word.tokens[0]}`;
  return `${KINDS[word.kind ?? "word"] ?? ""}${tokens}${pieces}`;
}

/** @type {Record<string, string>} */
const KINDS = {
  phrase: "Several words together, ",
  piece: "A piece of a word, ",
  sign: "A sign, ",
  start: "The start of the text, ",
  end: "The end of the text, ",
  padding: "Padding after the text, ",
};

/**
 * @param {string} text
 * @param {string} id
 * @param {string} title
 */
export function toggle(text, id, title) {
  return el("button", {
    class: "daam-button daam-toggle",
    type: "button",
    "aria-pressed": "false",
    "data-testid": id,
    title,
    text,
  });
}
