// Phrases that a hand makes of chips: from the chosen word to another, all between them with it.
/** @import { Scope } from "./scope.js" */
/** @import { Word } from "./types.js" */
import { attribute, el, icon } from "./dom.js";
import * as flags from "./flags.js";
import { Moot } from "./source.js";

/** @typedef {{word: number, span: [number, number]}} Listed a phrase and its characters */

export class Phrases {
  /**
   * @param {Scope} scope
   * @param {HTMLElement} list of the chips
   */
  constructor(scope, list) {
    this.scope = scope;
    this.list = list;
    this.on = false; // a click on a chip extends the chosen word to it
    /** @type {{anchor: number, tip: number, word: number} | null} the words at both ends of the
     *  phrase that is chosen, in the order in which they were chosen */
    this.ends = null;
    /** @type {Listed | null} a phrase that the kernel has and the facts do not list yet */
    this.coming = null;
    /** @type {Set<number>} phrases that were taken from the list; their numbers stay */
    this.dismissed = new Set();
    /** @type {Map<number, HTMLButtonElement>} by number of the phrase */
    this.closers = new Map();
    /** @type {number | null} a phrase that was just chosen, to which the keyboard goes on */
    this.joined = null;
    this.wanted = 0; // the phrase asked for last, counted
    this.drag = { from: -1, to: -1 };
    this.button = el("button", {
      class: "daam-button daam-toggle",
      type: "button",
      "aria-pressed": "false",
      "data-testid": "phrase",
      title: "Click a second word for the phrase up to it (or Alt-click, or drag over the words)",
      text: "Phrase",
    });
    this.button.addEventListener("click", () => scope.input("word", () => this.setOn(!this.on)));
    list.addEventListener("pointerdown", (event) => this.#press(event));
    list.addEventListener("pointerover", (event) => this.#over(event));
    this.stop = new AbortController();
    const { signal } = this.stop;
    window.addEventListener("pointerup", () => this.#release(), { signal });
    window.addEventListener("pointercancel", () => this.#mark(-1, -1), { signal });
  }

  destroy() {
    this.stop.abort();
  }

  /** @param {boolean} on */
  setOn(on) {
    this.on = on;
    this.scope.say(on ? "Phrase: choose its other end." : "No phrase.");
    this.scope.invalidate(flags.WORDS);
  }

  /** Numbers of the words of which phrases can be made, in the text's order. */
  get #words() {
    const { words } = this.scope.state.facts;
    const isWord = (/** @type {number} */ i) => words[i].kept && words[i].kind === "word";
    return words
      .map((_, i) => i)
      .filter(isWord)
      .sort((p, q) => words[p].start - words[q].start);
  }

  /** The word from which the chosen word or phrase grows, and the word at its other end. */
  get #chosen() {
    const { state } = this.scope;
    const number = state.get("word");
    if (this.ends?.word === number) return this.ends;
    const chosen = state.facts.words[number];
    const inside = chosen?.special
      ? []
      : this.#words.filter((i) => lies(state.facts.words[i], chosen));
    if (inside.length === 0) return null;
    return { anchor: inside[0], tip: inside[inside.length - 1], word: number };
  }

  /**
   * Let the chosen word grow, or shrink, up to another.
   *
   * @param {number} to number of a word, or of a phrase: its further end
   */
  extendTo(to) {
    const { words } = this.scope.state.facts;
    const chosen = this.#chosen;
    const target = this.#words.filter((i) => lies(words[i], words[to]));
    if (!chosen || target.length === 0) {
      this.scope.fail("A phrase is made of words: choose one, then another.");
      return;
    }
    const isBefore = words[to].start < words[chosen.anchor].start;
    this.#make(chosen.anchor, isBefore ? target[0] : target[target.length - 1]);
  }

  /**
   * Move the end of the phrase by a word.
   *
   * @param {number} way 1: to the next word of the text; -1: to the one before
   */
  step(way) {
    const chosen = this.#chosen;
    if (!chosen) return;
    const order = this.#words;
    // A phrase that was not made here grows at the end to which it is moved.
    const own = this.ends?.word === chosen.word || way > 0;
    const [anchor, tip] = own ? [chosen.anchor, chosen.tip] : [chosen.tip, chosen.anchor];
    const to = order[order.indexOf(tip) + way];
    if (to === undefined) this.scope.say(way > 0 ? "The last word." : "The first word.");
    else this.#make(anchor, to);
  }

  /**
   * @param {number} anchor number of the word at one end
   * @param {number} tip of that at the other
   */
  async #make(anchor, tip) {
    const { scope } = this;
    const { state, source } = scope;
    const wanted = ++this.wanted;
    this.coming = null;
    const ends = [state.facts.words[anchor], state.facts.words[tip]];
    const span = /** @type {[number, number]} */ ([
      Math.min(...ends.map(({ start }) => start)),
      Math.max(...ends.map(({ end }) => end)),
    ]);
    const known = state.facts.words.findIndex((word) => isAt(word, span));
    let word = known;
    if (known < 0) {
      try {
        const parts = await source.ask({ want: ["entry"], sel: state.sel, at: { span } });
        word = parts.find(({ name }) => name === "entry")?.word ?? -1;
      } catch (error) {
        if (!(error instanceof Moot)) scope.fail(/** @type {Error} */ (error).message);
      }
    }
    if (wanted !== this.wanted || word < 0) return; // another is wanted by now, or there is none
    this.ends = { anchor, tip, word };
    this.coming = { word, span };
    this.on = false;
    this.dismissed.delete(word);
    scope.invalidate(flags.WORDS);
  }

  /** Choose the phrase that was asked for once the facts list it: they may come after the answer. */
  settle() {
    const { coming } = this;
    const { state } = this.scope;
    if (!coming || !isAt(state.facts.words[coming.word], coming.span)) return;
    this.coming = null;
    const { text, kind, tokens } = state.facts.words[coming.word];
    const other = state.get("word_b") === coming.word ? { word_b: -1 } : {};
    this.scope.fail("");
    this.scope.maps.hover = null;
    this.joined = coming.word;
    state.set({ word: coming.word, ...other });
    const count = `${tokens.length} token${tokens.length === 1 ? "" : "s"}`;
    if (kind === "phrase") this.scope.say(`Phrase “${text}”, the mean of ${count}.`);
    else this.scope.say(`The word “${text}” alone.`);
  }

  /**
   * Take a phrase from the list; where it is shown, its first word is.
   *
   * @param {number} number
   */
  dismiss(number) {
    const { state } = this.scope;
    const phrase = state.facts.words[number];
    if (phrase?.kind !== "phrase") return;
    const own = this.ends?.word === number ? this.ends.anchor : undefined;
    const first = own ?? this.#words.find((i) => lies(state.facts.words[i], phrase)) ?? 0;
    const shown = state.get("word") === number;
    this.dismissed.add(number);
    if (this.ends?.word === number) this.ends = null;
    /** @type {Record<string, number>} */
    const choice = {};
    if (shown) choice.word = first;
    const other = state.get("word_b");
    if (other === number || (shown && other === first)) choice.word_b = -1;
    state.set(choice);
    this.scope.say(`The phrase “${phrase.text}” is dismissed.`);
    this.scope.invalidate(flags.WORDS);
    requestAnimationFrame(() => {
      const chip = this.list.querySelector(`[data-word="${state.get("word")}"]`);
      /** @type {HTMLElement | null} */ (chip)?.focus();
    });
  }

  /** The hand chose a chip in another way. */
  forget() {
    this.wanted++;
    this.coming = null;
  }

  /** Other words: nothing of the former is known. */
  reset() {
    this.forget();
    this.ends = null;
    this.dismissed.clear();
    this.closers.clear();
  }

  /**
   * A chip and, of a phrase, the button that dismisses it.
   *
   * @param {HTMLButtonElement} chip
   * @returns {HTMLElement[]}
   */
  withCloser(chip) {
    const number = Number(chip.dataset.word);
    const word = this.scope.state.facts.words[number];
    if (word.kind !== "phrase") return [chip];
    let closer = this.closers.get(number);
    if (!closer) {
      closer = el(
        "button",
        {
          class: "daam-button daam-only-icon daam-dismiss",
          type: "button",
          title: "Dismiss the phrase (Delete)",
          "aria-label": `Dismiss the phrase “${word.text}”`,
          "data-testid": "dismiss",
          "data-of": number,
        },
        icon("close"),
      );
      closer.addEventListener("click", () => this.scope.input("word", () => this.dismiss(number)));
      this.closers.set(number, closer);
    }
    return [chip, closer];
  }

  /** @param {HTMLButtonElement[]} chips as they are shown */
  update(chips) {
    attribute(this.button, "aria-pressed", String(this.on));
    this.button.hidden = this.#words.length < 2;
    for (const [number, closer] of this.closers) closer.hidden = chips[number]?.hidden ?? true;
  }

  /** @param {PointerEvent} event */
  #press(event) {
    // A finger scrolls: the button is for it.
    if (event.button !== 0 || event.pointerType === "touch") return;
    this.drag = { from: this.#wordAt(event), to: -1 };
  }

  /** @param {PointerEvent} event */
  #over(event) {
    const { from } = this.drag;
    if (from < 0) return;
    if (!(event.buttons & 1)) {
      this.#mark(-1, -1); // let go of where nobody heard it
      return;
    }
    const to = this.#wordAt(event);
    if (to >= 0) this.#mark(from, to);
  }

