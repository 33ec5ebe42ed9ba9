// Above and below the atlas: which layers, which measure, which order; nearer, farther, a lasso, sets.
/** @import { Scope } from "../scope.js" */
import { attribute, el, icon, write } from "../dom.js";
import * as flags from "../flags.js";
import { inputsOf } from "../inputs.js";
import { gradient } from "../palettes.js";
import { measureOf, measuresOf } from "./measures.js";

export class Bar {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    const { state } = scope;
    this.choice = this.#select(
      "choice",
      "Layers",
      "The layers that make the map where none is chosen",
    );
    this.measure = this.#select(
      "control-tile_measure",
      "Measure",
      "What is said of each head, and colors the tiles where they are small",
    );
    this.order = this.#select("control-tile_sort", "Order", "The order of the tiles");
    const listen = (
      /** @type {HTMLSelectElement} */ select,
      /** @type {(value: string) => Record<string, unknown>} */ chosen,
    ) =>
      select.addEventListener("change", () =>
        scope.input(select.dataset.testid ?? "", () => state.set(chosen(select.value))),
      );
    listen(this.choice, (choice) => ({ choice }));
    listen(this.measure, (name) =>
      // An order by the measure follows it.
      state.get("tile_sort") === state.get("tile_measure")
        ? { tile_measure: name, tile_sort: name }
        : { tile_measure: name },
    );
    listen(this.order, (name) =>
      measureOf(scope, name) ? { tile_sort: name, tile_measure: name } : { tile_sort: name },
    );
    this.inputs = inputsOf(scope, "tiles");
    this.built = "";
    this.title = el("h3", { class: "daam-title" });
    this.axes = ["heads", "steps"].map((name) => {
      const text = name[0].toUpperCase() + name.slice(1);
      const button = el("button", {
        class: "daam-button",
        type: "button",
        text,
        "data-testid": `axes-${name}`,
        title: name === "heads" ? "A tile for each head" : "Each layer at every step",
      });
      button.addEventListener("click", () =>
        scope.input("tile_axes", () => state.set({ tile_axes: name })),
      );
      return { name, button };
    });
    const buttons = this.axes.map(({ button }) => button);
    this.columns = el(
      "div",
      { class: "daam-group", role: "group", "aria-label": "Columns of the tiles" },
      ...buttons,
    );
    this.heading = el("div", { class: "daam-atlas-heading" }, this.title, this.columns);
    const labels = Object.values(this.inputs).map(({ label }) => label);
    const fields = [this.choice, this.measure, this.order].map((select) =>
      el("label", { class: "daam-field", title: select.title }, select),
    );
    this.ordered = fields[2];
    this.element = el(
      "div",
      { class: "daam-title-row daam-atlas-bar" },
      this.heading,
      el(
        "div",
        { class: "daam-selects" },
        ...fields,
        el(
          "details",
          { class: "daam-atlas-more" },
          el("summary", {
            class: "daam-button",
            "data-testid": "atlas-more",
            title: "How the tiles are drawn",
            text: "Tiles",
          }),
          el("div", { class: "daam-atlas-options" }, ...labels),
        ),
      ),
    );
  }

  /**
   * @param {string} id
   * @param {string} name
   * @param {string} title
   */
  #select(id, name, title) {
    return el("select", { class: "daam-select", "data-testid": id, "aria-label": name, title });
  }

  /**
   * @param {number} what
   * @param {string} measure that counts
   */
  update(what, measure) {
    if (!(what & (flags.GRID | flags.SELECTION))) return;
    const { state } = this.scope;
    const { choices, layers } = state.facts;
    const ofSteps = state.get("tile_axes") === "steps";
    const measures = measuresOf(this.scope).filter(({ of }) => !ofSteps || of === "tile");
    const built = JSON.stringify([choices, measures]);
    if (this.built !== built) {
      this.built = built;
      const option = (/** @type {string} */ value, /** @type {string} */ text, title = "") =>
        el("option", { value, text, title: title || null });
      this.choice.replaceChildren(
        ...Object.entries(choices ?? {}).map(([name, { length }]) =>
          option(name, `${name} ${length}/${layers.length}`),
        ),
      );
      this.measure.replaceChildren(
        ...measures.map(({ name, label, about }) => option(name, label, about)),
      );
      this.order.replaceChildren(
        option("network", "by network"),
        option("likeness", "by likeness"),
        ...measures.map(({ name, label, about }) => option(name, `by ${label}`, about)),
      );
    }
    const axes = state.get("tile_axes");
    this.columns.hidden = axes === "heads" && state.count < 2; // there are no steps to tell apart
    write(this.title, this.columns.hidden ? "Layers × heads" : "Layers ×");
    for (const { name, button } of this.axes)
      attribute(button, "aria-pressed", String(name === axes));
    this.ordered.hidden = axes === "steps";
    this.choice.value = state.get("choice");
    this.measure.value = measure;
    this.order.value = state.get("tile_sort");
    for (const { show } of Object.values(this.inputs)) show();
  }
}

/** The line below the tiles: what is pointed at, and what a hand can do. */
export class Foot {
  /**
   * @param {{zoom: (factor: number) => void, fit: () => void, tool: () => void}} does
   */
  constructor({ zoom, fit, tool }) {
    this.lassoing = false;
    this.adding = false;
    this.readout = el("p", { class: "daam-atlas-readout", "data-testid": "atlas-readout" });
    this.scale = el("span", { class: "daam-atlas-scale", "aria-hidden": "true" });
    this.low = el("span", {});
    this.high = el("span", {});
    this.legend = el(
      "span",
      { class: "daam-atlas-legend", "data-testid": "atlas-legend" },
      this.low,
      this.scale,
      this.high,
    );
    const button = (
      /** @type {string} */ id,
      /** @type {string} */ label,
      /** @type {Node | string} */ shown,
      /** @type {() => void} */ does,
    ) =>
      el(
        "button",
        {
          type: "button",
          class: "daam-button daam-square",
          "data-testid": id,
          "aria-label": label,
          title: label,
          on: { click: does },
        },
        shown,
      );
    this.lasso = button("atlas-lasso", "Draw around tiles to choose them", icon("lasso"), () => {
      this.lassoing = !this.lassoing;
      attribute(this.lasso, "aria-pressed", String(this.lassoing));
      tool();
    });
    this.add = button("atlas-add", "Add tiles to those chosen, one after the other", "∪", () => {
      this.adding = !this.adding;
      attribute(this.add, "aria-pressed", String(this.adding));
      tool();
    });
    for (const toggle of [this.lasso, this.add]) toggle.setAttribute("aria-pressed", "false");
    this.out = button("atlas-out", "Farther (-)", "−", () => zoom(1 / 1.5));
    this.fit = button("atlas-fit", "All tiles (0)", "⤢", fit);
    this.near = button("atlas-in", "Nearer (+)", "+", () => zoom(1.5));
    this.buttons = el(
      "div",
      { class: "daam-atlas-buttons" },
      this.lasso,
      this.add,
      this.out,
      this.fit,
      this.near,
    );
    this.element = el(
      "div",
      { class: "daam-atlas-foot" },
      el("div", { class: "daam-atlas-said" }, this.readout, this.legend),
      this.buttons,
    );
  }

  /**
   * @param {string} text
   * @param {{low: string, high: string, colors: string} | null} legend of the colors, where tiles are such
   */
  write(text, legend) {
    write(this.readout, text);
    this.legend.hidden = legend === null;
    if (!legend) return;
    write(this.low, legend.low);
    write(this.high, legend.high);
    this.scale.style.backgroundImage = gradient(legend.colors);
  }
}
