// The range of steps: two handles, a strip of forming images, and play.
/** @import { Scope } from "./scope.js" */
import { attribute, el, icon, setIcon, write } from "./dom.js";
import * as flags from "./flags.js";
import { stepsText, timestepText } from "./naming.js";
import { Strip } from "./strip.js";

const PAGE = 5; // steps of Page Up and Page Down

export class Steps {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.playIcon = icon("play");
    this.play = el(
      "button",
      { class: "daam-button daam-play", type: "button", "data-testid": "play" },
      this.playIcon,
    );
    this.play.addEventListener("click", () => scope.input("play", () => this.toggle()));
    this.handles = [this.#handle("lo", "first step"), this.#handle("hi", "last step")];
    this.fill = el("div", { class: "daam-fill", "data-testid": "steps-fill" });
    this.slider = el(
      "div",
      { class: "daam-slider", "data-testid": "steps-slider" },
      el("div", { class: "daam-rail" }),
      this.fill,
      ...this.handles,
    );
    this.strip = new Strip(scope);
    this.text = el("span", { class: "daam-steps-text", "data-testid": "steps-text" });
    this.time = el("span", { class: "daam-muted" });
    this.all = el("button", {
      class: "daam-button",
      type: "button",
      text: "All",
      title: "All steps (a)",
      "data-testid": "steps-all",
    });
    this.all.addEventListener("click", () =>
      scope.input("steps", () => scope.state.set(scope.state.stepsAt(0, this.count))),
    );
    this.element = el(
      "div",
      { class: "daam-steps", role: "group", "aria-label": "Steps" },
      this.play,
      el("div", { class: "daam-track" }, this.strip.element, this.slider),
      el("div", { class: "daam-steps-read" }, this.text, this.time, this.all),
    );
    this.#drag(this.slider, (event) => this.#grip(event));
    this.#drag(this.strip.element, (event) => this.#brush(event));
  }

  get count() {
    return this.scope.state.count;
  }

