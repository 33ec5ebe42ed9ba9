// Thumbnails of the forming image with each step's map, aligned with the slider below.
/** @import { Scope } from "./scope.js" */
/** @import { Sums } from "./types.js" */
import { el } from "./dom.js";
import * as flags from "./flags.js";
import { fade, paint, paintPair, palette } from "./palettes.js";

const NARROWEST = 44; // CSS pixels of a thumbnail, at least
const TALLEST = 76;
const CURVE = 14; // height of the curve of the maps' means

export class Strip {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.canvas = el("canvas", { class: "daam-strip-canvas", "data-testid": "strip" });
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.small = document.createElement("canvas");
    this.before = el("div", { class: "daam-shade" });
    this.after = el("div", { class: "daam-shade" });
    this.element = el(
      "div",
      { class: "daam-strip", title: "The map of each step: click a step, or drag over several" },
      this.canvas,
      this.before,
      this.after,
    );
  }

  /**
   * Shade what is not chosen.
   *
   * @param {number} left per cent
   * @param {number} right
   */
  range(left, right) {
    this.before.style.width = `${left}%`;
    this.after.style.left = `${right}%`;
    this.after.style.width = `${100 - right}%`;
  }

  /** @param {number} what */
  update(what) {
    if (!(what & (flags.STRIP | flags.THEME))) return;
    const { scope } = this;
    const stack = scope.maps.stack(0);
    if (!stack) {
      if (!scope.mayLinger) this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
      return;
    }
    const other = scope.maps.comparing ? scope.maps.stack(1) : null;
    const across = this.element.clientWidth;
    if (across < 10) return;
    const count = stack.steps;
    const shown = Math.max(1, Math.min(count, Math.floor(across / NARROWEST)));
    const cell = across / shown;
    const [height, width] = scope.state.facts.image ?? [1, 1];
    const room = parseFloat(getComputedStyle(this.element).maxHeight) - CURVE - 6 || TALLEST;
    const tall = Math.max(16, Math.round(Math.min(room, ((cell - 4) * height) / width)));
    const scale = scope.dots;
    this.element.style.height = `${tall + CURVE + 6}px`;
    this.canvas.width = Math.round(across * scale);
    this.canvas.height = Math.round((tall + CURVE + 6) * scale);
    const size = {
      cell: cell * scale,
      tall: tall * scale,
      wide: ((tall * width) / height) * scale,
    };
    for (let k = 0; k < shown; k++) {
      const step = Math.floor(((k + 0.5) * count) / shown);
      this.#thumbnail(step, (k + 0.5) * size.cell - size.wide / 2, size, stack, other);
    }
    this.#curve(stack, false, size.tall + 4 * scale, scale);
    if (other) this.#curve(other, true, size.tall + 4 * scale, scale);
  }

  /**
   * @param {number} step
   * @param {number} left
   * @param {{tall: number, wide: number}} size
   * @param {Sums} stack
   * @param {Sums | null} other
   */
  #thumbnail(step, left, size, stack, other) {
    const { context, scope } = this;
    const { images, state } = scope;
    const from = images.thumbnail(step);
    context.save();
    context.beginPath();
    context.roundRect(left, 0, size.wide, size.tall, 3 * scope.dots);
    context.clip();
    context.fillStyle = "#8884";
    context.fillRect(left, 0, size.wide, size.tall);
    if (from && images.strip) {
      context.drawImage(
        images.strip,
        from.x,
        from.y,
        from.width,
        from.height,
        left,
        0,
        size.wide,
        size.tall,
      );
    } else if (images.image) {
      context.drawImage(images.image, left, 0, size.wide, size.tall);
    }
    if (other && (from || images.image)) fade(context, left, 0, size.wide, size.tall);
    context.globalAlpha = Math.max(0.35, state.get("opacity"));
    this.#map(step, left, size, stack, other);
    context.restore();
  }

  /**
   * @param {number} step
   * @param {number} left
   * @param {{tall: number, wide: number}} size
   * @param {Sums} stack
   * @param {Sums | null} other
   */
  #map(step, left, size, stack, other) {
    const image = new ImageData(stack.width, stack.height);
    const pixels = new Uint32Array(image.data.buffer);
    const [a, b] = [countsOf(stack, step), other ? countsOf(other, step) : null];
    if (b) paintPair(a.counts, a.max, b.counts, b.max, pixels);
    else paint(a.counts, a.max, palette(this.scope.state.get("colormap")), pixels);
    this.small.width = stack.width;
    this.small.height = stack.height;
    /** @type {CanvasRenderingContext2D} */ (this.small.getContext("2d")).putImageData(image, 0, 0);
    this.context.drawImage(this.small, left, 0, size.wide, size.tall);
  }

  /**
   * The mean of every step's map, as a line with an area below.
   *
   * @param {Sums} stack
   * @param {boolean} dashed
   * @param {number} top
   * @param {number} scale
   */
  #curve(stack, dashed, top, scale) {
    const { context } = this;
    const area = stack.height * stack.width;
    const means = [...stack.scales].map((unit, t) => {
      let sum = 0;
      for (let i = t * area; i < (t + 1) * area; i++) sum += stack.counts[i];
      return sum * unit;
    });
    const max = Math.max(...means) || 1;
    const style = getComputedStyle(this.element);
    const cell = this.canvas.width / stack.steps;
    const height = CURVE * scale;
    context.strokeStyle = style.getPropertyValue(dashed ? "--daam-b" : "--daam-curve") || "#888";
    context.lineWidth = 1.5 * scale;
    context.setLineDash(dashed ? [4 * scale, 3 * scale] : []);
    context.beginPath();
    means.forEach((mean, t) => {
      context.lineTo((t + 0.5) * cell, top + height - (mean / max) * (height - scale));
    });
    context.stroke();
    context.setLineDash([]);
    if (dashed) return;
    context.lineTo((means.length - 0.5) * cell, top + height);
    context.lineTo(0.5 * cell, top + height);
    context.fillStyle = context.strokeStyle;
    context.globalAlpha = 0.14;
    context.fill();
    context.globalAlpha = 1;
  }
}

/**
 * @param {Sums} stack
 * @param {number} step
 */
function countsOf(stack, step) {
  const area = stack.height * stack.width;
  const counts = stack.counts.subarray(step * area, (step + 1) * area);
  // Each step by the strongest of all steps, so that one sees attention come and go.
  const strongest = stack.scales.reduce((most, scale) => Math.max(most, scale), 0);
  const max = stack.scales[step] > 0 ? (255 * strongest) / stack.scales[step] : 0;
  return { counts, max };
}
