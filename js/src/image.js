// The image with the maps over it: heat, contours, region, crosshair.
/** @import { Scope } from "./scope.js" */
/** @import { Shown } from "./types.js" */
import { Bare } from "./bare.js";
import { Looking } from "./looking.js";
import { Contours } from "./contours.js";
import { attribute, el, icon, short, write } from "./dom.js";
import * as flags from "./flags.js";
import { largest, levelOf, overlap } from "./measure.js";
import { unitText, unitTitle } from "./naming.js";
import { fade, gradient, paint, paintDifference, paintPair, palette } from "./palettes.js";
import { Pointer } from "./pointer.js";
import { enlarger } from "./resample.js";

const COLOR_A = "#ff8a1f";
const COLOR_B = "#39a9ff";
/** An image of few pixels is shown with its pixels square. */
const SQUARE = 3;

/** A small canvas whose memory is painted directly. */
export class Layer {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.image = new ImageData(1, 1);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  fit(width, height) {
    if (this.image.width === width && this.image.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.image = new ImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  show() {
    this.context.putImageData(this.image, 0, 0);
  }
}

export class ImageView {
  /**
   * @param {Scope} scope
   * @param {{point: (place: [number, number] | null, aloud?: boolean) => void}} hand told where it
   *   points
   */
  constructor(scope, { point }) {
    this.scope = scope;
    this.canvas = el("canvas", {
      class: "daam-canvas",
      "data-testid": "image",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "image with a heat map",
    });
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.base = document.createElement("canvas");
    this.heat = new Layer();
    this.contours = [new Contours(), new Contours()];
    this.overlap = { iou: 0, iod: 0, ioh: 0, both: 0, a: 0, b: 0 };
    this.baseKey = "";
    this.drawn = false;
    this.legend = new Legend();
    this.numbers = new Numbers();
    this.pointer = new Pointer(scope, this.canvas, point);
    this.bare = new Bare(scope);
    this.looking = new Looking(scope);
    scope.maps.looks = () => this.looking.shown;
    this.cells = el(
      "button",
      {
        class: "daam-button daam-only-icon daam-toggle",
        type: "button",
        title: "The cells as they were recorded, instead of a smooth map",
        "aria-label": "Recorded cells",
        "aria-pressed": "false",
        "data-testid": "cells",
      },
      icon("cells"),
    );
    this.cells.addEventListener("click", () =>
      scope.input("cells", () => scope.state.set({ cells: !scope.state.get("cells") })),
    );
    this.frame = el("div", { class: "daam-frame" }, this.canvas);
    this.element = el(
      "div",
      { class: "daam-image" },
      this.frame,
      el(
        "div",
        { class: "daam-hand", role: "group", "aria-label": "Tools of the image" },
        ...this.pointer.tools,
        this.cells,
        this.looking.button,
        this.bare.button,
      ),
      this.legend.element,
      el("div", { class: "daam-below" }, this.numbers.element, this.legend.unit),
    );
  }

  /** @param {number} what */
  update(what) {
    this.looking.update();
    if (!(what & (flags.MAP | flags.BASE | flags.THEME))) return;
    this.#fit();
    attribute(this.cells, "aria-pressed", String(Boolean(this.scope.state.get("cells"))));
    if (what & flags.BASE) this.baseKey = "";
    const { maps } = this.scope;
    const a = maps.shown(0);
    // A tile that is pointed at stands alone: it has its own grid, and is not compared.
    const alone = Boolean(a?.of || a?.looks);
    const b = alone ? null : maps.shown(1);
    const missing = !a || (maps.comparing && !alone && !b);
    // A map that is on its way: what was drawn last stays for a moment, marked as waiting.
    if (missing && this.drawn && this.scope.mayLinger) return;
    this.#drawBase();
    if (a && !missing) this.#drawMaps(a, b);
    if (this.bare.on) this.#showBase();
    else this.pointer.draw(this.context, this.canvas.width, this.canvas.height, this.scope.dots);
    this.drawn = Boolean(a);
    this.legend.update(this.scope, a, b);
    this.numbers.update(this.scope, missing ? null : a, b, this.overlap);
  }

