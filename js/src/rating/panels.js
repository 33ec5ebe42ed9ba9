// What lies over the card: the instructions, and the reasons for skipping.
/** @import { Page } from "./page.js" */
import { el, write } from "../dom.js";
import { LIST } from "./keys.js";

export class Instructions {
  /** @param {Page} page */
  constructor(page) {
    const { form } = page;
    this.button = el("button", {
      type: "button",
      class: "daam-rating-button daam-rating-main",
      "data-testid": "go",
      on: { click: () => page.go() },
    });
    this.state = el("p", { class: "daam-rating-soft" });
    const keys = [...form.choices.map((one) => [one.keys.join(" ").toUpperCase(), one.label])];
    this.element = el(
      "section",
      { class: "daam-rating-panel", "data-testid": "instructions", "aria-label": "Instructions" },
      el("h3", { text: form.title }),
      ...form.instructions.map((text) => el("p", { text })),
      el(
        "dl",
        { class: "daam-rating-keys" },
        ...[...keys, ...LIST].map(([key, does]) =>
          el("div", {}, el("dt", {}, el("kbd", { text: key })), el("dd", { text: does })),
        ),
      ),
      this.state,
      this.button,
    );
  }

  /**
   * @param {boolean} first before any card was shown on this page
   * @param {{answered: number, of: number}} progress
   * @param {string} rater
   */
  update(first, { answered, of }, rater) {
    const begun = answered > 0 || !first;
    write(this.state, `${rater}: ${answered} of ${of} answered. Each answer is saved at once.`);
    this.button.replaceChildren(begun ? "Go on " : "Begin ", el("kbd", { text: "Enter" }));
  }
}

export class Skipping {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.typed = el("input", {
      type: "text",
      maxlength: String(page.form.longest),
      class: "daam-rating-input",
      placeholder: "another reason, then Enter",
      "aria-label": "Another reason",
      "data-testid": "reason",
      on: { keydown: (/** @type {KeyboardEvent} */ event) => this.#typing(event) },
    });
    this.element = el(
      "section",
      { class: "daam-rating-panel", "data-testid": "skipping", "aria-label": "Why skip?" },
      el("h3", { text: "Why skip this one?" }),
      el(
        "div",
        { class: "daam-rating-reasons" },
        ...page.form.reasons.map((text, place) =>
          el(
            "button",
            {
              type: "button",
              class: "daam-rating-button",
              on: { click: () => page.skip(text) },
            },
            el("kbd", { text: String(place + 1) }),
            el("span", { text }),
          ),
        ),
        this.typed,
      ),
      el(
        "p",
        { class: "daam-rating-soft" },
        el("kbd", { text: "Esc" }),
        el("span", { text: " back to the image; T: type a reason" }),
      ),
    );
  }

  /** @returns {string} what a screen reader says */
  open() {
    this.typed.value = "";
    const said = this.page.form.reasons.map((text, place) => `${place + 1}: ${text}`);
    return `Why skip? ${said.join(" ")} T: type a reason. Escape: back.`;
  }

  /** @param {KeyboardEvent} event */
  #typing(event) {
    event.stopPropagation(); // letters are letters here
    if (event.isComposing) return; // Enter ends a word of an input method first
    if (event.key === "Enter" && this.typed.value.trim() !== "") this.page.skip(this.typed.value);
    if (event.key === "Escape") this.page.close();
  }

  /**
   * @param {string} key
   * @returns {boolean} whether it meant something
   */
  key(key) {
    const reason = this.page.form.reasons[Number(key) - 1];
    if (reason !== undefined) this.page.skip(reason);
    else if (key === "t") this.typed.focus();
    else if (key === "escape" || key === "s") this.page.close();
    else return false;
    return true;
  }
}
