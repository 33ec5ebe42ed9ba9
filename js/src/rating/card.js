// One card: the question, the images, the answers.
/** @import { Card } from "./types.js" */
/** @import { Page } from "./page.js" */
import { attribute, el, write, writeMixed } from "../dom.js";

export class CardView {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    /** @type {string[]} */
    this.addresses = [];
    this.prompt = el("p", { class: "daam-rating-prompt", "data-testid": "prompt" });
    this.images = el("div", { class: "daam-rating-images", "data-testid": "images" });
    this.ask = el("h3", { class: "daam-rating-ask", "data-testid": "ask" });
    this.answers = el(
      "div",
      { class: "daam-rating-answers", role: "group", "aria-label": "Answers" },
      ...page.form.choices.map((choice) =>
        el(
          "button",
          {
            type: "button",
            class: "daam-rating-answer",
            "data-testid": "answer",
            "data-value": choice.value,
            "aria-keyshortcuts": choice.keys.join(" ").toUpperCase(),
            on: { click: () => page.answer(choice.value) },
          },
          el("kbd", { text: choice.keys[0].toUpperCase() }),
          el("span", { text: choice.label }),
        ),
      ),
    );
    this.before = el("p", { class: "daam-rating-soft daam-rating-before", "data-testid": "given" });
    this.element = el(
      "section",
      { class: "daam-rating-card", "data-testid": "card" },
      this.prompt,
      this.images,
      this.ask,
      this.answers,
      this.before,
    );
  }

  /**
   * Show a card; done when its images can be seen.
   *
   * @param {Card} card
   */
  async show(card) {
    this.#said(card);
    const { prompt } = card;
    this.prompt.hidden = prompt === null;
    if (prompt) {
      const [before, word, after] = prompt;
      const mark = el("mark", {}, el("bdi", { text: word }));
      this.prompt.replaceChildren(
        el(
          "bdi",
          {},
          document.createTextNode(before),
          mark,
          after ? document.createTextNode(after) : null,
        ),
      );
    }
    writeMixed(this.ask, card.ask);
    const old = this.addresses;
    this.addresses = [];
    const images = card.images.map((image) => this.#image(image));
    await Promise.allSettled(images.map((image) => image.decode()));
    this.images.replaceChildren(...images);
    old.forEach((address) => URL.revokeObjectURL(address));
  }

  /** @param {Card["images"][number]} image */
  #image({ label, size, data }) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const address = URL.createObjectURL(new Blob([bytes.slice()], { type: "image/png" }));
    this.addresses.push(address);
    return el("img", {
      src: address,
      alt: label,
      height: size[0],
      width: size[1],
      draggable: "false",
    });
  }

  /** @param {Card} card mark the answer that stands */
  #said({ given }) {
    for (const button of this.answers.children) {
      const chosen = given !== null && attributeOf(button, "data-value") === given.answer;
      attribute(button, "aria-pressed", given === null ? null : String(chosen));
    }
    const skipped = given !== null && given.answer === "";
    write(
      this.before,
      given === null
        ? ""
        : skipped
          ? `You skipped this one: ${given.reason} Answer it now, or → forward.`
          : "This is your answer. Give another one, or → forward.",
    );
  }

  /** @returns {string} what a screen reader says */
  get spoken() {
    const prompt = this.prompt.hidden ? "" : `Sentence: ${this.prompt.textContent}. `;
    const keys = this.page.form.choices.map((one) => `${one.keys[0]}: ${one.label}`).join(", ");
    return `${prompt}${this.ask.textContent} ${keys}. ${this.before.textContent}`;
  }

  destroy() {
    this.addresses.forEach((address) => URL.revokeObjectURL(address));
  }
}

/**
 * @param {Element} node
 * @param {string} name
 */
function attributeOf(node, name) {
  return node.getAttribute(name) ?? "";
}
