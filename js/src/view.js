// One view of one explorer: its parts, what has to be drawn again, and when.
/** @import { AnySource } from "./types.js" */
import { Atlas } from "./atlas/atlas.js";
import { exposed as exposedAtlas } from "./atlas/saying.js";
import { Chips } from "./chips.js";
import { attribute, el } from "./dom.js";
import * as flags from "./flags.js";
import { Hints } from "./hints.js";
import { Inspector } from "./inspector.js";
import { Keys } from "./keys.js";
import { Look } from "./look.js";
import { Maps } from "./maps.js";
import { ImageView } from "./image.js";
import { watchRoom } from "./room.js";
import { Scope } from "./scope.js";
import { State } from "./state.js";
import { Status } from "./status.js";
import { Steps } from "./steps.js";
import { themeOf, watchDots, watchTheme } from "./theme.js";
import { times } from "./times.js";
import { Clock } from "./timing.js";
import { WhatIf } from "./whatif.js";
import { Wanted } from "./wanted.js";

/** Images whose width is this many times their height, or less than its inverse, are laid out apart. */
const WIDE = 1.5;

export class View {
  /**
   * @param {AnySource} source
   * @param {HTMLElement} parent
   */
  constructor(source, parent) {
    this.source = source;
    this.state = new State(source.model, {
      chosen: () => source.chosen(),
      rested: () => this.invalidate(0),
    });
    this.maps = new Maps(this.state, source);
    this.clock = new Clock();
    this.dirty = flags.ALL;
    this.frame = 0;
    this.sequence = 0;
    this.waitingSince = 0;
    /** @type {(() => void) | undefined} told of every drawing */
    this.drawn = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.resting = undefined;
    this.stop = new AbortController();
    const scope = new Scope({
      source,
      state: this.state,
      maps: this.maps,
      invalidate: (what) => this.invalidate(what),
      input: (what, handler) => this.input(what, handler),
      say: (text) => this.status.say(text),
      fail: (text) => this.status.fail(text),
      lingering: () => this.mayLinger,
    });
    this.scope = scope;
    this.wanted = new Wanted(scope);
    this.root = el("section", {
      class: "daam",
      "data-testid": "explorer",
      "data-seq": "0",
      "data-settled": "false",
      role: "region",
      "aria-label": "Heat map explorer",
      tabindex: "-1",
    });
    this.status = new Status(scope, {
      problems: () => [
        this.wanted.asker.problem,
        this.atlas.wants.asker.problem,
        this.inspector.problem,
        this.chips.words.problem,
      ],
      describe: (text) => attribute(this.image.canvas, "aria-label", text),
      overlap: () => this.image.overlap,
    });
    this.chips = new Chips(scope);
    this.inspector = new Inspector(scope);
    this.image = new ImageView(scope, {
      point: (place, aloud) => {
        this.image.looking.point(place);
        this.inspector.point(place, aloud);
      },
    });
    this.atlas = new Atlas(scope);
    this.steps = new Steps(scope);
    this.look = new Look(scope, { canvas: this.image.canvas, source: this.status.source });
    this.hints = new Hints(scope);
    this.whatIf = new WhatIf(scope);
    this.keys = new Keys(scope, {
      root: this.root,
      signal: this.stop.signal,
      steps: this.steps,
      chips: this.chips,
      bare: this.image.bare,
      whatIf: this.whatIf,
    });
    this.parts = [
      this.chips,
      this.image,
      this.atlas,
      this.inspector,
      this.steps,
      this.look,
      this.whatIf,
      this.status,
    ];
    this.body = el("div", { class: "daam-body" });
    this.#build();
    parent.append(this.root);
    this.stopRoom = watchRoom(this.root);
    if (source.address) source.address.said = (text) => this.status.fail(text);
    this.status.fail(source.address?.problem ?? "");
    this.#listen();
    this.#expose();
    this.draw();
  }

