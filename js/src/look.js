// How it looks: opacity, threshold, contour, colours, theme; and what can be taken away as a file.
/** @import { View } from "./view.js" */
import { attribute, el, icon, write } from "./dom.js";
import { saveMask, savePicture } from "./download.js";
import * as flags from "./flags.js";
import { LIST } from "./keys.js";
import { NAMES } from "./palettes.js";

export class Look {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.opacity = this.#range("opacity", "Opacity", "Of the colours over the picture");
    this.threshold = this.#range(
      "threshold",
      "Threshold",
      "Share of the map's peak from which on a place belongs to the mask",
    );
    this.contour = this.#switch("contour", "Contour", "Line around the mask (t)");
    this.follow = this.#switch(
      "follow_step",
      "Forming picture",
      "The picture as it was at the last chosen step",
    );
    this.colours = this.#select("colormap", "Colours", NAMES);
    this.shown = this.#select("view", "Show", [
      ["overlay", "both maps"],
      ["difference", "A minus B"],
    ]);
    this.scale = this.#select("difference_scale", "Scale", [
      ["own", "of each peak"],
      ["common", "in attention"],
    ]);
    attribute(this.scale.label, "title", "Each map as a share of its own peak, or as it is");
    this.theme = this.#select("theme", "Theme", ["auto", "light", "dark"]);
    this.projector = this.#switch("projector", "Projector", "Large type for a lecture hall");
    this.mask = this.#button("Mask", "mask-png", "Save the mask as PNG", () => saveMask(view));
    this.picture = this.#button("Picture", "picture-png", "Save what is shown as PNG", () =>
      savePicture(view),
    );
    this.element = el(
      "div",
      { class: "daam-look", role: "group", "aria-label": "Look" },
      this.opacity.label,
      this.threshold.label,
      this.contour.label,
      this.follow.label,
      this.colours.label,
      this.shown.label,
      this.scale.label,
      el(
        "div",
        { class: "daam-end" },
        el("span", { class: "daam-group" }, this.mask, this.picture),
        this.#more(),
      ),
    );
  }

  /**
   * @param {string} trait
   * @param {string} name
   * @param {string} title
   */
  #range(trait, name, title) {
    const input = el("input", {
      type: "range",
      min: "0",
      max: "1",
      step: "0.01",
      class: "daam-range",
      "data-testid": trait,
      "aria-label": name,
    });
    const value = el("output", { class: "daam-value" });
    input.addEventListener("input", () =>
      this.view.input(trait, () => this.view.state.set({ [trait]: Number(input.value) }, "soon")),
    );
    input.addEventListener("change", () => this.view.state.set({}, "now"));
    const label = el(
      "label",
      { class: "daam-field", title },
      el("span", { text: name }),
      input,
      value,
    );
    const show = () => {
      const now = Number(this.view.state.get(trait));
      if (Number(input.value) !== now) input.value = String(now);
      input.style.setProperty("--daam-part", `${100 * now}%`);
      write(value, now.toFixed(2));
    };
    return { label, show };
  }

  /**
   * @param {string} trait
   * @param {string} name
   * @param {string} title
   */
  #switch(trait, name, title) {
    const input = el("input", {
      type: "checkbox",
      class: "daam-check",
      role: "switch",
      "data-testid": trait,
    });
    input.addEventListener("change", () =>
      this.view.input(trait, () => this.view.state.set({ [trait]: input.checked })),
    );
    const label = el(
      "label",
      { class: "daam-field daam-switch", title },
      input,
      el("span", { text: name }),
    );
    const show = () => {
      input.checked = Boolean(this.view.state.get(trait));
    };
    return { label, show };
  }

  /**
   * @param {string} trait
   * @param {string} name
   * @param {(string | [string, string])[]} options values, with a text where it is another
   */
  #select(trait, name, options) {
    const select = el("select", { class: "daam-select", "data-testid": trait });
    for (const option of options) {
      const [value, text] = typeof option === "string" ? [option, option] : option;
      select.append(el("option", { value, text }));
    }
    select.addEventListener("change", () =>
      this.view.input(trait, () => this.view.state.set({ [trait]: select.value })),
    );
    const label = el("label", { class: "daam-field" }, el("span", { text: name }), select);
    const show = () => {
      const now = String(this.view.state.get(trait));
      if (![...select.options].some((option) => option.value === now))
        select.append(el("option", { value: now, text: now }));
      select.value = now;
    };
    return { label, show };
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

  /** Theme, projector and the list of keys, folded away. */
  #more() {
    const keys = el("dl", { class: "daam-keys" });
    for (const [key, text] of LIST) keys.append(el("dt", { text: key }), el("dd", { text }));
    const details = el(
      "details",
      { class: "daam-more" },
      el("summary", { class: "daam-button", "data-testid": "more", text: "More" }),
      el(
        "div",
        { class: "daam-popover" },
        el("div", { class: "daam-title-row" }, this.theme.label, this.projector.label),
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
    if (!(what & (flags.LOOK | flags.WORDS | flags.THEME))) return;
    const { state } = this.view;
    for (const control of [
      this.opacity,
      this.threshold,
      this.contour,
      this.follow,
      this.colours,
      this.shown,
      this.scale,
      this.theme,
      this.projector,
    ]) {
      control.show();
    }
    const comparing = state.get("word_b") >= 0;
    this.shown.label.hidden = !comparing;
    this.scale.label.hidden = !comparing || state.get("view") !== "difference";
    this.colours.label.hidden = comparing;
    this.follow.label.hidden = !state.facts.strip;
    attribute(this.mask, "aria-label", "Save the mask as PNG");
  }
}
