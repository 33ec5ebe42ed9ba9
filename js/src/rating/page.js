// The page: what is open, what a key does, what goes to the kernel. The next card is shown when the
// kernel says that the answer is kept, never before.
/** @import { Model } from "../types.js" */
/** @import { Card, Form, Progress } from "./types.js" */
import { attribute, el, write } from "../dom.js";
import { themeOf, watchTheme } from "../theme.js";
import { CardView } from "./card.js";
import { Clock, about } from "./clock.js";
import { DIGITS, OWN, choiceOf, modified, sign } from "./keys.js";
import { Instructions, Skipping } from "./panels.js";

const UNSEEN = 150; // milliseconds in which nobody can have looked: a key pressed twice
const SILENT = 4000; // milliseconds after which the kernel counts as busy

/** @typedef {"instructions" | "card" | "skipping" | "end"} Screen */

export class Page {
  /**
   * @param {Model} model
   * @param {HTMLElement} parent
   */
  constructor(model, parent) {
    this.model = model;
    /** @type {Form} */
    this.form = model.get("_form");
    this.stop = new AbortController();
    this.clock = new Clock();
    this.begun = false;
    this.ready = false;
    this.waiting = false;
    this.shown = -1; // turn of the card that is on the page
    /** @type {Screen} */
    this.screen = "instructions";
    this.card = new CardView(this);
    this.instructions = new Instructions(this);
    this.skipping = new Skipping(this);
    this.#build(parent);
    this.#listen();
    this.#look();
    this.#open("instructions");
    this.#take();
  }

