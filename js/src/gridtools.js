// Which layers, in which order, on which scale.
/** @import { Scope } from "./scope.js" */
import { el } from "./dom.js";
import * as flags from "./flags.js";
import { inputsOf } from "./inputs.js";

export class GridTools {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.choice = el("select", { class: "daam-select", "data-testid": "choice" });
    this.choice.addEventListener("change", () =>
      scope.input("choice", () => scope.state.set({ choice: this.choice.value })),
    );
    this.inputs = inputsOf(scope, "tiles");
    this.built = "";
    this.element = el(
      "div",
      { class: "daam-title-row" },
      el("h3", { class: "daam-title", text: "Layers × heads" }),
      el(
        "div",
        { class: "daam-selects" },
        el(
          "label",
          { class: "daam-field", title: "The layers that make the map where none is locked" },
          el("span", { class: "daam-hidden", text: "Layers" }),
          this.choice,
        ),
        ...Object.values(this.inputs).map(({ label }) => label),
      ),
    );
  }

  /** @param {number} what */
  update(what) {
    if (!(what & (flags.GRID | flags.SELECTION))) return;
    const { state } = this.scope;
    const names = Object.keys(state.facts.choices ?? {});
    if (this.built !== names.join("\n")) {
      this.built = names.join("\n");
      const { layers, choices } = state.facts;
      this.choice.replaceChildren(
        ...names.map((name) =>
          el("option", {
            value: name,
            text: `${name} ${choices[name].length}/${layers.length}`,
          }),
        ),
      );
    }
    this.choice.value = state.get("choice");
    for (const { show } of Object.values(this.inputs)) show();
  }
}
