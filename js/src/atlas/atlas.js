// All heads of all layers on one canvas: colors or maps, to be magnified, sorted and chosen from.
/** @import { Scope } from "../scope.js" */
/** @import { Axes } from "./axes.js" */
/** @import { Plan } from "./plan.js" */
/** @import { Style } from "./labels.js" */
import { attribute, el, short, write } from "../dom.js";
import * as flags from "../flags.js";
import { stepsText } from "../naming.js";
import { AtlasWants } from "./asking.js";
import { HeadAxes, StepAxes } from "./axes.js";
import { Bar, Foot } from "./bar.js";
import { Chooser } from "./choosing.js";
import { describe, captions } from "./saying.js";
import { drawCaptions, drawLasso, drawMarks, drawTiles } from "./drawing.js";
import { Hand } from "./hand.js";
import { onKey } from "./keyboard.js";
import { drawLabels, labelAt, styleOf, widest } from "./labels.js";
import { encircled } from "./lasso.js";
import { measureOf, rangeOf } from "./measures.js";
import { HEADER, indexOf, planOf, rankedPlan, tileAt } from "./plan.js";
import { Saved } from "./saved.js";
import { Sheets } from "./sheets.js";
import { clamp, mostZoom, reveal, rowsSeen, zoomAt } from "./zoom.js";

/** From this size on tiles are maps where there is a choice, CSS pixels. */
const NEAR = 13;
const SMALLEST = 40; // there is no room to draw in below this

/** @typedef {import("./measures.js").Values} Values */