  /** @param {HTMLElement} parent */
  #build(parent) {
    this.count = el("span", { class: "daam-rating-count", "data-testid": "count" });
    this.left = el("span", { class: "daam-rating-soft", "data-testid": "left" });
    this.bar = el("progress", { class: "daam-rating-bar", max: "1", "aria-label": "Answered" });
    this.tools = el(
      "div",
      { class: "daam-rating-tools", role: "group", "aria-label": "Acts" },
      this.#tool("back", "Back", "←", () => this.move("back")),
      this.#tool("forward", "Forward", "→", () => this.move("forward")),
      this.#tool("skip", "Skip", "S", () => this.#open("skipping")),
      this.#tool("help", "Instructions", "I", () => this.#open("instructions")),
      this.#tool("large", "Large", "L", () => this.#large()),
      this.#tool("dark", "Dark", "D", () => this.#dark()),
    );
    this.end = el("section", { class: "daam-rating-panel", "data-testid": "end" });
    this.notice = el("p", { class: "daam-rating-notice", role: "alert", "data-testid": "notice" });
    this.off = el("p", {
      class: "daam-rating-off",
      text: "Keys are off: click here, or press Tab until the frame is blue.",
      "data-testid": "off",
    });
    this.live = el("p", { class: "daam-rating-hidden", role: "status", "aria-live": "polite" });
    this.root = el(
      "div",
      {
        class: "daam-rating",
        tabindex: "0",
        role: "application",
        "aria-label": `Rating: ${this.form.title}`,
        "data-testid": "rating",
        "data-lm-suppress-shortcuts": "true",
      },
      el("header", { class: "daam-rating-head" }, this.count, this.bar, this.left),
      this.notice,
      this.card.element,
      this.instructions.element,
      this.skipping.element,
      this.end,
      el("footer", { class: "daam-rating-foot" }, this.tools, this.off),
      this.live,
    );
    parent.append(this.root);
  }

  /**
   * @param {string} name
   * @param {string} text
   * @param {string} key
   * @param {() => void} does
   */
  #tool(name, text, key, does) {
    return el(
      "button",
      { type: "button", class: "daam-rating-button", "data-testid": name, on: { click: does } },
      el("kbd", { text: key }),
      el("span", { text }),
    );
  }

  #listen() {
    const { signal } = this.stop;
    this.root.addEventListener("keydown", (event) => this.#key(event));
    // Notebook 7 takes keys on their way down, but for elements with this attribute; keys with
    // Ctrl, Meta or Alt stay its own.
    const keep = (/** @type {KeyboardEvent} */ event) =>
      attribute(this.root, "data-lm-suppress-shortcuts", modified(event) ? null : "true");
    window.addEventListener("keydown", keep, { capture: true, signal });
    document.addEventListener("visibilitychange", () => this.#time(), { signal });
    this.root.addEventListener("focusin", () => this.#focused());
    this.root.addEventListener("focusout", () => this.#focused());
    this.taken = () => this.#take();
    this.looked = () => this.#look();
    this.told = (/** @type {any} */ message) => this.#told(message);
    this.model.on("change:_card", this.taken);
    this.model.on("change:_progress", this.looked);
    this.model.on("change:theme", this.looked);
    this.model.on("change:large", this.looked);
    this.model.on("msg:custom", this.told);
    this.unwatch = watchTheme(() => this.#look());
    this.#focused();
  }

  // --- what comes from the kernel ----------------------------------------------------------------

  async #take() {
    /** @type {Card} */
    const card = this.model.get("_card");
    this.ready = false;
    this.#waitFor(false);
    this.clock.reset();
    if (card.end) this.#finish();
    else await this.card.show(card);
    if (this.model.get("_card").turn !== card.turn) return; // another came meanwhile
    this.shown = card.turn;
    write(this.notice, "");
    if (this.screen !== "instructions") this.#open(card.end ? "end" : "card");
    this.#look();
    if (this.begun) this.#say();
    setTimeout(() => {
      if (this.shown !== card.turn) return;
      this.ready = true;
      this.#time();
      this.#look();
    }, UNSEEN);
    this.#time();
  }

  #finish() {
    const { of, skipped } = this.#progress;
    const rest = skipped ? `, ${skipped} of them skipped` : "";
    this.end.replaceChildren(
      el("h3", { text: "Done. Thank you!" }),
      el("p", { text: `All ${of} are answered${rest}, and saved in ${this.form.kept_in}.` }),
      el("p", { class: "daam-rating-soft", text: "← goes back to the last one." }),
    );
  }

  /** @param {any} message */
  #told(message) {
    if (message?.type !== "error") return;
    this.#waitFor(false);
    write(this.notice, `Not saved: ${message.text}`);
  }

  /** @returns {Progress} */
  get #progress() {
    return this.model.get("_progress");
  }

  // --- what people do ----------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (modified(event)) return;
    event.stopPropagation(); // notebooks bind single keys: "b" would make a cell
    if (event.defaultPrevented || event.repeat || event.key === "Tab") return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("input")) return;
    const keys = this.form.choices.flatMap((one) => one.keys);
    const key = sign(event, [...keys, ...OWN, "t", ...DIGITS]);
    if ((key === "enter" || key === " ") && target.closest("button")) return;
    if (this.#does(key)) event.preventDefault();
  }

  /**
   * @param {string} key
   * @returns {boolean} whether it meant something
   */
  #does(key) {
    if (this.screen === "skipping" && this.skipping.key(key)) return true;
    const choice = this.screen === "card" ? choiceOf(this.form.choices, key) : undefined;
    if (choice) this.answer(choice.value);
    else if (key === "l") this.#large();
    else if (key === "d") this.#dark();
    else if (key === "i") this.screen === "instructions" ? this.go() : this.#open("instructions");
    else if (this.screen === "instructions" && ["enter", "escape"].includes(key)) this.go();
    else if (key === "arrowleft" || key === "backspace") this.move("back");
    else if (key === "arrowright") this.move("forward");
    else if (key === "s" && this.screen === "card") this.#open("skipping");
    else return false;
    return true;
  }

  /** @param {string} value */
  answer(value) {
    if (this.screen === "card") this.#send({ type: "answer", answer: value });
  }

  /** @param {string} reason */
  skip(reason) {
    if (this.screen === "skipping") this.#send({ type: "skip", skip: reason });
  }

  /** @param {"back" | "forward"} to */
  move(to) {
    if (this.screen === "card" || this.screen === "end") this.#send({ type: "go", to });
  }

  /** Leave the instructions. */
  go() {
    this.begun = true;
    this.#open(this.model.get("_card").end ? "end" : "card");
    this.#say();
    this.root.focus({ preventScroll: true });
  }

  /** Leave the reasons. */
  close() {
    this.#open("card");
    this.root.focus({ preventScroll: true });
  }

  /** @param {Record<string, unknown>} act */
  #send(act) {
    if (!this.ready || this.waiting) return;
    this.clock.run(false);
    this.#waitFor(true);
    this.model.send({ ...act, turn: this.shown, seconds: this.clock.seconds });
    this.root.focus({ preventScroll: true }); // Enter on a button would answer the next one, too
  }

  /** @param {boolean} on */
  #waitFor(on) {
    this.waiting = on;
    clearTimeout(this.late);
    if (on) {
      this.late = setTimeout(
        () => write(this.notice, "The kernel is busy, or gone; your answer is not saved yet."),
        SILENT,
      );
    }
    this.#time();
  }

  #large() {
    this.model.set("large", !this.model.get("large"));
    this.model.save_changes();
  }

  #dark() {
    const dark = themeOf(this.root, this.model.get("theme")) === "dark";
    this.model.set("theme", dark ? "light" : "dark");
    this.model.save_changes();
  }

  // --- how it looks ------------------------------------------------------------------------------

  /** @param {Screen} screen */
  #open(screen) {
    if (screen === "skipping" && this.screen !== "card") return;
    this.screen = screen;
    this.card.element.hidden = screen !== "card" && screen !== "skipping";
    this.instructions.element.hidden = screen !== "instructions";
    this.skipping.element.hidden = screen !== "skipping";
    this.end.hidden = screen !== "end";
    if (screen === "skipping") {
      this.skipping.open();
      write(this.live, `Why skip? ${this.form.reasons.map((t, n) => `${n + 1}: ${t}`).join(" ")}`);
    }
    if (screen === "instructions") write(this.live, this.form.instructions.join(" "));
    this.#time();
    this.#look();
  }

  #look() {
    const { answered, of, seconds_left: left } = this.#progress;
    const card = this.model.get("_card");
    const revisited = card.given !== null && !card.end;
    write(this.count, card.end ? `${of} of ${of}` : `${card.place + 1} of ${of}`);
    write(this.left, this.screen === "end" ? "" : about(left));
    this.bar.value = of ? answered / of : 0;
    const { dataset } = this.root;
    dataset.theme = themeOf(this.root, this.model.get("theme"));
    dataset.screen = this.screen;
    dataset.turn = String(this.shown);
    dataset.ready = String(this.ready && !this.waiting);
    attribute(this.root, "data-large", this.model.get("large") ? "true" : null);
    this.instructions.update(!this.begun, this.#progress, this.form.rater);
    const on = { back: card.place > 0, forward: revisited, skip: !card.end };
    for (const button of this.tools.children) {
      const name = button.getAttribute("data-testid") ?? "";
      const acting = name in on && !["card", "end"].includes(this.screen);
      attribute(button, "disabled", acting || on[/** @type {keyof on} */ (name)] === false);
    }
  }

  #focused() {
    const inside = this.root.contains(document.activeElement);
    this.off.hidden = inside;
  }

  /** The clock runs while the card can be seen and waits for its answer. */
  #time() {
    const seen = this.screen === "card" && !document.hidden && !this.waiting;
    this.clock.run(seen && this.shown >= 0 && this.shown === this.model.get("_card").turn);
  }

  #say() {
    const where = `${this.count?.textContent}. `;
    const end = this.model.get("_card").end;
    write(this.live, where + (end ? this.end.textContent : this.card.spoken));
  }

  destroy() {
    this.stop.abort();
    clearTimeout(this.late);
    this.unwatch?.();
    this.model.off("change:_card", this.taken);
    this.model.off("change:_progress", this.looked);
    this.model.off("change:theme", this.looked);
    this.model.off("change:large", this.looked);
    this.model.off("msg:custom", this.told);
    this.card.destroy();
    this.root.remove();
  }
}
