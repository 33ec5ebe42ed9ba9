// The hand on the image: pointing at a pixel, dragging a box or a lasso, moving a crosshair.
/** @import { Scope } from "./scope.js" */
import { attribute, el, icon } from "./dom.js";
import * as flags from "./flags.js";

/** @typedef {[number, number]} Point [y, x] in shares of the image */

const DRAG = 4; // CSS pixels after which a press is a drag

export class Pointer {
  /**
   * @param {Scope} scope
   * @param {HTMLCanvasElement} canvas
   * @param {(place: Point | null, aloud?: boolean) => void} point told where the hand points
   */
  constructor(scope, canvas, point) {
    this.point = point;
    this.scope = scope;
    this.canvas = canvas;
    /** What a press draws; none: a mouse draws a box, a finger scrolls the page. */
    this.tool = /** @type {"" | "box" | "lasso"} */ ("");
    /** @type {Point | null} */
    this.cursor = null; // the crosshair of the keyboard
    /** @type {Point | null} */
    this.anchor = null; // where a keyboard's box began
    /** @type {{id: number, start: Point, x: number, y: number, draws: boolean,
     *   lasso: boolean} | null} */
    this.press = null;
    /** @type {Point[]} */
    this.path = []; // the region while it is dragged
    this.tools = [this.#tool("box"), this.#tool("lasso")];
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.#drop());
    canvas.addEventListener("pointerleave", (event) => this.#leave(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#blur());
  }

  /** @param {"box" | "lasso"} name */
  #tool(name) {
    const button = el(
      "button",
      {
        class: "daam-button daam-only-icon daam-toggle",
        type: "button",
        title: name === "box" ? "Drag a box" : "Drag a lasso (or Shift-drag)",
        "aria-label": name === "box" ? "Drag a box" : "Drag a lasso",
        "aria-pressed": "false",
        "data-testid": `tool-${name}`,
      },
      icon(name),
    );
    button.addEventListener("click", () => {
      this.tool = this.tool === name ? "" : name;
      for (const other of this.tools)
        attribute(other, "aria-pressed", String(other === button && this.tool !== ""));
      attribute(this.canvas, "data-tool", this.tool || null);
    });
    return button;
  }

  /**
   * @param {PointerEvent} event
   * @returns {Point}
   */
  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      Math.min(1, Math.max(0, (event.clientY - box.top) / box.height)),
      Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)),
    ];
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    const isDrawn = event.pointerType !== "touch" || this.tool !== "";
    if (isDrawn) this.canvas.setPointerCapture(event.pointerId);
    this.press = {
      id: event.pointerId,
      start: this.#point(event),
      x: event.clientX,
      y: event.clientY,
      draws: isDrawn,
      lasso: this.tool === "lasso" || event.shiftKey || event.altKey,
    };
    this.cursor = null;
    this.anchor = null;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const press = this.press;
    if (!press || press.id !== event.pointerId) {
      if (event.pointerType !== "touch") {
        this.scope.input("pixel", () => this.point(this.#point(event)));
      }
      return;
    }
    const far = Math.hypot(event.clientX - press.x, event.clientY - press.y) > DRAG;
    if (!press.draws || (!far && this.path.length === 0)) return;
    this.scope.input("region", () => {
      const here = this.#point(event);
      if (!press.lasso) this.path = boxOf(press.start, here);
      else if (this.path.length === 0) this.path.push(press.start, here);
      else this.path.push(here);
      this.scope.invalidate(flags.MAP);
    });
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const press = this.press;
    if (!press) return;
    this.press = null;
    const path = this.path;
    this.path = [];
    this.scope.input("region", () => {
      if (path.length >= 3) this.choose(path);
      else {
        // A tap: the words of that pixel, and a region that was there goes.
        this.choose([]);
        this.point(this.#point(event));
      }
    });
  }

  /** @param {Point[]} polygon */
  choose(polygon) {
    const rounded = polygon.map((point) => point.map((share) => Math.round(share * 1e4) / 1e4));
    this.scope.state.set({ region: rounded });
    this.scope.invalidate(flags.MAP | flags.PANEL);
  }

  #drop() {
    this.press = null;
    this.path = [];
    this.scope.invalidate(flags.MAP);
  }

  /** @param {PointerEvent} event */
  #leave(event) {
    if (event.pointerType === "touch") return; // a finger that is lifted leaves: its words stay
    if (!this.press && !this.cursor) this.point(null);
  }

  #blur() {
    if (!this.cursor) return;
    this.cursor = null;
    this.anchor = null;
    this.path = [];
    this.point(null);
    this.scope.invalidate(flags.MAP);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const move = MOVES[event.key];
    if (move) {
      event.preventDefault();
      const step = event.shiftKey ? 0.1 : 0.02;
      this.scope.input("crosshair", () => this.#step(move[0] * step, move[1] * step));
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.scope.input("region", () => this.#enter());
    } else if (event.key === "Escape" && (this.anchor || this.cursor)) {
      event.preventDefault();
      event.stopPropagation();
      if (this.anchor) this.#drop();
      else this.#blur();
      this.anchor = null;
    }
  }

  /**
   * @param {number} dy
   * @param {number} dx
   */
  #step(dy, dx) {
    const [y, x] = this.cursor ?? [0.5 - dy, 0.5 - dx];
    this.cursor = [Math.min(1, Math.max(0, y + dy)), Math.min(1, Math.max(0, x + dx))];
    if (this.anchor) this.path = boxOf(this.anchor, this.cursor);
    else this.point(this.cursor, true);
    this.scope.invalidate(flags.MAP);
  }

  #enter() {
    if (!this.cursor) this.#step(0, 0);
    else if (!this.anchor) {
      this.anchor = this.cursor;
      this.scope.say("Box begun. Move with the arrow keys, Enter ends it.");
    } else {
      const path = this.path;
      this.anchor = null;
      this.path = [];
      if (path.length >= 3) this.choose(path);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   * @param {number} scale
   */
  draw(context, width, height, scale) {
    const region = this.path.length >= 2 ? this.path : this.scope.state.get("region");
    if (region.length >= 2) {
      context.beginPath();
      for (const [y, x] of region) context.lineTo(x * width, y * height);
      context.closePath();
      twice(context, scale, [3 * scale, 3 * scale]);
    }
    if (!this.cursor) return;
    const [y, x] = [this.cursor[0] * height, this.cursor[1] * width];
    const arm = 11 * scale;
    const gap = 4 * scale;
    context.beginPath();
    for (const [dy, dx] of Object.values(MOVES)) {
      context.moveTo(x + dx * gap, y + dy * gap);
      context.lineTo(x + dx * arm, y + dy * arm);
    }
    twice(context, scale, []);
  }
}

/** @type {Record<string, Point>} */
const MOVES = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/**
 * Stroke so that it shows on dark and on light.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {number} scale
 * @param {number[]} dash
 */
function twice(context, scale, dash) {
  context.setLineDash([]);
  context.lineWidth = 3.5 * scale;
  context.strokeStyle = "rgb(0 0 0 / 0.7)";
  context.stroke();
  context.setLineDash(dash);
  context.lineWidth = 1.6 * scale;
  context.strokeStyle = "#fff";
  context.stroke();
  context.setLineDash([]);
}

/**
 * @param {Point} a
 * @param {Point} b
 * @returns {Point[]}
 */
function boxOf(a, b) {
  const [top, bottom] = a[0] < b[0] ? [a[0], b[0]] : [b[0], a[0]];
  const [left, right] = a[1] < b[1] ? [a[1], b[1]] : [b[1], a[1]];
  return [
    [top, left],
    [top, right],
    [bottom, right],
    [bottom, left],
  ];
}
