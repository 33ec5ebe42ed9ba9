// What can be tried, over the empty list of words until the first action; a button shows it again.
/** @import { Scope } from "./scope.js" */
import { attribute, el, icon } from "./dom.js";

/** Whether a finger is what points. */
export function isCoarse() {
  return matchMedia("(pointer: coarse)").matches;
}

const MOUSE = [
  ["Point at the image:", "the words whose maps are high there."],
  ["Drag over it:", "the words of a region, by step and layer."],
  ["Point at a tile:", "that head alone; a click keeps it, Shift-click several."],
  ["Press Space:", "play the steps."],
];
const FINGER = [
  ["Tap the image:", "the words whose maps are high there."],
  ["Box or lasso, then drag:", "the words of a region, by step and layer."],
  ["Tap a tile:", "that head alone; with Add, several."],
  ["Tap ▶:", "play the steps."],
];

/** Inputs that no hand chose: a pointer on its way over something. */
const PASSING = new Set(["pixel", "hover"]);

export class Hints {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    const lines = isCoarse() ? FINGER : MOUSE;
    const close = el(
      "button",
      {
        class: "daam-button daam-only-icon",
        type: "button",
        title: "Close (Esc)",
        "aria-label": "Close the hints",
        "data-testid": "hints-close",
      },
      icon("close"),
    );
    close.addEventListener("click", () => this.show(false, true));
    this.element = el(
      "div",
      { class: "daam-hints", "data-testid": "hints", role: "note", "aria-label": "Try this" },
      el(
        "div",
        { class: "daam-title-row" },
        el("h3", { class: "daam-title", text: "Try this" }),
        el("span", { class: "daam-space" }),
        close,
      ),
      el(
        "ul",
        { class: "daam-hint daam-try", "data-testid": "try" },
        ...lines.map(([what, then]) => el("li", {}, el("b", { text: what }), ` ${then}`)),
      ),
    );
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.show(false, true);
    });
    this.button = el("button", {
      class: "daam-button daam-only-icon daam-toggle",
      type: "button",
      title: "What can be done here",
      "aria-label": "Hints",
      "aria-expanded": "true",
      "data-testid": "hints-button",
      text: "?",
    });
    this.button.addEventListener("click", () => this.show(!this.open));
    this.open = true;
  }

  /**
   * @param {boolean} open
   * @param {boolean} [back] whether the focus goes to the button, as that of what was closed is lost
   */
  show(open, back = false) {
    this.open = open;
    this.element.hidden = !open;
    attribute(this.button, "aria-expanded", String(open));
    if (back) this.button.focus();
  }

  /**
   * The first action of a hand closes them.
   *
   * @param {string} what
   */
  acted(what) {
    if (this.open && !PASSING.has(what)) this.show(false);
  }
}
