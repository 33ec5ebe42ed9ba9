// Two recordings in one instrument: A's explorer, with B's image, the difference, and the heads of either.
/** @import { AnySource, Tiles } from "./types.js" */
import { differenceOf, valuesBetween } from "./atlas/between.js";
import { attribute, el, write } from "./dom.js";
import { Difference } from "./difference.js";
import * as flags from "./flags.js";
import { View } from "./view.js";

/** What B does not take over from A: one of them plays. */
const OWN = new Set(["playing"]);

/** @typedef {"a" | "b" | "difference"} Which */

export class Pair {
  /**
   * @param {AnySource} source A's
   * @param {AnySource} other B's
   * @param {HTMLElement} parent
   */
  constructor(source, other, parent) {
    const slot = el("div", { class: "daam-side-slot" });
    this.a = new View(source, parent);
    this.b = new View(other, slot);
    this.views = [this.a, this.b];
    /** @type {Which} */
    this.which = "a";
    /** @type {View["maps"]["hover"]} */
    this.hover = null;
    /** @type {{own: Tiles, others: Tiles, scale: string, tiles: Tiles} | null} */
    this.made = null;
    this.difference = new Difference(this.a, this.b);
    this.titles = this.views.map((view) => {
      const title = el("p", { class: "daam-side-title", "data-testid": "side-title" });
      view.image.element.prepend(title);
      return title;
    });
    this.note = el("p", { class: "daam-source", "data-testid": "pair-note" });
    this.#build(slot);
    this.#link();
    for (const view of this.views) view.drawn = () => this.#drawn(view);
    this.#drawn(this.a);
  }

  /** @param {HTMLElement} slot */
  #build(slot) {
    const { a, b } = this;
    attribute(a.root, "data-side", "a");
    attribute(b.root, "data-side", "b");
    b.stopRoom?.();
    b.root.style.removeProperty("--daam-room");
    a.image.element.after(slot, this.difference.element);
    this.buttons = /** @type {[Which, string][]} */ ([
      ["a", "A"],
      ["b", "B"],
      ["difference", "A − B"],
    ]).map(([which, text]) => {
      const button = el("button", {
        class: "daam-button",
        type: "button",
        text,
        "data-testid": "pair-heads",
        "data-which": which,
      });
      button.addEventListener("click", () => this.choose(which));
      return { which, button };
    });
    this.said = el("p", { class: "daam-hint", "data-testid": "pair-heads-said" });
    const group = el(
      "div",
      { class: "daam-group", role: "group", "aria-label": "Heads of" },
      ...this.buttons.map(({ button }) => button),
    );
    const bar = el("div", { class: "daam-title-row" }, a.atlas.bar.heading, group, this.said);
    const heads = el("div", { class: "daam-pair-heads" }, bar);
    a.atlas.element.before(heads);
    heads.append(a.atlas.element);
    this.heads = heads;
    b.atlas.element.remove();
    a.hints.show(false); // there is little room below two images; the button shows them
    a.status.element.append(this.note);
    a.root.append(el("div", { class: "daam-foot-b" }, b.status.element));
    // What A has for both is not there twice.
    for (const part of [b.chips, b.steps, b.look, b.whatIf, b.hints]) part.element.remove();
    b.image.element.querySelector(".daam-hand")?.remove();
    // The words at a place are those of the image that is pointed at.
    a.inspector.element.after(b.inspector.element);
    const inspect = (/** @type {View} */ view) => {
      for (const each of this.views) each.inspector.element.hidden = each !== view;
    };
    inspect(a);
    for (const view of this.views)
      for (const event of ["pointerenter", "focusin"])
        view.image.element.addEventListener(event, () => inspect(view));
  }

  /** What is chosen on one side, the other takes over; words are matched by the kernel. */
  #link() {
    const names = /** @type {string[]} */ (this.a.state.model.get("_linked") ?? []);
    for (const [from, to] of [this.views, [...this.views].reverse()])
      for (const name of names)
        if (!OWN.has(name))
          from.state.on(`change:${name}`, () =>
            to.state.set({ [name]: from.state.get(name) }, "soon"),
          );
    this.a.state.on("change:_note", () => this.a.invalidate(flags.LOOK));
    this.a.state.on("change:difference_scale", () => this.a.invalidate(flags.ALL));
  }

  /** Whether heads of both can be compared. */
  get sameHeads() {
    const [own, others] = this.views.map(({ state }) =>
      JSON.stringify(
        (state.facts.layers ?? []).map(({ name, heads, size }) => [name, heads, size]),
      ),
    );
    return own === others;
  }

  /**
   * Show the heads of A, of B, or their difference.
   *
   * @param {Which} which
   */
  choose(which) {
    this.which = which;
    this.a.atlas.instead =
      which === "difference"
        ? { tiles: () => this.#between(), values: () => this.#values() }
        : null;
    const [shown, other] = which === "b" ? [this.b, this.a] : [this.a, this.b];
    other.atlas.element.remove();
    this.heads?.append(shown.atlas.element);
    for (const view of this.views) view.invalidate(flags.ALL);
  }

  /** @returns {Tiles | null} */
  #between() {
    const [own, others] = this.views.map(({ atlas }) => atlas.axes.tiles());
    if (!own || !others) return null;
    const scale = this.difference.scale;
    const { made } = this;
    if (made && made.own === own && made.others === others && made.scale === scale)
      return made.tiles;
    const tiles = differenceOf(own, others, scale);
    this.made = tiles && { own, others, scale, tiles };
    return tiles;
  }

  #values() {
    return valuesBetween(this.a.atlas.axes, this.b.atlas.axes);
  }

  /** @param {View} view that was drawn */
  #drawn(view) {
    const [a, b] = this.views;
    const other = view === a ? b : a;
    if (this.sameHeads && view.maps.hover !== this.hover) {
      this.hover = view.maps.hover;
      other.maps.hover = this.hover;
      other.invalidate(flags.MAP);
    }
    if (view === b && this.which === "difference") a.invalidate(flags.GRID);
    this.#say();
    this.difference.update();
  }

  #say() {
    const { sameHeads, which } = this;
    this.views.forEach(({ state }, side) => {
      const { words, seed, kind, model } = state.facts;
      const word = words?.[state.get("word")]?.text ?? "";
      const of = this.a.state.facts.kind === this.b.state.facts.kind ? "" : `${kind} of `;
      const seeds = seed ? ` · seed ${seed}` : "";
      write(this.titles[side], `${"AB"[side]} · ${of}“${word}”${seeds}`);
      attribute(
        this.titles[side],
        "title",
        [state.facts.prompt, model].filter(Boolean).join(" · "),
      );
    });
    for (const { which: own, button } of this.buttons ?? []) {
      attribute(button, "aria-pressed", String(own === which));
      button.disabled = own === "difference" && !sameHeads;
    }
    const shares = this.difference.scale === "own" ? "shares of each head's peak" : "in their unit";
    const signs = `Red: more in A. Blue: more in B. ${shares[0].toUpperCase()}${shares.slice(1)}.`;
    const unlike = "No difference: the recordings have other layers, heads or sizes.";
    if (this.said) write(this.said, !sameHeads ? unlike : which === "difference" ? signs : "");
    write(this.note, this.a.state.model.get("_note") ?? "");
  }

  destroy() {
    for (const view of [this.b, this.a]) view.destroy();
  }
}
