// The difference of the maps of two recordings: its image, colors, scale, and how their masks overlap.
/** @import { Shown } from "./types.js" */
/** @import { View } from "./view.js" */
import { el, attribute, write } from "./dom.js";
import { Layer } from "./image.js";
import { levelOf, overlap } from "./measure.js";
import { gradient, paintDifference, palette } from "./palettes.js";
import { Raiser, enlarger } from "./resample.js";

const COLORS = "RdBu_r";
const ALIKE = 0.01; // of the ratio of width to height

export class Difference {
  /**
   * @param {View} a
   * @param {View} b
   */
  constructor(a, b) {
    this.a = a;
    this.b = b;
    this.heat = new Layer();
    /** @type {Raiser | null} */
    this.raiser = null;
    this.overlap = { iou: 0, iod: 0, ioh: 0, both: 0, a: 0, b: 0 };
    this.canvas = el("canvas", { class: "daam-canvas", role: "img", "data-testid": "difference" });
    this.frame = el("div", { class: "daam-frame" }, this.canvas);
    this.bar = el("span", { class: "daam-legend-bar" });
    this.bar.style.backgroundImage = gradient(COLORS);
    this.select = el(
      "select",
      {
        class: "daam-select",
        "aria-label": "Scale of the difference",
        "data-testid": "pair-scale",
      },
      el("option", { value: "own", text: "of each peak" }),
      el("option", { value: "common", text: "in their unit" }),
    );
    this.select.addEventListener("change", () =>
      a.input("difference_scale", () => a.state.set({ difference_scale: this.select.value })),
    );
    this.said = el("p", { class: "daam-hint", "data-testid": "difference-said" });
    this.iou = el("dd", { "data-testid": "pair-iou" });
    this.element = el(
      "div",
      { class: "daam-image daam-difference" },
      el("p", { class: "daam-side-title", text: "A − B" }),
      this.frame,
      el(
        "div",
        { class: "daam-legend" },
        el("span", { text: "B more" }),
        this.bar,
        el("span", { text: "A more" }),
      ),
      el(
        "div",
        { class: "daam-below" },
        el(
          "dl",
          { class: "daam-numbers" },
          el(
            "div",
            {
              class: "daam-number",
              title: "Intersection of the masks of A and B over their union",
            },
            el("dt", { text: "IoU" }),
            this.iou,
          ),
        ),
        this.select,
      ),
      this.said,
    );
  }

  /** @returns {"own" | "common"} what is compared: shares where the units are two */
  get scale() {
    return this.isOneUnit ? this.a.state.get("difference_scale") : "own";
  }

  get isOneUnit() {
    return this.a.state.facts.unit === this.b.state.facts.unit;
  }

  get isAlike() {
    const [own, others] = [this.a, this.b].map(({ state }) => state.facts.image ?? [1, 1]);
    return Math.abs((own[1] * others[0]) / (own[0] * others[1]) - 1) < ALIKE;
  }

  update() {
    const { isAlike, isOneUnit } = this;
    const [height, width] = this.a.state.facts.image ?? [1, 1];
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.select.value = this.scale;
    this.select.disabled = !isOneUnit;
    const a = this.a.maps.shown(0);
    const b = this.b.maps.shown(0);
    this.frame.hidden = !isAlike;
    write(
      this.said,
      !isAlike
        ? "The images differ in shape, so there is no difference of the maps."
        : isOneUnit
          ? ""
          : "Two units: shares of each peak.",
    );
    if (!isAlike || !a || !b) return;
    this.#draw(a, b, height / width);
    this.#numbers(a, b);
  }

