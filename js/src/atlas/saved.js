// The menu of selections kept by name: layers, heads and steps, to be chosen again.
/** @import { Scope } from "../scope.js" */
import { attribute, el, icon } from "../dom.js";
import * as flags from "../flags.js";

const LONGEST = 60; // characters of a name
const MOST = 50;
const PARTS = ["choice", "layer", "head", "heads", "steps"];

/** @typedef {[string, Record<string, any>]} Pair a name, and the values of `PARTS` */

export class Saved {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.built = "";
    this.list = el("ul", { class: "daam-saved-list", "data-testid": "saved-list" });
    this.name = el("input", {
      class: "daam-filter",
      type: "text",
      maxlength: LONGEST,
      placeholder: "Name",
      "aria-label": "Name of the present selection",
      "data-testid": "saved-name",
    });
    const save = el("button", {
      class: "daam-button",
      type: "submit",
      "data-testid": "saved-save",
      title: "Keep the layers, heads and steps that are chosen now",
      text: "Save",
    });
    const form = el("form", { class: "daam-saved-form" }, this.name, save);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    this.summary = el(
      "summary",
      {
        class: "daam-button daam-square",
        "data-testid": "saved",
        "aria-label": "Saved selections",
        title: "Saved selections of layers, heads and steps",
      },
      icon("star"),
    );
    this.element = el(
      "details",
      { class: "daam-atlas-more daam-saved" },
      this.summary,
      el("div", { class: "daam-atlas-options" }, this.list, form),
    );
    this.element.addEventListener("keydown", (event) => {
      event.stopPropagation(); // letters of a name are no keys of the explorer
      if (event.key !== "Escape" || !this.element.open) return;
      this.element.open = false;
      this.summary.focus();
    });
  }

  /** @returns {Pair[]} */
  get pairs() {
    return this.scope.state.get("saved") ?? [];
  }

  /** @param {number} what */
  update(what) {
    if (!(what & flags.SELECTION)) return;
    const { state } = this.scope;
    const shown = JSON.stringify(PARTS.map((part) => state.get(part)));
    const built = JSON.stringify([this.pairs, shown]);
    if (built === this.built) return;
    this.built = built;
    const rows = this.pairs.map(([name, values]) => {
      const choose = el("button", {
        class: "daam-button daam-saved-choose",
        type: "button",
        "data-testid": "saved-choose",
        text: name,
        on: { click: () => this.#choose(name, values) },
      });
      const same = JSON.stringify(PARTS.map((part) => values[part])) === shown;
      attribute(choose, "aria-pressed", String(same));
      const remove = el(
        "button",
        {
          class: "daam-button daam-only-icon",
          type: "button",
          "aria-label": `Delete ${name}`,
          title: "Delete",
          "data-testid": "saved-delete",
          on: { click: () => this.#delete(name) },
        },
        icon("close"),
      );
      return el("li", {}, choose, remove);
    });
    const none = el("li", { class: "daam-hint", text: "Layers, heads and steps, kept by name." });
    this.list.replaceChildren(...(rows.length > 0 ? rows : [none]));
  }

  #save() {
    const name = this.name.value.split(/\s+/).filter(Boolean).join(" ").slice(0, LONGEST);
    const { state } = this.scope;
    if (!name) {
      this.name.focus();
      return this.scope.say("A selection needs a name.");
    }
    const values = Object.fromEntries(PARTS.map((part) => [part, state.get(part)]));
    const others = this.pairs.filter(([other]) => other !== name);
    if (others.length >= MOST) return this.scope.say(`At most ${MOST} selections are kept.`);
    const replaced = this.pairs.some(([other]) => other === name);
    /** @type {Pair} */
    const pair = [name, values];
    const pairs = replaced
      ? this.pairs.map((other) => (other[0] === name ? pair : other))
      : [...others, pair];
    this.scope.input("saved", () => state.set({ saved: pairs }));
    this.name.value = "";
    this.scope.say(replaced ? `${name} is saved anew.` : `${name} is saved.`);
  }

  /**
   * @param {string} name
   * @param {Record<string, any>} values
   */
  #choose(name, values) {
    const { state, maps } = this.scope;
    maps.hover = null;
    this.scope.input("saved", () => state.set(values));
    this.scope.invalidate(flags.MAP | flags.SELECTION);
    this.scope.say(`${name} is chosen.`);
  }

  /** @param {string} name */
  #delete(name) {
    const pairs = this.pairs.filter(([other]) => other !== name);
    this.scope.input("saved", () => this.scope.state.set({ saved: pairs }));
    this.summary.focus();
    this.scope.say(`${name} is deleted.`);
  }
}
