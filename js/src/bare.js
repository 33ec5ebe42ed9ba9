// The image alone, while a key or a press is held down.
/** @import { Scope } from "./scope.js" */
import { attribute, el, icon } from "./dom.js";
import * as flags from "./flags.js";

/** The key that is held down. */
export const KEY = "b";

export class Bare {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.on = false;
    this.button = el(
      "button",
      {
        class: "daam-button daam-only-icon daam-toggle",
        type: "button",
        title: `The image alone, while this is held down (${KEY})`,
        "aria-label": "Hold down to see the image alone",
        "aria-pressed": "false",
        "data-testid": "bare",
      },
      icon("eye"),
    );
    const { button } = this;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      this.hold(true);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"])
      button.addEventListener(end, () => this.hold(false));
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // of a long press
    button.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      this.hold(true);
    });
    this.released = (/** @type {KeyboardEvent} */ event) => {
      if ([KEY, " ", "Enter"].includes(event.key)) this.hold(false);
    };
    this.left = () => this.hold(false);
    window.addEventListener("keyup", this.released, true);
    window.addEventListener("blur", this.left);
  }

  /** @param {boolean} on */
  hold(on) {
    if (on === this.on) return;
    this.on = on;
    attribute(this.button, "aria-pressed", String(on));
    this.scope.input("bare", () => this.scope.invalidate(flags.MAP | flags.LOOK));
    if (on) this.scope.say("The image alone.");
  }

  destroy() {
    window.removeEventListener("keyup", this.released, true);
    window.removeEventListener("blur", this.left);
  }
}