  destroy() {
    this.bare.destroy();
    this.looking.destroy();
  }

  #fit() {
    const [height, width] = this.scope.state.facts.image ?? [1, 1];
    const ratio = `${width} / ${height}`;
    if (this.frame.style.aspectRatio !== ratio) this.frame.style.aspectRatio = ratio;
    const wide = this.frame.clientWidth;
    if (wide === 0) return; // hidden for a moment, as while JupyterLab changes its theme
    const across = Math.max(32, Math.round(wide * this.scope.dots));
    const down = Math.max(32, Math.round((across * height) / width));
    if (this.canvas.width === across && this.canvas.height === down) return;
    for (const canvas of [this.canvas, this.base]) {
      canvas.width = across;
      canvas.height = down;
    }
    this.baseKey = "";
  }

  /** The image, or the forming image of the last chosen step, enlarged once. */
  #drawBase() {
    const { state, images, maps } = this.scope;
    const follow = state.get("follow_step") ? images.thumbnail(state.steps[1] - 1) : null;
    // Two families of colors are told apart over gray.
    const gray = maps.comparing && !maps.hover && !maps.looks() && !this.bare.on;
    const key = `${follow ? `${follow.x},${follow.y}` : "image"} ${gray}`;
    const { width, height } = this.canvas;
    if (key !== this.baseKey) {
      const context = /** @type {CanvasRenderingContext2D} */ (this.base.getContext("2d"));
      context.fillStyle = "#8883";
      context.clearRect(0, 0, width, height);
      context.fillRect(0, 0, width, height);
      context.imageSmoothingQuality = "high";
      if (follow && images.strip) {
        context.imageSmoothingEnabled = width < SQUARE * follow.width;
        const { x, y, width: w, height: h } = follow;
        context.drawImage(images.strip, x, y, w, h, 0, 0, width, height);
      } else if (images.image) {
        context.imageSmoothingEnabled = width < SQUARE * images.image.width;
        context.drawImage(images.image, 0, 0, width, height);
      }
      if (gray && (follow || images.image)) fade(context, 0, 0, width, height);
      this.baseKey = images.image || follow ? key : "";
    }
    this.#showBase();
  }