  #release() {
    const { from, to } = this.drag;
    this.#mark(-1, -1);
    if (from < 0 || to < 0 || from === to) return;
    getSelection()?.removeAllRanges();
    this.scope.input("word", () => this.#make(from, to));
  }

  /**
   * Show which words a drag goes over.
   *
   * @param {number} from
   * @param {number} to
   */
  #mark(from, to) {
    this.drag = { from, to };
    const { words } = this.scope.state.facts;
    const [start, end] =
      to >= 0 && from !== to
        ? [Math.min(words[from].start, words[to].start), Math.max(words[from].end, words[to].end)]
        : [0, -1];
    for (const chip of this.list.querySelectorAll("[data-word]")) {
      const word = words[Number(chip.getAttribute("data-word"))];
      const inside = word?.kind === "word" && word.start >= start && word.end <= end;
      attribute(chip, "data-dragged", inside);
    }
  }

  /**
   * @param {Event} event
   * @returns {number} of the word under the hand; -1: none of which phrases are made
   */
  #wordAt(event) {
    const chip = /** @type {Element} */ (event.target).closest("[data-word]");
    const number = chip ? Number(chip.getAttribute("data-word")) : -1;
    return this.#words.includes(number) ? number : -1;
  }
}

/**
 * Whether a word lies within the characters of another entry.
 *
 * @param {Word} word
 * @param {Word | undefined} around
 */
function lies(word, around) {
  return (
    Boolean(around) &&
    word.start >= /** @type {Word} */ (around).start &&
    word.end <= /** @type {Word} */ (around).end
  );
}

/**
 * @param {Word | undefined} word
 * @param {[number, number]} span
 */
function isAt(word, [start, end]) {
  return word?.start === start && word.end === end && ["word", "phrase"].includes(word.kind ?? "");
}
