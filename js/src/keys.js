// Keys that work anywhere in the explorer.
/** @import { Bare } from "./bare.js" */
/** @import { Chips } from "./chips.js" */
/** @import { Scope } from "./scope.js" */
/** @import { Steps } from "./steps.js" */
/** @import { WhatIf } from "./whatif.js" */
import { KEY as BARE } from "./bare.js";
import { attribute } from "./dom.js";
import * as flags from "./flags.js";

/** Each key and what it does, for the list that people can open. */
export const LIST = [
  ["← →", "on the words: show the next word; with Shift: compare the next word"],
  ["Ctrl+Shift+← →", "on the words: extend the word to a phrase; Delete dismisses it"],
  ["← → ↑ ↓", "on the image: move the crosshair; Enter begins and ends a box"],
  ["← → ↑ ↓", "on the grid: move; Enter locks a head, with Shift: one more, or one less"],
  ["← →", "on a step handle: one step; Page Up/Down: five; Home, End"],
  ["Space", "play or pause"],
  [", .", "the range of steps back or on by one"],
  ["a", "all steps"],
  ["c", "compare a second word, or stop"],
  ["x", "swap A and B"],
  ["t", "contour on or off"],
  [BARE, "held down: the image alone"],
  ["w", "what if: the image drawn again without a word"],
  ["Esc", "back: region, then head and layer, then comparison"],
];

export class Keys {
  /**
   * @param {Scope} scope
   * @param {{root: HTMLElement, signal: AbortSignal, steps: Steps, chips: Chips, bare: Bare, whatIf: WhatIf}} moved where keys are
   *   heard, until when, and what they move
   */
  constructor(scope, { root, signal, steps, chips, bare, whatIf }) {
    this.scope = scope;
    this.steps = steps;
    this.chips = chips;
    this.bare = bare;
    this.whatIf = whatIf;
    root.addEventListener("keydown", (event) => this.#key(event));
    // Notebook 7 takes keys on their way down, before they come here: its arrows fold headings
    // wherever the focus is (`.jp-Notebook.jp-mod-commandMode :focus`). It spares what carries this
    // attribute, and looks at the focused element first. Keys with Ctrl, Meta or Alt stay its own:
    // saving works from here, too.
    const keep = (/** @type {KeyboardEvent} */ event) => {
      const target = event.composedPath()[0];
      if (target instanceof Element && root.contains(target)) {
        attribute(target, "data-lm-suppress-shortcuts", !modified(event));
      }
    };
    window.addEventListener("keydown", keep, { capture: true, signal });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (modified(event)) return;
    // Notebooks bind single keys and the arrows: what is typed here stays here.
    event.stopPropagation();
    if (event.defaultPrevented) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("select, input:not([type=range])")) return;
    const does = this.#action(event.key, target);
    if (!does) return;
    event.preventDefault();
    this.scope.input("key", does);
  }

  /**
   * @param {string} key
   * @param {HTMLElement} target
   * @returns {(() => void) | null}
   */
  #action(key, target) {
    const { steps, chips } = this;
    const { state } = this.scope;
    switch (key) {
      case " ":
        return target.closest("button, summary") ? null : () => steps.toggle();
      case ",":
        return () => steps.shift(-1);
      case ".":
        return () => steps.shift(1);
      case "a":
        return () => state.set(state.stepsAt(0, state.facts.steps.length));
      case "c":
        return () => chips.setComparing(!chips.on);
      case "x":
        return () => chips.swapWords();
      case BARE:
        return () => this.bare.hold(true);
      case "t":
        return () => state.set({ contour: !state.get("contour") });
      case "w":
        return () => this.whatIf.toggle();
      case "Escape":
        return () => this.#back();
      default:
        return null;
    }
  }

  #back() {
    const { chips } = this;
    const { state, maps } = this.scope;
    if (maps.hover) {
      maps.hover = null;
      this.scope.invalidate(flags.MAP | flags.SELECTION);
    }
    if (state.get("playing")) state.set({ playing: false });
    else if (state.get("region").length > 0) state.set({ region: [] });
    else if (state.chosen.layer >= 0 || state.chosen.head !== -1)
      state.set({ layer: -1, head: -1, heads: [] });
    else if (chips.on) chips.setComparing(false);
  }
}

/** @param {KeyboardEvent} event */
function modified(event) {
  return event.ctrlKey || event.metaKey || event.altKey;
}
