// What if: a word taken away or scaled, the image drawn again beside the first.
/** @import { Change, Drawn } from "./types.js" */
/** @import { Scope } from "./scope.js" */
import { attribute, el, icon, write, writeMixed } from "./dom.js";
import { Drawing } from "./drawing.js";
import * as flags from "./flags.js";
import { layersText, stepsText } from "./naming.js";

const HOWS = [
  ["hide", "Hide the word"],
  ["ablate", "Take its attention away"],
  ["scale", "Scale its attention"],
];
const NO_KERNEL =
  "This page has no kernel behind it, so nothing can be drawn here. In a notebook: explore(run, pipe).";
const NO_PIPELINE = "Drawing again needs the pipeline that drew this image: explore(run, pipe).";

export class WhatIf {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.open = false;
    /** @type {string[]} addresses of the pictures shown */
    this.addresses = [];
    this.shownJob = "";
    this.spoken = "";
    this.button = el("button", {
      class: "daam-button daam-toggle",
      type: "button",
      title: "Draw the image again without this word, or with more of it (w)",
      "aria-expanded": "false",
      "data-testid": "whatif-button",
      text: "What if",
    });
    this.button.addEventListener("click", () => this.toggle());
    this.how = this.#select("how", "What is changed", HOWS);
    this.of = this.#select("of", "Of what", [
      ["word", "of this word"],
      ["text", "of all the text"],
    ]);
    this.where = this.#select("where", "Where", [
      ["everywhere", "everywhere"],
      ["chosen", "in what is chosen"],
    ]);
    this.factor = el("input", {
      class: "daam-select daam-number",
      type: "number",
      min: "0",
      max: "100",
      step: "0.1",
      value: "2",
      "aria-label": "Factor",
      "data-testid": "whatif-factor",
    });
    this.factor.addEventListener("input", () => this.#show());
    this.times = el("label", { class: "daam-field" }, el("span", { text: "×" }), this.factor);
    this.draw = el("button", {
      class: "daam-button daam-primary",
      type: "button",
      "data-testid": "whatif-draw",
    });
    this.draw.addEventListener("click", () => this.#press());
    this.bar = el("progress", { class: "daam-progress", "aria-label": "Steps drawn" });
    this.step = el("span", { class: "daam-muted", "data-testid": "whatif-step" });
    this.progress = el("div", { class: "daam-whatif-progress" }, this.bar, this.step);
    this.hint = el("p", { class: "daam-hint", "data-testid": "whatif-hint" });
    this.problem = el("p", {
      class: "daam-notice",
      role: "alert",
      "data-testid": "whatif-problem",
    });
    this.form = el(
      "div",
      { class: "daam-whatif-form", role: "group", "aria-label": "What is changed" },
      this.how,
      this.times,
      this.of,
      this.where,
      this.draw,
    );
    this.pictures = el("div", { class: "daam-whatif-pictures", "data-testid": "whatif-pictures" });
    this.summary = el("p", { class: "daam-whatif-summary", "data-testid": "whatif-summary" });
    this.title = el("h3", { class: "daam-title" });
    this.live = el("p", {
      class: "daam-hidden",
      role: "status",
      "aria-live": "polite",
      "data-testid": "whatif-live",
    });
    this.element = this.#build();
    this.drawing = new Drawing(scope, () => this.#show());
    this.#show();
  }

  /** Put the parts together. */
  #build() {
    this.close = el(
      "button",
      {
        class: "daam-button daam-only-icon",
        type: "button",
        title: "Close (Esc)",
        "aria-label": "Close “What if”",
        "data-testid": "whatif-close",
      },
      icon("close"),
    );
    this.close.addEventListener("click", () => this.show(false));
    const element = el(
      "section",
      { class: "daam-whatif", "aria-label": "What if", "data-testid": "whatif", hidden: true },
      el("div", { class: "daam-whatif-head" }, this.title, this.form, this.close),
      this.hint,
      this.progress,
      this.problem,
      this.pictures,
      this.summary,
      this.live,
    );
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.show(false);
    });
    return element;
  }

  /**
   * @param {string} name
   * @param {string} label
   * @param {string[][]} options
   */
  #select(name, label, options) {
    const select = el("select", {
      class: "daam-select",
      "aria-label": label,
      "data-testid": `whatif-${name}`,
    });
    for (const [value, text] of options) select.append(el("option", { value, text }));
    select.addEventListener("change", () => this.#show());
    return select;
  }

  toggle() {
    this.show(!this.open);
  }

  /** @param {boolean} open */
  show(open) {
    if (open === this.open) return;
    this.open = open;
    this.element.hidden = !open;
    attribute(this.button, "aria-expanded", String(open));
    if (!open) {
      this.button.focus();
      return;
    }
    this.#show();
    if (this.why) this.close?.focus();
    else {
      this.drawing.look();
      this.how.focus();
    }
  }

  /** Why nothing can be drawn; empty where it can. */
  get why() {
    const { source, state } = this.scope;
    if (!source.capabilities.any) return NO_KERNEL;
    return state.facts.what_if ? state.facts.what_if.why : NO_PIPELINE;
  }

  /** @returns {Change} */
  get change() {
    const how = /** @type {Change["how"]} */ (this.how.value);
    if (how === "hide") return { how, of: "word", where: "everywhere" };
    const of = this.of.value === "text" ? "text" : "word";
    const where = of === "text" || this.where.value === "chosen" ? "chosen" : "everywhere";
    return how === "scale"
      ? { how, of, where, factor: Number(this.factor.value) }
      : { how, of, where };
  }

  #press() {
    if (this.drawing.isOpen) this.drawing.cancel();
    else this.scope.input("what if", () => void this.drawing.draw(this.change));
  }

  /** @param {number} what */
  update(what) {
    if (this.open && what & (flags.WORDS | flags.MAP | flags.SELECTION | flags.STEPS)) this.#show();
  }

  #show() {
    if (!this.drawing || !this.open) return;
    const { drawing, why } = this;
    const { told, isOpen } = drawing;
    const { state } = this.scope;
    const { facts } = state;
    const word = facts.words?.[state.get("word")]?.text ?? "";
    writeMixed(this.title, ["What if: “", word, "”"]);
    this.form.hidden = Boolean(why);
    const change = this.change;
    this.times.hidden = change.how !== "scale";
    this.of.hidden = this.where.hidden = change.how === "hide";
    this.where.value = change.where;
    this.where.disabled = change.of === "text";
    for (const input of [this.how, this.of, this.factor]) input.disabled = isOpen;
    if (isOpen) this.where.disabled = true;
    const isNumber = this.factor.value !== "" && Number(this.factor.value) >= 0;
    this.draw.disabled = !isOpen && change.how === "scale" && !isNumber;
    attribute(this.draw, "aria-disabled", drawing.isEnding || null);
    write(this.draw, isOpen ? "Cancel" : "Draw again");
    this.hint.hidden = Boolean(why) || isOpen || drawing.pictures.length > 0;
    writeMixed(this.hint, this.#meaning(change, word));
    this.progress.hidden = !isOpen;
    if (isOpen) this.#showStep(told);
    const error = told.state === "cancelled" ? "Cancelled: no image was drawn." : drawing.error;
    const problem = why || (isOpen ? "" : error);
    write(this.problem, problem);
    this.problem.hidden = problem === "";
    this.#showResult();
  }

  /**
   * What a change means, ours and the prompt's words in turn.
   *
   * @param {Change} change
   * @param {string} word
   */
  #meaning({ how, of, where, factor }, word) {
    const { state } = this.scope;
    if (how === "hide") {
      return ["“", word, "” is hidden in the text encoder and in every layer; the noise stays."];
    }
    const chosen = `${layersText(state)} · ${stepsText(state.facts, ...state.steps)}`;
    const place = where === "chosen" ? `only in ${chosen}` : "in all layers, heads and steps";
    const does = how === "ablate" ? "becomes 0" : `is multiplied by ${factor}`;
    if (of === "text") return [`The attention to all of the text ${does}, ${place}.`];
    return ["The attention to “", word, `” ${does}, ${place}. Later tokens still know of it.`];
  }

  /** @param {Drawn} told */
  #showStep({ state, step = 0, steps = 0, left }) {
    const text = this.drawing.isEnding
      ? "ends after this step"
      : state === "waiting"
        ? "waiting: another image is being drawn"
        : step === 0
          ? "begins"
          : step >= steps
            ? `step ${step} of ${steps}, decoding the image`
            : `step ${step} of ${steps}${leftText(left)}`;
    if (steps > 0) {
      this.bar.max = steps;
      this.bar.value = step;
    } else this.bar.removeAttribute("value");
    write(this.step, text);
    const quarter = steps > 0 ? Math.floor((4 * step) / steps) : 0;
    this.#speak(`${state} ${quarter}`, `Drawing: ${text}`);
  }

  #showResult() {
    const { told, pictures, isOpen } = this.drawing;
    const job = pictures.length > 0 && !isOpen ? String(told.job) : "";
    this.summary.hidden = this.pictures.hidden = job === "";
    if (job === this.shownJob) return;
    this.shownJob = job;
    this.#forget();
    this.pictures.replaceChildren();
    if (job === "") return;
    for (const { bytes, type, caption, what } of pictures) {
      const blob = new Blob([/** @type {BlobPart} */ (bytes)], { type });
      const src = URL.createObjectURL(blob);
      this.addresses.push(src);
      const image = el("img", { src, alt: caption, "data-what": what });
      this.pictures.append(el("figure", {}, image, el("figcaption", { text: caption })));
    }
    write(this.summary, told.summary ?? "");
    this.#speak(`done ${job}`, `Drawn. ${told.summary ?? ""}`);
  }

  /**
   * Tell a screen reader, each thing once.
   *
   * @param {string} what
   * @param {string} text
   */
  #speak(what, text) {
    if (what === this.spoken) return;
    this.spoken = what;
    write(this.live, text); // its own: what is shown is told by another
  }

  #forget() {
    for (const address of this.addresses.splice(0)) URL.revokeObjectURL(address);
  }

  destroy() {
    this.drawing.destroy();
    this.#forget();
  }
}

/** @param {number | null | undefined} seconds */
function leftText(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 1) return ", less than 1 s left";
  if (seconds < 90) return `, about ${Math.round(seconds)} s left`;
  return `, about ${Math.round(seconds / 60)} min left`;
}