  /**
   * @param {"lo" | "hi"} name
   * @param {string} label
   */
  #handle(name, label) {
    return el("div", {
      class: "daam-handle",
      role: "slider",
      tabindex: "0",
      "aria-label": label,
      "aria-orientation": "horizontal",
      "data-testid": `step-${name}`,
      on: { keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event, name) },
    });
  }

  /**
   * @param {KeyboardEvent} event
   * @param {"lo" | "hi"} name
   */
  #key(event, name) {
    const moves = {
      ArrowLeft: -1,
      ArrowDown: -1,
      ArrowRight: 1,
      ArrowUp: 1,
      PageDown: -PAGE,
      PageUp: PAGE,
    };
    const [lo, hi] = this.scope.state.steps;
    const ends = { Home: -this.count, End: this.count };
    const move = { ...moves, ...ends }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    this.scope.input("steps", () => {
      if (name === "lo") this.choose(Math.min(hi - 1, Math.max(0, lo + move)), hi);
      else this.choose(lo, Math.max(lo + 1, Math.min(this.count, hi + move)));
    });
  }

  /**
   * @param {number} lo
   * @param {number} hi
   * @param {"now" | "soon"} [when]
   */
  choose(lo, hi, when = "soon") {
    const { state } = this.scope;
    if (state.get("playing")) state.set({ playing: false });
    state.set(state.stepsAt(lo, hi), when);
  }

  /** @param {number} by */
  shift(by) {
    const [lo, hi] = this.scope.state.steps;
    const start = Math.min(this.count - (hi - lo), Math.max(0, lo + by));
    this.choose(start, start + hi - lo);
  }

  /**
   * Follow a press on `area` until it is released.
   *
   * @param {HTMLElement} area
   * @param {(event: PointerEvent) => (at: number) => void} begin gives what each move does; `at`
   *   is a place in steps, 0 to their number
   */
  #drag(area, begin) {
    area.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      area.setPointerCapture(event.pointerId);
      const box = this.slider.getBoundingClientRect();
      const at = (/** @type {PointerEvent} */ e) =>
        ((e.clientX - box.left) / box.width) * this.count;
      const move = begin(event);
      const moved = (/** @type {PointerEvent} */ e) => this.scope.input("steps", () => move(at(e)));
      const ended = () => {
        area.removeEventListener("pointermove", moved);
        area.removeEventListener("pointerup", ended);
        area.removeEventListener("pointercancel", ended);
        this.scope.state.set({}, "now");
      };
      area.addEventListener("pointermove", moved);
      area.addEventListener("pointerup", ended);
      area.addEventListener("pointercancel", ended);
      moved(event);
    });
  }

  /**
   * A press on the slider takes the nearest handle, or the range between the two.
   *
   * @param {PointerEvent} event
   */
  #grip(event) {
    const [lo, hi] = this.scope.state.steps;
    const box = this.slider.getBoundingClientRect();
    const start = ((event.clientX - box.left) / box.width) * this.count;
    const near = (12 / box.width) * this.count;
    const onHandle = Math.min(Math.abs(start - lo), Math.abs(start - hi)) < near;
    if (!onHandle && start > lo && start < hi && hi - lo < this.count) {
      return (/** @type {number} */ at) => {
        const first = Math.round(Math.min(this.count - (hi - lo), Math.max(0, lo + at - start)));
        this.choose(first, first + hi - lo);
      };
    }
    const low = start < lo || (start < hi && start - lo < hi - start);
    this.handles[low ? 0 : 1].focus({ preventScroll: true });
    return (/** @type {number} */ at) => {
      const place = Math.round(at);
      if (low) this.choose(Math.min(hi - 1, Math.max(0, place)), hi);
      else this.choose(lo, Math.max(lo + 1, Math.min(this.count, place)));
    };
  }

  /**
   * A click on the strip jumps to one step, a drag chooses a range.
   *
   * @param {PointerEvent} event
   */
  #brush(event) {
    const box = this.slider.getBoundingClientRect();
    const cell = (/** @type {number} */ at) =>
      Math.min(this.count - 1, Math.max(0, Math.floor(at)));
    const first = cell(((event.clientX - box.left) / box.width) * this.count);
    return (/** @type {number} */ at) => {
      const last = cell(at);
      this.choose(Math.min(first, last), Math.max(first, last) + 1);
    };
  }

  toggle() {
    const { state } = this.scope;
    const playing = !state.get("playing");
    const [lo, hi] = state.steps;
    if (playing && hi - lo === this.count) state.set({ playing, ...state.stepsAt(0, 1) });
    else state.set({ playing });
  }

  /** @param {number} what */
  update(what) {
    const { state } = this.scope;
    this.strip.update(what);
    if (!(what & (flags.STEPS | flags.WORDS))) return;
    const playing = Boolean(state.get("playing"));
    setIcon(this.playIcon, playing ? "pause" : "play");
    attribute(this.play, "aria-label", playing ? "Pause" : "Play the steps");
    attribute(this.play, "title", playing ? "Pause (Space)" : "Play the steps (Space)");
    attribute(this.play, "aria-pressed", String(playing));
    this.#show();
  }

  #show() {
    const { facts, steps } = this.scope.state;
    attribute(this.element, "data-single", this.count === 1);
    if (facts.summed) {
      write(this.text, "All steps");
      write(this.time, "kept as one sum");
      return;
    }
    const [lo, hi] = steps;
    const left = (100 * lo) / this.count;
    const right = (100 * hi) / this.count;
    this.handles[0].style.left = `${left}%`;
    this.handles[1].style.left = `${right}%`;
    this.fill.style.left = `${left}%`;
    this.fill.style.width = `${right - left}%`;
    this.strip.range(left, right);
    [lo, hi - 1].forEach((step, i) => {
      const handle = this.handles[i];
      attribute(handle, "aria-valuemin", i === 0 ? 0 : lo);
      attribute(handle, "aria-valuemax", i === 0 ? hi - 1 : this.count - 1);
      attribute(handle, "aria-valuenow", step);
      attribute(
        handle,
        "aria-valuetext",
        `${stepsText(facts, step, step + 1)}, ${timestepText(facts, step)}`,
      );
    });
    const text = stepsText(facts, lo, hi);
    write(this.text, text.charAt(0).toUpperCase() + text.slice(1));
    const times = [timestepText(facts, lo), timestepText(facts, hi - 1)];
    write(this.time, lo === hi - 1 ? times[0] : `${times[0]} to ${times[1].replace("t = ", "")}`);
    this.all.disabled = hi - lo === this.count;
  }
}