  /** Put the parts where they belong. */
  #build() {
    this.inspector.element.append(this.hints.element);
    this.chips.tools.append(this.whatIf.button, this.hints.button);
    this.body.append(
      el(
        "div",
        { class: "daam-panes" },
        this.image.element,
        this.inspector.element,
        this.atlas.element,
        this.whatIf.element,
      ),
    );
    this.root.append(
      el(
        "div",
        { class: "daam-main" },
        this.chips.element,
        this.body,
        this.steps.element,
        this.look.element,
        this.status.element,
      ),
    );
  }

  /** All that asks the source. */
  get askers() {
    return [
      this.wanted.asker,
      this.atlas.wants.asker,
      ...this.inspector.askers,
      this.image.looking.asker,
      this.chips.words.asker,
    ];
  }

  #listen() {
    for (const [name, what] of Object.entries(flags.OF_TRAIT)) {
      this.state.on(`change:${name}`, () => this.invalidate(what));
    }
    const { source, state } = this;
    const parts = flags.MAP | flags.STRIP | flags.GRID | flags.STEPS;
    this.ends = [
      source.on("parts", () => this.invalidate(parts)),
      source.on("trouble", () => {
        if (!source.trouble) for (const asker of this.askers) asker.retry(); // somebody answers again
        this.invalidate(flags.LOOK);
      }),
      source.on("facts", () => {
        this.wanted.forget();
        this.atlas.wants.forget();
        this.maps.hover = null;
        this.image.looking.forget();
        this.invalidate(flags.ALL);
      }),
      source.player.watch(),
    ];
    for (const name of ["threshold", "steps", "layer", "head", "heads", "choice", "region"]) {
      // Overlap follows the mask, or the region.
      state.on(`change:${name}`, () => this.invalidate(flags.GRID));
    }
    this.stopTheme = watchTheme(() => {
      const theme = themeOf(this.root, this.state.get("theme"));
      if (this.root.dataset.theme !== theme) this.invalidate(flags.THEME);
    });
    this.stopDots = watchDots(() => this.invalidate(flags.ALL));
    // The image's column may change its width while the explorer keeps its own, and the grid's place
    // its height.
    const sized = [this.root, this.image.frame, this.steps.strip.element];
    let before = "";
    this.sizes = new ResizeObserver(() => {
      const widths = sized.map((node) => node.clientWidth);
      const now = widths.join(" ");
      if (now === before) return; // a line more or less somewhere
      before = now;
      this.invalidate(flags.MAP | flags.STRIP | flags.GRID | flags.WORDS);
    });
    for (const node of sized) this.sizes.observe(node);
  }

  /** What tests and the benchmark read. */
  #expose() {
    const view = this;
    const exposed = {
      timings: this.clock.timings,
      model: this.state.model,
      state: this.state,
      shown: () => copyOf(view.maps.shown(0)),
      shownB: () => copyOf(view.maps.shown(1)),
      preview: () => copyOf(view.maps.preview(0)),
      overlap: () => ({ ...view.image.overlap }),
      tiles: () => view.maps.tiles(),
      atlas: exposedAtlas(view.atlas),
      pointed: () => {
        const [y, x] = view.inspector.place ?? [];
        return y === undefined ? null : { y, x };
      },
    };
    Object.assign(this.root, { __daam: exposed, __daam_timings: this.clock.timings });
  }

  /**
   * Ask for drawing in the next frame.
   *
   * @param {number} what flags
   */
  invalidate(what) {
    this.dirty |= what;
    if (this.frame === 0 && !this.stop.signal.aborted) {
      this.frame = requestAnimationFrame(() => this.draw());
    }
  }

  /**
   * Handle an input of the hand, and time it.
   *
   * @param {string} what
   * @param {() => void} handler
   */
  input(what, handler) {
    this.clock.input(what, handler);
    this.hints?.acted(what);
    this.invalidate(0);
  }

  draw() {
    const start = performance.now();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const what = this.dirty;
    this.dirty = 0;
    if (what & flags.THEME) this.#theme();
    this.wanted.update(); // before the status, which says what cannot be had
    for (const part of this.parts) part.update(what);
    this.#mark();
    this.drawn?.();
    this.clock.drawn(start);
  }

  #theme() {
    const { root, state } = this;
    attribute(root, "data-theme", themeOf(root, state.get("theme")));
    attribute(root, "data-host", state.get("theme") === "auto");
    attribute(root, "data-projector", Boolean(state.get("projector")));
    const [height, width] = state.facts.image ?? [1, 1];
    root.style.setProperty("--daam-ratio", String(width / height));
    const shape = width >= WIDE * height ? "wide" : height >= WIDE * width ? "tall" : "even";
    attribute(root, "data-shape", shape);
  }

  #mark() {
    const { root, maps } = this;
    const shown = maps.shown(0);
    const missing = !shown || (maps.comparing && !shown.of && !shown.looks && !maps.shown(1));
    const now = performance.now();
    if (!missing) this.waitingSince = 0;
    else if (this.waitingSince === 0) {
      this.waitingSince = now;
      setTimeout(() => this.invalidate(flags.MAP), times.linger + 10);
    }
    const none = !this.source.capabilities.any && !this.mayLinger ? "absent" : "waiting";
    attribute(root, "data-kind", missing ? none : shown.kind);
    const settled =
      !maps.hover && maps.settled && this.wanted.lacking.length === 0 && !this.atlas.lacking;
    attribute(root, "data-settled", String(settled));
    this.#keep();
    attribute(root, "data-playing", String(Boolean(this.state.get("playing"))));
    attribute(root, "data-seq", String(++this.sequence));
  }

  /** What is shown after a long rest is kept for a page without a kernel. */
  #keep() {
    clearTimeout(this.resting);
    if (!this.maps.settled || this.state.get("playing")) return;
    const key = this.maps.exactKey(0);
    this.resting = setTimeout(() => this.source.keep(key), times.keep);
  }

  /** Whether the last drawing may stay although its question is an old one. */
  get mayLinger() {
    return this.waitingSince === 0 || performance.now() - this.waitingSince < times.linger;
  }

  destroy() {
    this.stop.abort();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.resting);
    this.stopTheme?.();
    this.stopRoom?.();
    this.stopDots?.();
    this.sizes?.disconnect();
    for (const part of this.parts) if ("destroy" in part) part.destroy();
    this.wanted.destroy();
    for (const end of this.ends ?? []) end();
    this.state.destroy();
    this.root.remove();
  }
}

/** @param {import("./types.js").Shown | null} shown */
function copyOf(shown) {
  if (!shown) return null;
  const { kind, key, height, width, max, looks } = shown;
  return { kind, key, shape: [height, width], values: Array.from(shown.values), max, looks };
}