  #showBase() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.context.drawImage(this.base, 0, 0);
  }

  /**
   * @param {Shown} a
   * @param {Shown | null} b
   */
  #drawMaps(a, b) {
    const { state } = this.scope;
    const threshold = state.get("threshold");
    const levelA = levelOf(a.max, threshold);
    const fieldA = enlarger(a.height, a.width, "a");
    const valuesA = fieldA.enlarge(a.values);
    const cells = Boolean(state.get("cells"));
    if (!b) {
      const colors = palette(state.get("colormap"));
      const own = cells ? ((a.of || a.looks ? null : this.scope.maps.recorded()) ?? a) : fieldA;
      this.heat.fit(own.width, own.height);
      paint("values" in own ? own.values : valuesA, a.max, colors, this.heat.pixels);
      this.#lay();
      this.#line(0, valuesA, fieldA, levelA, "#ffffff", false);
      return;
    }
    const fieldB = enlarger(b.height, b.width, "b");
    const valuesB = fieldB.enlarge(b.values);
    const levelB = levelOf(b.max, threshold);
    overlap(a.values, levelA, b.values, levelB, this.overlap);
    if (state.get("view") === "difference" && valuesA.length === valuesB.length) {
      if (cells) this.#difference(a, a.values, b, b.values, a);
      else this.#difference(a, valuesA, b, valuesB, fieldA);
    } else {
      const both = cells && a.values.length === b.values.length;
      this.heat.fit(...(both ? sizeOf(a) : sizeOf(fieldA)));
      if (both) paintPair(a.values, a.max, b.values, b.max, this.heat.pixels);
      else paintPair(valuesA, a.max, valuesB, b.max, this.heat.pixels);
      this.#lay();
    }
    this.#line(0, valuesA, fieldA, levelA, COLOR_A, false);
    this.#line(1, valuesB, fieldB, levelB, COLOR_B, true);
  }

  /**
   * @param {Shown} a
   * @param {Float32Array} valuesA
   * @param {Shown} b
   * @param {Float32Array} valuesB
   * @param {{height: number, width: number}} size
   */
  #difference(a, valuesA, b, valuesB, size) {
    const own = this.scope.state.get("difference_scale") === "own";
    const scaleA = own && a.max > 0 ? 1 / a.max : 1;
    const scaleB = own && b.max > 0 ? 1 / b.max : 1;
    const max = own ? 1 : Math.max(a.max, b.max);
    this.heat.fit(size.width, size.height);
    paintDifference(valuesA, scaleA, valuesB, scaleB, max, palette("RdBu_r"), this.heat.pixels);
    this.#lay();
  }

  /** Put the colors over the image. */
  #lay() {
    this.heat.show();
    this.context.globalAlpha = this.scope.state.get("opacity");
    this.context.imageSmoothingEnabled = !this.scope.state.get("cells");
    this.context.drawImage(this.heat.canvas, 0, 0, this.canvas.width, this.canvas.height);
    this.context.globalAlpha = 1;
  }

  /**
   * @param {0 | 1} which
   * @param {Float32Array} values
   * @param {{height: number, width: number}} size
   * @param {number} level
   * @param {string} color
   * @param {boolean} dashed
   */
  #line(which, values, size, level, color, dashed) {
    if (!this.scope.state.get("contour")) return;
    const curves = this.contours[which].find(values, size.height, size.width, level);
    const { context } = this;
    const scale = this.scope.dots;
    context.beginPath();
    curves.trace(context, this.canvas.width / size.width, this.canvas.height / size.height);
    context.lineJoin = "round";
    context.setLineDash([]);
    context.strokeStyle = "rgb(0 0 0 / 0.55)";
    context.lineWidth = 3.6 * scale;
    context.stroke();
    if (dashed) context.setLineDash([6 * scale, 4.5 * scale]);
    context.strokeStyle = color;
    context.lineWidth = 1.8 * scale;
    context.stroke();
    context.setLineDash([]);
  }
}

/**
 * @param {{height: number, width: number}} field
 * @returns {[number, number]} width, height
 */
function sizeOf({ height, width }) {
  return [width, height];
}

/** The colors and their values. */
class Legend {
  constructor() {
    this.low = el("span", { class: "daam-legend-end" });
    this.high = el("span", { class: "daam-legend-end" });
    this.bar = el("span", { class: "daam-legend-bar" });
    this.mark = el("span", { class: "daam-legend-mark" });
    this.bar.append(this.mark);
    this.kind = el("span", { class: "daam-kind", "data-testid": "kind" });
    this.unit = el("p", { class: "daam-hint daam-unit", "data-testid": "unit" });
    this.element = el("div", { class: "daam-legend" }, this.low, this.bar, this.high, this.kind);
    this.colors = "";
  }

  /**
   * @param {Scope} scope
   * @param {Shown | null} a
   * @param {Shown | null} b
   */
  update(scope, a, b) {
    const { state } = scope;
    const difference = b && state.get("view") === "difference";
    const kind = a ? a.kind : scope.isAbsent ? "absent" : "waiting";
    write(this.kind, KINDS[kind][0]);
    attribute(this.kind, "title", KINDS[kind][1]);
    attribute(this.kind, "data-kind", kind);
    const colors = difference ? "RdBu_r" : b ? "families" : state.get("colormap");
    if (colors !== this.colors) {
      this.bar.style.backgroundImage = b && !difference ? FAMILIES : gradient(colors);
      this.colors = colors;
    }
    this.mark.hidden = Boolean(b) || !state.get("contour");
    this.mark.style.left = `${100 * state.get("threshold")}%`;
    if (difference) {
      write(this.low, "B more");
      write(this.high, "A more");
    } else if (b) {
      write(this.low, "A alone");
      write(this.high, "B alone");
    } else {
      write(this.low, "0");
      write(this.high, a ? short(a.max) : "–");
    }
    attribute(
      this.bar,
      "title",
      b ? "White: both" : `${unitTitle(state.facts)}, up to this map's peak`,
    );
    this.unit.hidden = Boolean(b);
    write(this.unit, a?.looks ? LOOKS : unitTitle(state.facts));
  }
}

