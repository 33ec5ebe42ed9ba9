// One view of one explorer: its parts, what has to be drawn again, and when.
/** @import { Model } from "./types.js" */
import { Chips } from "./chips.js";
import { attribute, el } from "./dom.js";
import * as flags from "./flags.js";
import { Grid } from "./grid.js";
import { Inspector } from "./inspector.js";
import { Keys } from "./keys.js";
import { Look } from "./look.js";
import { Maps } from "./maps.js";
import { Picture } from "./picture.js";
import { Pictures } from "./pictures.js";
import { Requests } from "./requests.js";
import { State } from "./state.js";
import { Status } from "./status.js";
import { Steps } from "./steps.js";
import { themeOf, watchDots, watchTheme } from "./theme.js";
import { Clock } from "./timing.js";

/** Milliseconds for which the last drawing stays while a map is on its way. */
const STALE = 150;
/** Milliseconds after which a kernel that does not answer is mentioned. */
const PATIENCE = 5000;

/** With more heads than this, the grid gets the room of the ranking beside it. */
const WIDE = 10;

export class View {
  /**
   * @param {Model} model
   * @param {HTMLElement} parent
   */
  constructor(model, parent) {
    this.state = new State(model);
    this.maps = new Maps(this.state);
    this.clock = new Clock();
    this.alive = this.state.facts.kernel !== false;
    this.silent = false;
    this.dirty = flags.ALL;
    this.frame = 0;
    this.sequence = 0;
    this.waitingSince = 0;
    this.expected = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.patience = undefined;
    this.stop = new AbortController();
    this.root = el("section", {
      class: "daam",
      "data-testid": "explorer",
      "data-seq": "0",
      "data-settled": "false",
      role: "region",
      "aria-label": "Attention explorer",
      tabindex: "-1",
    });
    this.requests = new Requests(this.state, (alive) => this.#heard(alive));
    this.pictures = new Pictures(this);
    this.status = new Status(this);
    this.chips = new Chips(this);
    this.picture = new Picture(this);
    this.inspector = new Inspector(this);
    this.grid = new Grid(this);
    this.steps = new Steps(this);
    this.look = new Look(this);
    this.keys = new Keys(this);
    this.parts = [
      this.chips,
      this.picture,
      this.grid,
      this.inspector,
      this.steps,
      this.look,
      this.status,
    ];
    this.body = el(
      "div",
      { class: "daam-body" },
      this.picture.element,
      this.grid.element,
      this.inspector.element,
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
    parent.append(this.root);
    this.#listen();
    this.#expose();
    this.draw();
  }

  #listen() {
    for (const [name, what] of Object.entries(flags.OF_TRAIT)) {
      this.state.on(`change:${name}`, () => this.invalidate(what));
    }
    for (const name of ["_stack", "_stack_b"]) {
      const arrived = () => {
        this.maps.stackArrived(name);
        this.invalidate(flags.MAP | flags.STRIP);
      };
      this.state.on(`change:${name}`, arrived);
      this.state.on(`change:${name}_meta`, arrived);
    }
    for (const name of ["_exact", "_exact_b"]) {
      const arrived = () => {
        this.maps.exactArrived(name);
        this.invalidate(flags.MAP);
      };
      this.state.on(`change:${name}`, arrived);
      this.state.on(`change:${name}_meta`, arrived);
    }
    const tiles = () => {
      this.maps.tilesArrived();
      this.invalidate(flags.GRID | flags.MAP);
    };
    this.state.on("change:_tiles", tiles);
    this.state.on("change:_tiles_meta", tiles);
    if (!this.alive) {
      // No kernel sends the tiles' overlap with another mask.
      for (const name of ["threshold", "steps", "layer", "head", "choice"]) {
        this.state.on(`change:${name}`, () => this.invalidate(flags.GRID));
      }
    }
    this.stopTheme = watchTheme(() => {
      const theme = themeOf(this.root, this.state.get("theme"));
      if (this.root.dataset.theme !== theme) this.invalidate(flags.THEME);
    });
    this.stopDots = watchDots(() => this.invalidate(flags.ALL));
    let width = 0;
    this.sizes = new ResizeObserver(() => {
      if (this.root.clientWidth === width) return; // a line more or less below the picture
      width = this.root.clientWidth;
      this.invalidate(flags.MAP | flags.STRIP | flags.GRID | flags.WORDS);
    });
    this.sizes.observe(this.root);
  }

  /** What tests and the benchmark read. */
  #expose() {
    const view = this;
    const exposed = {
      timings: this.clock.timings,
      model: this.state.model,
      shown: () => copyOf(view.maps.shown(0)),
      shownB: () => copyOf(view.maps.shown(1)),
      overlap: () => ({ ...view.picture.overlap }),
    };
    Object.assign(this.root, { __daam: exposed, __daam_timings: this.clock.timings });
  }

  /** @param {boolean} alive */
  #heard(alive) {
    if (this.silent !== !alive) {
      this.silent = !alive;
      this.invalidate(flags.LOOK);
    }
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
    this.invalidate(0);
  }

  draw() {
    const start = performance.now();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const what = this.dirty;
    this.dirty = 0;
    if (what & flags.THEME) this.#theme();
    for (const part of this.parts) part.update(what);
    this.#mark();
    this.clock.drawn(start);
  }

  #theme() {
    const { root, state } = this;
    attribute(root, "data-theme", themeOf(root, state.get("theme")));
    attribute(root, "data-host", state.get("theme") === "auto");
    attribute(root, "data-projector", Boolean(state.get("projector")));
    const heads = state.facts.layers?.map((layer) => layer.heads) ?? [];
    attribute(this.body, "data-wide", state.get("projector") || Math.max(0, ...heads) > WIDE);
  }

  #mark() {
    const { root, maps } = this;
    const shown = maps.shown(0);
    const missing = !shown || (maps.comparing && !maps.shown(1));
    const now = performance.now();
    if (!missing) this.waitingSince = 0;
    else if (this.waitingSince === 0) {
      this.waitingSince = now;
      setTimeout(() => this.invalidate(flags.MAP), STALE + 10);
    }
    this.#expect();
    attribute(root, "data-kind", missing ? "waiting" : shown.kind);
    attribute(root, "data-settled", String(!maps.hover && maps.settled));
    attribute(root, "data-playing", String(Boolean(this.state.get("playing"))));
    attribute(root, "data-seq", String(++this.sequence));
  }

  /** Notice where the kernel leaves a question open for long. */
  #expect() {
    const key = this.maps.settled ? "" : this.maps.exactKey(0) + this.maps.exactKey(1);
    if (key === this.expected) return;
    this.expected = key;
    clearTimeout(this.patience);
    if (key === "") this.#heard(true);
    else if (this.alive) this.patience = setTimeout(() => this.#heard(false), PATIENCE);
  }

  /** Whether the last drawing may stay although its question is an old one. */
  get mayLinger() {
    return this.waitingSince === 0 || performance.now() - this.waitingSince < STALE;
  }

  destroy() {
    this.stop.abort();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.patience);
    this.stopTheme?.();
    this.stopDots?.();
    this.sizes?.disconnect();
    for (const part of this.parts) if ("destroy" in part) part.destroy();
    this.requests.destroy();
    this.state.destroy();
    this.root.remove();
  }
}

/** @param {import("./types.js").Shown | null} shown */
function copyOf(shown) {
  if (!shown) return null;
  const { kind, key, height, width, max } = shown;
  return { kind, key, shape: [height, width], values: Array.from(shown.values), max };
}