  /**
   * @param {Shown} a
   * @param {Shown} b
   * @param {number} ratio height by width
   */
  #draw(a, b, ratio) {
    const wide = this.frame.clientWidth;
    if (wide === 0) return;
    const fieldA = enlarger(a.height, a.width, "pair a");
    const valuesA = fieldA.enlarge(a.values);
    const valuesB = this.#enlarged(b, fieldA.height, fieldA.width);
    const own = this.scale === "own";
    const scales = [a, b].map(({ max }) => (own && max > 0 ? 1 / max : 1));
    let most = 0;
    const ends = [
      { at: 0, value: 0 },
      { at: 0, value: 0 },
    ];
    for (let i = 0; i < valuesA.length; i++) {
      const value = valuesA[i] * scales[0] - valuesB[i] * scales[1];
      if (value > ends[0].value) ends[0] = { at: i, value };
      if (-value > ends[1].value) ends[1] = { at: i, value: -value };
      most = Math.max(most, Math.abs(value));
    }
    this.heat.fit(fieldA.width, fieldA.height);
    const table = palette(COLORS);
    paintDifference(valuesA, scales[0], valuesB, scales[1], most || 1, table, this.heat.pixels);
    this.heat.show();
    const { canvas } = this;
    const across = Math.round(wide * this.a.scope.dots);
    const down = Math.round(across * ratio);
    if (canvas.width !== across || canvas.height !== down) {
      canvas.width = across;
      canvas.height = down;
    }
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    pen.imageSmoothingEnabled = !this.a.state.get("cells");
    pen.drawImage(this.heat.canvas, 0, 0, across, down);
    const places = ends.map(({ at, value }) => {
      const x = ((at % fieldA.width) + 0.5) / fieldA.width;
      const y = (Math.floor(at / fieldA.width) + 0.5) / fieldA.height;
      return { x, y, value };
    });
    places.forEach(({ x, y, value }, side) => {
      if (value > 0) sign(pen, x * across, y * down, side === 0, this.a.scope.dots);
    });
    const told = places.map(({ x, y, value }, side) =>
      value > 0
        ? `${"AB"[side]} is higher most at ${percent(x)} from the left, ${percent(y)} from the top.`
        : "",
    );
    attribute(
      canvas,
      "aria-label",
      `Difference of the maps of A and B. ${most > 0 ? told.join(" ") : "They are equal everywhere."}`,
    );
  }

  /**
   * @param {Shown} b
   * @param {number} height
   * @param {number} width
   * @returns {Float32Array}
   */
  #enlarged(b, height, width) {
    const field = enlarger(b.height, b.width, "pair b");
    if (field.height === height && field.width === width) return field.enlarge(b.values);
    const { raiser } = this;
    const fits =
      raiser &&
      raiser.from[0] === b.height &&
      raiser.from[1] === b.width &&
      raiser.height === height &&
      raiser.width === width;
    const used = fits ? raiser : new Raiser(b.height, b.width, height, width);
    this.raiser = used;
    return used.raise(b.values);
  }

  /**
   * @param {Shown} a
   * @param {Shown} b
   */
  #numbers(a, b) {
    if (a.values.length !== b.values.length) {
      write(this.iou, "–");
      return;
    }
    const threshold = this.a.state.get("threshold");
    const [own, others] = [a, b].map(({ max }) => levelOf(max, threshold));
    overlap(a.values, own, b.values, others, this.overlap);
    write(this.iou, this.overlap.iou.toFixed(2));
  }
}

/** @param {number} share */
const percent = (share) => `${Math.round(100 * share)} %`;

/**
 * Mark an end, so that color is not its only sign.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {number} x
 * @param {number} y
 * @param {boolean} isPlus
 * @param {number} dots
 */
function sign(pen, x, y, isPlus, dots) {
  const arm = 6 * dots;
  pen.beginPath();
  pen.moveTo(x - arm, y);
  pen.lineTo(x + arm, y);
  if (isPlus) {
    pen.moveTo(x, y - arm);
    pen.lineTo(x, y + arm);
  }
  for (const [width, color] of /** @type {[number, string][]} */ ([
    [5, "#000"],
    [2, "#fff"],
  ])) {
    pen.lineWidth = width * dots;
    pen.strokeStyle = color;
    pen.stroke();
  }
}
