// Which layers, in which order, on which scale.
/** @import { View } from "./view.js" */
import { attribute, el } from "./dom.js";
import * as flags from "./flags.js";

export class GridTools {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.choice = this.#select("choice", "Layers", []);
    this.sort = this.#select("tile_sort", "Order", [
      ["network", "by network"],
      ["entropy", "by sharpness"],
      ["peak", "by strength"],
      ["overlap", "by overlap"],
    ]);
    this.scale = this.#select("tile_scale", "Scale", [
      ["common", "one scale"],
      ["own", "own scales"],
    ]);
    this.built = "";
    this.element = el(
      "div",
      { class: "daam-title-row" },
      el("h3", { class: "daam-title", text: "Layers × heads" }),
      el(
        "div",
        { class: "daam-selects" },
        ...[this.choice, this.sort, this.scale].map((one) => one.label),
      ),
    );
  }

  /**
   * @param {string} trait
   * @param {string} name
   * @param {string[][]} options [value, text]
   */
  #select(trait, name, options) {
    const select = el("select", { class: "daam-select", "data-testid": trait });
    select.append(...options.map(([value, text]) => el("option", { value, text })));
    select.addEventListener("change", () =>
      this.view.input(trait, () => this.view.state.set({ [trait]: select.value })),
    );
    const label = el(
      "label",
      { class: "daam-field" },
      el("span", { class: "daam-hidden", text: name }),
      select,
    );
    return { label, select };
  }

  /** @param {number} what */
  update(what) {
    if (!(what & (flags.GRID | flags.SELECTION))) return;
    const { state } = this.view;
    const names = Object.keys(state.facts.choices ?? {});
    if (this.built !== names.join("\n")) {
      this.built = names.join("\n");
      const { layers, choices } = state.facts;
      this.choice.select.replaceChildren(
        ...names.map((name) =>
          el("option", {
            value: name,
            text: `${name} ${choices[name].length}/${layers.length}`,
          }),
        ),
      );
    }
    this.choice.select.value = state.get("choice");
    this.sort.select.value = state.get("tile_sort");
    this.scale.select.value = state.get("tile_scale");
    attribute(this.choice.label, "title", "The layers that make the map where none is locked");
    attribute(
      this.scale.label,
      "title",
      "Colours of the tiles: by the strongest of all, or each by its own peak",
    );
  }
}
