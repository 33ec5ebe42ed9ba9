// How it looks: opacity, threshold, contour, colors, theme; and what can be taken away as a file.
/** @import { Scope } from "./scope.js" */
import { attribute, el, icon } from "./dom.js";
import { saveMask, saveImage } from "./download.js";
import { Film } from "./film.js";
import * as flags from "./flags.js";
import { inputsOf } from "./inputs.js";
import { LIST } from "./keys.js";
import { linkButton } from "./share.js";

export class Look {
  /**
   * @param {Scope} scope
   * @param {{canvas: HTMLCanvasElement, source: HTMLElement}} others what is saved as an image; where
   *   it comes from, in words
   */
  constructor(scope, { canvas, source }) {
    this.scope = scope;
    this.inputs = inputsOf(scope, "look");
    this.folded = inputsOf(scope, "more");
    this.film = new Film(scope, canvas);
    const mask = this.#button("Mask", "mask-png", "Save the mask as PNG", () => saveMask(scope));
    attribute(mask, "aria-label", "Save the mask as PNG");
    const image = this.#button("Image", "image-png", "Save what is shown as PNG", () =>
      saveImage(scope, canvas),
    );
    this.element = el(
      "div",
      { class: "daam-look", role: "group", "aria-label": "Look" },
      ...Object.values(this.inputs).map(({ label }) => label),
      el(
        "div",
        { class: "daam-end" },
        el("span", { class: "daam-group" }, mask, image),
        this.#more(source),
      ),
    );
  }

  /**
   * @param {string} text
   * @param {string} id
   * @param {string} title
   * @param {() => void} does
   */
  #button(text, id, title, does) {
    const button = el(
      "button",
      { class: "daam-button", type: "button", title, "data-testid": id },
      icon("download"),
      el("span", { text }),
    );
    button.addEventListener("click", does);
    return button;
  }

  /**
   * Theme, projector, where it comes from and the list of keys, folded away.
   *
   * @param {HTMLElement} source
   */
  #more(source) {
    const keys = el("dl", { class: "daam-keys" });
    for (const [key, text] of LIST) keys.append(el("dt", { text: key }), el("dd", { text }));
    const details = el(
      "details",
      { class: "daam-more" },
      el("summary", { class: "daam-button", "data-testid": "more", text: "More" }),
      el(
        "div",
        { class: "daam-popover" },
        el(
          "div",
          { class: "daam-title-row" },
          ...Object.values(this.folded).map(({ label }) => label),
          ...linkButton(this.scope),
        ),
        el("h3", { class: "daam-title", text: "Steps as animation" }),
        this.film.element,
        el("h3", { class: "daam-title", text: "Recording" }),
        source,
        el("h3", { class: "daam-title", text: "Keys" }),
        keys,
      ),
    );
    details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !details.open) return;
      event.preventDefault();
      details.open = false;
      details.querySelector("summary")?.focus();
    });
    return details;
  }

  /** @param {number} what */
  update(what) {
    this.film.update(what);
    if (!(what & (flags.LOOK | flags.WORDS | flags.THEME))) return;
    for (const { show } of Object.values({ ...this.inputs, ...this.folded })) show();
  }

  destroy() {
    this.film.destroy();
  }
}