export class Atlas {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    /** @type {Plan | null} */
    this.plan = null;
    this.zoom = { k: 1, x: 0, y: 0 };
    this.room = { width: 0, height: 0 };
    this.layout = "";
    this.active = 0;
    this.pointed = -1;
    this.frame = 0;
    this.drawn = 0;
    /** @type {number[]} */
    this.line = [];
    this.chosen = new Uint8Array(0);
    /** @type {Values | null} */
    this.values = null;
    /** @type {{tiles: () => import("../types.js").Tiles | null, values: () => Values | null} | null} drawn in place of the own */
    this.instead = null;
    /** @type {[number, number]} */
    this.range = [0, 0];
    /** @type {Style | null} */
    this.style = null;
    this.tilesCanvas = el("canvas", {
      class: "daam-atlas-tiles",
      "aria-hidden": "true",
      "data-testid": "atlas-tiles",
    });
    this.canvas = el("canvas", {
      class: "daam-atlas-marks",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "head atlas",
      "aria-label": nameOf("heads"),
      "data-testid": "atlas",
      on: {
        keydown: (/** @type {KeyboardEvent} */ event) => onKey(this, event),
        focus: () => this.#soon(),
        blur: () => this.#leave(),
      },
    });
    const context = (/** @type {HTMLCanvasElement} */ canvas) =>
      /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.below = context(this.tilesCanvas);
    this.above = context(this.canvas);
    this.sheets = new Sheets(scope);
    this.wants = new AtlasWants(scope, () => this.#closer());
    /** @type {{heads: HeadAxes, steps: StepAxes}} */
    this.both = { heads: new HeadAxes(scope, new Chooser(scope)), steps: new StepAxes(scope) };
    /** @type {Axes} what the tiles are */
    this.axes = this.both.heads;
    this.bar = new Bar(scope);
    this.foot = new Foot({
      zoom: (factor) => this.zoomBy(factor, this.room.width / 2, this.room.height / 2),
      fit: () => this.zoomBy(0, 0, 0),
      tool: () => this.#touchable(),
    });
    this.saved = new Saved(scope);
    this.foot.buttons.append(this.saved.element);
    this.note = el("p", { class: "daam-hint", "data-testid": "grid-note" });
    this.stage = el("div", { class: "daam-atlas-stage" }, this.tilesCanvas, this.canvas);
    this.element = el(
      "div",
      { class: "daam-atlas" },
      this.bar.element,
      this.stage,
      this.foot.element,
      this.note,
    );
    this.hand = new Hand(this.canvas, {
      point: (x, y) => this.#point(this.#tileAt(x, y), x, y),
      leave: () => this.#leave(),
      press: (x, y, { shift, more }) => this.#press(x, y, shift || more || this.foot.adding),
      pan: (dx, dy) => this.#pan(dx, dy),
      zoom: (factor, x, y) => this.zoomBy(factor, x, y),
      lasso: (line, held) => this.#lasso(line, held),
      lassoing: () => this.foot.lassoing,
      magnified: () => this.zoom.k > 1,
    });
    this.sizes = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = this.stage;
      if (width === this.room.width && height === this.room.height) return;
      scope.invalidate(flags.GRID);
    });
    this.sizes.observe(this.stage);
  }

  /** Whether a number or an order that is shown is still on its way. */
  get lacking() {
    return this.wants.lacking;
  }

  /** @param {number} what */
  update(what) {
    const axes = this.both[/** @type {"heads" | "steps"} */ (this.scope.state.get("tile_axes"))];
    if (axes !== this.axes) this.plan = null; // whose rows and columns are others
    this.axes = axes;
    attribute(this.canvas, "aria-label", nameOf(axes.name));
    this.bar.update(what, axes.measure);
    this.saved.update(what);
    this.wants.update();
    if (!this.scope.state.facts.layers) return;
    axes.read();
    const tiles = this.instead ? this.instead.tiles() : axes.tiles();
    const other = tiles !== this.sheets.tiles;
    if (what & flags.THEME) this.style = null;
    const laid = flags.GRID | flags.THEME | (axes === this.both.steps ? flags.SELECTION : 0);
    if (other || what & laid) {
      this.sheets.use(tiles);
      this.#measure();
      if (!this.#lay()) return;
    }
    if (other || what & (flags.GRID | flags.SELECTION | flags.THEME)) {
      this.#mark();
      this.draw();
    } else if (what & flags.STEPS && axes === this.both.steps) {
      this.#mark();
      this.#drawMarks();
    }
    if (other || what & (flags.GRID | flags.STEPS)) this.#note();
  }

  #measure() {
    const { axes } = this;
    this.values = this.instead ? this.instead.values() : axes.values();
    this.range = this.values ? rangeOf(this.values, (row) => !axes.isOut(row)) : [0, 0];
  }

  /** Lay the tiles out where anything changed that they depend on; false where there is no room. */
  #lay() {
    const { axes } = this;
    const { state, dots, source, maps } = this.scope;
    const { facts } = state;
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!facts.layers || width < SMALLEST || height < SMALLEST) return false;
    const sort = state.get("tile_sort");
    const order = axes.order();
    const style = this.#style();
    const rows = axes.rows.map((row) => row.layer);
    const of = [source.run, axes.name, rows];
    const key = JSON.stringify([of, width, height, dots, style.size, sort, order]);
    if (key === this.layout) return true;
    this.layout = key;
    this.room = { width, height };
    for (const canvas of [this.tilesCanvas, this.canvas]) {
      canvas.width = Math.ceil(width * dots);
      canvas.height = Math.ceil(height * dots);
    }
    const [high, wide] = facts.layers[0].size;
    const before = this.plan;
    const place = before ? [before.row[this.active], before.column[this.active]] : [-1, -1];
    const room = { width, height, aspect: wide / high };
    const names = widest(this.above, style, axes.rows.map((row) => row.label)); // prettier-ignore
    this.plan = order
      ? rankedPlan(order, room)
      : planOf(axes.rows, { ...room, names, all: axes.all });
    this.chosen = new Uint8Array(this.plan.count);
    this.active = Math.max(0, indexOf(this.plan, place[0], place[1]));
    this.pointed = -1;
    if (before?.ranked !== this.plan.ranked) this.zoom = { k: 1, x: 0, y: 0 };
    clamp(this.zoom, this.plan, this.room, mostZoom(this.plan.tile[0]));
    maps.hover = null;
    return true;
  }

  #style() {
    if (this.style) return this.style;
    this.style = styleOf(this.element, this.scope.state.get("projector"));
    return this.style;
  }

  // --- drawing ---------------------------------------------------------------------------------

  /** Draw in the next frame. */
  #soon() {
    if (this.frame === 0)
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
  }

  /** Whether the tiles are maps at this size, and not one color each. */
  get showsMaps() {
    const show = this.scope.state.get("tile_show");
    if (show !== "auto" || !this.plan) return show !== "colors";
    return Math.min(...this.plan.tile) * this.zoom.k >= NEAR;
  }

  draw() {
    const { plan, zoom, room } = this;
    if (!plan) return;
    const { state, dots } = this.scope;
    const { axes } = this;
    const style = this.#style();
    const isOut = (/** @type {number} */ row) => axes.isOut(row);
    const maps = this.showsMaps;
    if (maps) this.sheets.color(Math.max(...plan.tile) * zoom.k * dots, isOut);
    this.drawn = drawTiles(this.below, dots, plan, zoom, room, {
      isOut,
      colors: state.get("colormap"),
      maps: maps && Boolean(this.sheets.tiles),
      sheet: (row) => this.sheets.of(row),
      first: -1,
      values: this.values,
      range: this.range,
      style,
    });
    this.below.setTransform(dots, 0, 0, dots, 0, 0);
    if (plan.ranked || zoom.k > 1)
      drawCaptions(
        this.below,
        plan,
        zoom,
        room,
        (row, column) => captions(axes, row, column, this.values),
        style,
      );
    this.#drawMarks();
  }

  #drawMarks() {
    const { plan, zoom, room, above } = this;
    if (!plan) return;
    const { axes } = this;
    const { dots } = this.scope;
    const style = this.#style();
    above.setTransform(dots, 0, 0, dots, 0, 0);
    above.clearRect(0, 0, room.width, room.height);
    const keys = this.canvas.matches(":focus-visible");
    const { chosen, pointed, active } = this;
    drawMarks(above, plan, zoom, { chosen, pointed, active: keys ? active : -1 }, style);
    drawLabels(
      above,
      plan,
      zoom,
      room,
      {
        rows: axes.rows,
        columnName: (column) => axes.columnName(column),
        isRow: (row) => axes.isRow(row),
        isColumn: (column) => axes.isColumn(column),
        isOut: (row) => axes.isOut(row),
      },
      style,
    );
    drawLasso(above, this.line, style);
    this.#say();
  }

  #mark() {
    const { plan, chosen, axes } = this;
    if (!plan) return;
    for (let i = 0; i < plan.count; i++)
      chosen[i] = Number(axes.isChosen(plan.row[i], plan.column[i]));
  }

  /** Name what is pointed at, or say what the colors mean. */
  #say() {
    const { plan, values, scope } = this;
    if (!plan) return;
    const measure = measureOf(scope, this.axes.measure);
    const keys = this.canvas.matches(":focus-visible");
    const of = this.pointed >= 0 ? this.pointed : keys ? this.active : -1;
    const [low, high] = this.range;
    const legend =
      !this.showsMaps && values
        ? { low: short(low), high: short(high), colors: scope.state.get("colormap") }
        : null;
    const rest = this.showsMaps
      ? `Maps of ${scope.state.get("tile_scale") === "own" ? "own scales" : "one scale"}`
      : `Color: ${measure?.label ?? ""}`;
    this.foot.write(of >= 0 ? this.describe(of) : rest, legend);
  }

  /** @param {number} i */
  describe(i) {
    const { plan, axes, values } = this;
    if (!plan || i < 0 || i >= plan.count) return "";
    return describe(axes, plan.row[i], plan.column[i], values);
  }

  #note() {
    const { axes } = this;
    const { state, source } = this.scope;
    const ofHeads = axes === this.both.heads;
    const tiles = axes.tiles();
    let text = "";
    if (!tiles)
      text = source.capabilities.any
        ? "The tiles are on their way."
        : `The tiles of ${ofHeads ? "this word" : "single steps"} were left out of this page.`;
    else if (ofHeads) {
      const [lo, hi] = state.steps;
      if (tiles.lo !== lo || tiles.hi !== hi)
        text = `Tiles of ${stepsText(state.facts, tiles.lo, tiles.hi)}.`;
      else if (!this.values || (state.get("tile_sort") === "likeness" && !axes.order()))
        text = this.wants.lacking ? "Being worked out." : "This page does not hold these numbers.";
    }
    write(this.note, text);
  }

  // --- moving ----------------------------------------------------------------------------------

  /**
   * @param {number} dx
   * @param {number} dy
   */
  #pan(dx, dy) {
    if (!this.plan) return;
    this.zoom.x += dx;
    this.zoom.y += dy;
    clamp(this.zoom, this.plan, this.room, mostZoom(this.plan.tile[0]));
    this.#soon();
  }

  /**
   * @param {number} factor 0: all tiles
   * @param {number} x
   * @param {number} y
   */
  zoomBy(factor, x, y) {
    const { plan, zoom, room } = this;
    if (!plan) return false;
    const before = zoom.k;
    const most = mostZoom(plan.tile[0]);
    if (factor === 0) zoom.k = 1;
    else zoomAt(zoom, factor, x, y, most);
    clamp(zoom, plan, room, most);
    this.#touchable();
    this.#soon();
    this.wants.update();
    return zoom.k !== before;
  }

  /** A finger moves the tiles where they are magnified, else the page. */
  #touchable() {
    this.stage.dataset.magnified = String(this.zoom.k > 1 || this.foot.lassoing);
  }

  /** Layers whose tiles are looked at closely. */
  #closer() {
    const { plan, zoom, room } = this;
    if (!plan || zoom.k <= 1 || !this.showsMaps || this.axes !== this.both.heads)
      return { layers: [], side: 0 };
    const side = Math.max(...plan.tile) * zoom.k * this.scope.dots;
    return { layers: rowsSeen(plan, zoom, room), side };
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #tileAt(x, y) {
    const { plan, zoom } = this;
    if (!plan || labelAt(plan, zoom, x, y)) return -1;
    return tileAt(plan, (x - zoom.x) / zoom.k, (y - zoom.y) / zoom.k);
  }

  // --- choosing --------------------------------------------------------------------------------

  /**
   * @param {number} i
   * @param {number} [x]
   * @param {number} [y]
   */
  #point(i, x = 0, y = 0) {
    const { plan } = this;
    if (!plan) return;
    const label = i < 0 ? labelAt(plan, this.zoom, x, y) : null;
    this.canvas.style.cursor = i >= 0 || label ? "pointer" : "default";
    if (i === this.pointed) return;
    this.pointed = i;
    this.#hover(i);
    this.#drawMarks();
  }

  #leave() {
    this.pointed = -1;
    this.#hover(-1);
    this.#drawMarks();
  }

  /** @param {number} i the tile whose map is shown; -1: none */
  #hover(i) {
    const { maps } = this.scope;
    const { plan } = this;
    const [row, column] = plan && i >= 0 ? [plan.row[i], plan.column[i]] : [-1, -1];
    const hover = row >= 0 ? this.axes.hover(row, column) : null;
    if (!hover && !maps.hover) return;
    this.scope.input("hover", () => {
      maps.hover = hover;
      this.scope.invalidate(flags.MAP);
    });
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {boolean} more whether heads are added to those chosen, or taken away
   */
  #press(x, y, more) {
    const { plan, zoom } = this;
    if (!plan) return;
    const label = labelAt(plan, zoom, x, y);
    const i = label ? -1 : this.#tileAt(x, y);
    this.scope.input("head", () => {
      if (i >= 0) {
        this.active = i;
        this.axes.choose(plan.row[i], plan.column[i], more);
      } else if (label && "column" in label) this.axes.choose(-1, label.column, more);
      else if (label && "row" in label) this.axes.choose(label.row, -1, more);
      else if (label) this.axes.block(label.block, more);
    });
  }

  /**
   * @param {number[]} line on the page
   * @param {{shift: boolean, more: boolean} | null} held null: it is still drawn
   */
  #lasso(line, held) {
    const { plan, zoom } = this;
    this.line = held ? [] : line;
    if (held && plan) {
      const { x, y, k } = zoom;
      const inside = encircled(plan, line.map((at, i) => (at - (i % 2 ? y : x)) / k)); // prettier-ignore
      const tiles = inside.map((i) => ({ row: plan.row[i], column: plan.column[i] }));
      const more = held.more || this.foot.adding;
      this.scope.input("head", () => this.axes.encircled(tiles, more));
    }
    this.#drawMarks();
  }

  /** @param {number} i the tile that the keys are at */
  go(i) {
    const { plan, zoom, room } = this;
    if (!plan) return;
    this.active = i;
    this.pointed = -1;
    const box = { x: plan.x[i], y: plan.y[i], w: plan.w[i], h: plan.h[i] };
    const covered = plan.ranked ? { left: 0, top: 0 } : { left: plan.gutter, top: HEADER };
    reveal(zoom, box, room, covered);
    clamp(zoom, plan, room, mostZoom(plan.tile[0]));
    this.#hover(i);
    this.scope.say(this.describe(i) + (this.chosen[i] ? ", chosen" : ""));
    this.#soon();
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    this.sizes.disconnect();
    this.wants.destroy();
  }
}

/** @param {string} columns heads or steps */
function nameOf(columns) {
  return `Layers by ${columns}. Arrow keys move, Enter chooses, Shift+Enter adds, plus and minus zoom.`;
}
