// What stands around the card: where one is, what can be done, what went wrong.
/** @import { Page } from "./page.js" */
import { attribute, el, write } from "../dom.js";
import { themeOf } from "../theme.js";
import { about } from "./clock.js";

export class Frame {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.count = el("span", { class: "daam-rating-count", "data-testid": "count" });
    this.left = el("span", { class: "daam-rating-soft", "data-testid": "left" });
    this.bar = el("progress", { class: "daam-rating-bar", max: "1", "aria-label": "Answered" });
    this.tools = el(
      "div",
      { class: "daam-rating-tools", role: "group", "aria-label": "Acts" },
      tool("back", "Back", "←", () => page.move("back")),
      tool("forward", "Forward", "→", () => page.move("forward")),
      tool("skip", "Skip", "S", () => page.open("skipping")),
      tool("help", "Instructions", "I", () => page.open("instructions")),
      tool("large", "Large", "L", () => page.large()),
      tool("dark", "Dark", "D", () => page.dark()),
    );
    this.notice = el("p", { class: "daam-rating-notice", role: "alert", "data-testid": "notice" });
    this.off = el("p", {
      class: "daam-rating-off",
      text: "Keys are off: click here, or press Tab until the frame is blue.",
      "data-testid": "off",
    });
    this.live = el("p", {
      class: "daam-rating-hidden",
      role: "status",
      "aria-live": "polite",
      "data-testid": "live",
    });
    this.root = el(
      "div",
      {
        class: "daam-rating",
        tabindex: "0",
        role: "application",
        "aria-label": `Rating: ${page.form.title}`,
        "data-testid": "rating",
        "data-lm-suppress-shortcuts": "true",
      },
      el("header", { class: "daam-rating-head" }, this.count, this.bar, this.left),
      this.notice,
      ...page.parts,
      el("footer", { class: "daam-rating-foot" }, this.tools, this.off),
      this.live,
    );
  }

  look() {
    const { page, root } = this;
    const { answered, of, seconds_left: left } = page.progress;
    const { card } = page;
    write(this.count, card.end ? `${of} of ${of}` : `${card.place + 1} of ${of}`);
    write(this.left, card.end ? "" : about(left));
    this.bar.value = of ? answered / of : 0;
    root.dataset.theme = themeOf(root, page.model.get("theme"));
    root.dataset.screen = page.screen;
    root.dataset.turn = String(page.shown);
    root.dataset.ready = String(page.ready && !page.waiting);
    attribute(root, "data-large", page.model.get("large") ? "true" : null);
    const asking = page.screen === "card" || page.screen === "end";
    const on = {
      back: asking && card.place > 0,
      forward: asking && !card.end && card.given !== null,
      skip: page.screen === "card",
    };
    for (const button of this.tools.children) {
      const name = /** @type {keyof on} */ (button.getAttribute("data-testid"));
      if (name in on) attribute(button, "disabled", !on[name]);
    }
  }

  focused() {
    this.off.hidden = this.root.contains(document.activeElement);
  }

  /** @param {string} text what a screen reader says */
  say(text) {
    write(this.live, text);
  }

  /** @param {string} text what went wrong; empty for nothing */
  tell(text) {
    write(this.notice, text);
  }

  takeKeys() {
    this.root.focus({ preventScroll: true });
  }
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string} key
 * @param {() => void} does
 */
function tool(name, text, key, does) {
  return el(
    "button",
    { type: "button", class: "daam-rating-button", "data-testid": name, on: { click: does } },
    el("kbd", { text: key }),
    el("span", { text }),
  );
}
