// The page: what is open, what a key does, what goes to the kernel. The next card is shown when the
// kernel says that the answer is kept, never before.
/** @import { Model } from "../types.js" */
/** @import { Card, Form, Progress } from "./types.js" */
import { attribute, el } from "../dom.js";
import { themeOf, watchTheme } from "../theme.js";
import { CardView } from "./card.js";
import { Clock } from "./clock.js";
import { Frame } from "./frame.js";
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
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.late = undefined;
    this.asked = new CardView(this);
    this.instructions = new Instructions(this);
    this.skipping = new Skipping(this);
    this.end = el("section", { class: "daam-rating-panel", "data-testid": "end" });
    this.frame = new Frame(this);
    parent.append(this.frame.root);
    this.unwatch = this.#listen();
    this.open("instructions");
    this.#take();
  }

  /** What can be open, one at a time. */
  get parts() {
    return [this.asked.element, this.instructions.element, this.skipping.element, this.end];
  }

  /** @returns {Card} */
  get card() {
    return this.model.get("_card");
  }

  /** @returns {Progress} */
  get progress() {
    return this.model.get("_progress");
  }

  /** @returns {() => void} stops listening to what outlives this page */
  #listen() {
    const { root } = this.frame;
    const { signal } = this.stop;
    root.addEventListener("keydown", (event) => this.#key(event));
    root.addEventListener("focusin", () => this.frame.focused());
    root.addEventListener("focusout", () => setTimeout(() => this.frame.focused()));
    // Notebook 7 takes keys on their way down, but for elements with this attribute; keys with
    // Ctrl, Meta or Alt stay its own.
    const keep = (/** @type {KeyboardEvent} */ event) =>
      attribute(root, "data-lm-suppress-shortcuts", modified(event) ? null : "true");
    window.addEventListener("keydown", keep, { capture: true, signal });
    document.addEventListener("visibilitychange", () => this.#time(), { signal });
    /** @type {[string, (...args: any[]) => void][]} */
    const heard = [
      ["change:_card", () => this.#take()],
      ["change:_progress", () => this.#look()],
      ["change:theme", () => this.#look()],
      ["change:large", () => this.#look()],
      ["msg:custom", (message) => this.#told(message)],
    ];
    heard.forEach(([event, does]) => this.model.on(event, does));
    const themes = watchTheme(() => this.#look());
    return () => {
      heard.forEach(([event, does]) => this.model.off(event, does));
      themes();
    };
  }

  // --- what comes from the kernel ----------------------------------------------------------------

  async #take() {
    const { card } = this;
    this.ready = false;
    this.#waitFor(false);
    this.clock.reset();
    if (card.end) this.#finish();
    else await this.asked.show(card);
    if (this.card.turn !== card.turn) return; // another came meanwhile
    this.shown = card.turn;
    this.frame.tell("");
    if (this.screen !== "instructions") this.open(card.end ? "end" : "card");
    if (this.begun) this.#say();
    this.#look();
    setTimeout(() => {
      if (this.shown !== card.turn) return;
      this.ready = true;
      this.#look();
    }, UNSEEN);
  }

  #finish() {
    const { of, skipped } = this.progress;
    const rest = skipped ? `, ${skipped} of them skipped` : "";
    this.end.replaceChildren(
      el("h3", { text: "Done. Thank you!" }),
      el("p", { text: `${of} of ${of} answered${rest}. Saved in ${this.form.kept_in}.` }),
      el("p", { class: "daam-rating-soft", text: "← goes back to the last one." }),
    );
  }

  /** @param {any} message */
  #told(message) {
    if (message?.type !== "error") return;
    this.#waitFor(false);
    this.frame.tell(`Not saved: ${message.text}`);
  }

  // --- what people do ----------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (modified(event)) return;
    event.stopPropagation(); // notebooks bind single keys: "b" would make a cell
    // A key that is held down answers once, not sixty times.
    if (event.defaultPrevented || event.repeat || event.key === "Tab") return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("input")) return;
    const answers = this.form.choices.flatMap((one) => one.keys);
    const key = sign(event, [...answers, ...OWN, "t", ...DIGITS]);
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
    const leaves = this.screen === "instructions" && ["enter", "escape", "i"].includes(key);
    if (choice) this.answer(choice.value);
    else if (leaves) this.go();
    else if (key === "i") this.open("instructions");
    else if (key === "l") this.large();
    else if (key === "d") this.dark();
    else if (key === "arrowleft" || key === "backspace") this.move("back");
    else if (key === "arrowright") this.move("forward");
    else if (key === "s") this.open("skipping");
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
    this.open(this.card.end ? "end" : "card");
    this.#say();
    this.frame.takeKeys();
  }

  /** Leave the reasons. */
  close() {
    this.open("card");
    this.frame.takeKeys();
  }

  /** @param {Record<string, unknown>} act */
  #send(act) {
    if (!this.ready || this.waiting) return;
    this.clock.run(false);
    this.#waitFor(true);
    this.model.send({ ...act, turn: this.shown, seconds: this.clock.seconds });
    this.frame.takeKeys(); // Enter on a button that has the focus would answer the next one, too
  }

  /** @param {boolean} on whether an answer is on its way to the disk */
  #waitFor(on) {
    this.waiting = on;
    clearTimeout(this.late);
    const busy = "The kernel is busy, or gone; your answer is not saved yet.";
    if (on) this.late = setTimeout(() => this.frame.tell(busy), SILENT);
    this.#look();
  }

  large() {
    this.model.set("large", !this.model.get("large"));
    this.model.save_changes();
  }

  dark() {
    const dark = themeOf(this.frame.root, this.model.get("theme")) === "dark";
    this.model.set("theme", dark ? "light" : "dark");
    this.model.save_changes();
  }

  // --- how it looks ------------------------------------------------------------------------------

  /** @param {Screen} screen */
  open(screen) {
    if (screen === "skipping" && this.screen !== "card") return;
    this.screen = screen;
    this.asked.element.hidden = screen !== "card" && screen !== "skipping";
    this.instructions.element.hidden = screen !== "instructions";
    this.skipping.element.hidden = screen !== "skipping";
    this.end.hidden = screen !== "end";
    if (screen === "skipping") this.frame.say(this.skipping.open());
    if (screen === "instructions") this.frame.say(this.form.instructions.join(" "));
    this.#look();
  }

  #look() {
    this.instructions.update(!this.begun, this.progress, this.form.rater);
    this.frame.look();
    this.#time();
  }

  /** The clock runs while the card can be seen and waits for its answer. */
  #time() {
    const seen = this.screen === "card" && !document.hidden && !this.waiting;
    this.clock.run(seen && this.shown === this.card.turn);
  }

  #say() {
    const { end, count } = { end: this.end, count: this.frame.count };
    this.frame.say(`${count.textContent}. ${this.card.end ? end.textContent : this.asked.spoken}`);
  }

  destroy() {
    this.stop.abort();
    clearTimeout(this.late);
    this.unwatch();
    this.asked.destroy();
    this.frame.root.remove();
  }
}
