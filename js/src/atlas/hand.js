// What a hand does over the atlas: points, chooses, moves, magnifies, draws around; mouse, pen, fingers, wheel.

const MOVED = 4; // CSS pixels after which a press is no click

/** @typedef {{shift: boolean, more: boolean}} With keys that are held */
/**
 * @typedef {object} Handled
 * @property {(x: number, y: number) => void} point
 * @property {() => void} leave
 * @property {(x: number, y: number, held: With) => void} press
 * @property {(dx: number, dy: number) => void} pan
 * @property {(factor: number, x: number, y: number) => boolean} zoom whether it changed anything
 * @property {(line: number[], held: With | null) => void} lasso a line on the page so far; `held` once it is done
 * @property {() => boolean} lassoing whether a drag draws a line
 * @property {() => boolean} magnified
 */

export class Hand {
  /**
   * @param {HTMLElement} target
   * @param {Handled} handled
   */
  constructor(target, handled) {
    this.target = target;
    this.handled = handled;
    /** @type {{x: number, y: number, moved: boolean, line: number[] | null, at: [number, number]} | null} */
    this.held = null;
    /** @type {{apart: number, x: number, y: number} | null} two fingers */
    this.fingers = null;
    const on = (
      /** @type {string} */ name,
      /** @type {(event: any) => void} */ does,
      passive = true,
    ) => target.addEventListener(name, does, { passive });
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", () => this.#cancel());
    on("pointerleave", () => {
      if (!this.held) handled.leave();
    });
    on("wheel", (event) => this.#wheel(event), false);
    on("touchstart", (event) => this.#touch(event), false);
    on("touchmove", (event) => this.#pinch(event), false);
    on("touchend", (event) => this.#touch(event), false);
  }

  /**
   * @param {{clientX: number, clientY: number}} event
   * @returns {[number, number]}
   */
  #place({ clientX, clientY }) {
    const { left, top } = this.target.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || this.fingers) return;
    const [x, y] = this.#place(event);
    const line = event.shiftKey || this.handled.lassoing() ? [x, y] : null;
    this.held = { x, y, moved: false, line, at: [x, y] };
    if (event.pointerId >= 0 && event.isTrusted) this.target.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const [x, y] = this.#place(event);
    const { held, handled } = this;
    if (!held) {
      if (event.pointerType !== "touch") handled.point(x, y);
      return;
    }
    if (!held.moved && Math.hypot(x - held.x, y - held.y) < MOVED) return;
    held.moved = true;
    if (held.line) {
      held.line.push(x, y);
      handled.lasso(held.line, null);
    } else handled.pan(x - held.at[0], y - held.at[1]);
    held.at = [x, y];
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const { held, handled } = this;
    this.held = null;
    if (!held) return;
    const keys = { shift: event.shiftKey, more: event.ctrlKey || event.metaKey };
    if (held.moved && held.line) handled.lasso(held.line, keys);
    else if (!held.moved) handled.press(...this.#place(event), keys);
  }

  #cancel() {
    if (this.held?.line) this.handled.lasso([], null);
    this.held = null;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const scope = /** @type {Document | ShadowRoot} */ (this.target.getRootNode());
    if (!event.ctrlKey && scope.activeElement !== this.target) return; // the page scrolls
    const lines = event.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002));
    if (this.handled.zoom(factor, ...this.#place(event)) || event.ctrlKey) event.preventDefault();
  }

  /** @param {TouchEvent} event */
  #touch(event) {
    if (event.touches.length !== 2) {
      this.fingers = null;
      return;
    }
    event.preventDefault();
    this.#cancel();
    this.fingers = this.#both(event);
  }

  /** @param {TouchEvent} event */
  #pinch(event) {
    if (this.held && (this.held.line || this.handled.magnified())) event.preventDefault();
    if (!this.fingers || event.touches.length !== 2) return;
    event.preventDefault();
    const now = this.#both(event);
    this.handled.pan(now.x - this.fingers.x, now.y - this.fingers.y);
    this.handled.zoom(now.apart / Math.max(1, this.fingers.apart), now.x, now.y);
    this.fingers = now;
  }

  /** @param {TouchEvent} event */
  #both({ touches: [one, two] }) {
    const [a, b] = [this.#place(one), this.#place(two)];
    return {
      apart: Math.hypot(a[0] - b[0], a[1] - b[1]),
      x: (a[0] + b[0]) / 2,
      y: (a[1] + b[1]) / 2,
    };
  }
}