const LOOKS = "Self-attention; 1: to all cells alike";
const FAMILIES = "linear-gradient(to right, #f06e00, #f9b780, #fff, #80baf2, #0076e6)";

/** @type {Record<string, [string, string]>} */
const KINDS = {
  exact: ["exact", "The map as heat_maps computes it"],
  reduced: ["all steps", "The mean of all steps, made from small maps of the heads in 8 bits"],
  preview: ["preview", "The mean of per-step maps, by its own definition; close to the exact map"],
  tile: ["tile", "One tile of the grid, enlarged"],
  looks: [
    "a place looks",
    "Attention of the marked place to the rest of the image; 1: to all alike",
  ],
  waiting: ["waiting", "The map is on its way"],
  absent: ["not embedded", "This page holds no map of this choice"],
};

/** The numbers below the image: the peak, or how two masks overlap. */
class Numbers {
  constructor() {
    this.element = el("dl", { class: "daam-numbers", "data-testid": "numbers" });
    /** @type {Record<string, {box: HTMLElement, name: HTMLElement, value: HTMLElement}>} */
    this.entries = {};
    for (const [name, label, title] of NUMBERS) {
      const value = el("dd", { "data-testid": name });
      const naming = el("dt", { text: label });
      const box = el("div", { class: "daam-number", title }, naming, value);
      this.entries[name] = { box, name: naming, value };
      this.element.append(box);
    }
  }

  /**
   * @param {Scope} scope
   * @param {Shown | null} a
   * @param {Shown | null} b
   * @param {{iou: number, iod: number, ioh: number}} overlap
   */
  update(scope, a, b, overlap) {
    for (const name of ["peak", "peak_b"])
      attribute(this.entries[name].box, "title", `${TITLES[name]}: ${unitText(scope.state.facts)}`);
    for (const name of ["iou", "iod", "ioh", "peak_b"]) this.entries[name].box.hidden = !b;
    this.entries.area.box.hidden = Boolean(b);
    write(this.entries.peak.name, b ? "peak of A" : "peak");
    write(this.entries.peak.value, a ? short(a.max) : "–");
    write(this.entries.peak_b.value, b ? short(b.max) : "–");
    if (b) {
      for (const name of /** @type {const} */ (["iou", "iod", "ioh"])) {
        write(this.entries[name].value, overlap[name].toFixed(2));
      }
    } else write(this.entries.area.value, a ? `${Math.round(100 * share(scope, a))} %` : "–");
  }
}

const NUMBERS = [
  ["peak", "peak", "The largest value of the shown map"],
  ["area", "mask", "Share of the image inside the contour"],
  ["peak_b", "peak of B", "The largest value of the compared map"],
  ["iou", "IoU", "Intersection of both masks over their union"],
  ["iod", "IoD", "Intersection over B's mask: how much of B lies in A"],
  ["ioh", "IoH", "Intersection over A's mask: how much of A lies in B"],
];

/** @type {Record<string, string>} */
const TITLES = Object.fromEntries(NUMBERS.map(([name, , title]) => [name, title]));

/**
 * @param {Scope} scope
 * @param {Shown} a
 */
function share(scope, a) {
  const level = levelOf(a.max || largest(a.values), scope.state.get("threshold"));
  let inside = 0;
  for (let i = 0; i < a.values.length; i++) if (a.values[i] >= level) inside++;
  return inside / a.values.length;
}
