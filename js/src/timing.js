// How long our own work takes from a hand's move to the finished drawing.
/** @import { Timing } from "./types.js" */

const KEPT = 2000;

/** Times of the latest inputs, read by the benchmark and the tests. */
export class Clock {
  constructor() {
    /** @type {Timing[]} */
    this.timings = [];
    /** @type {Timing | null} */
    this.pending = null;
  }

  /**
   * Run the handler of an input; inputs of one frame count as one.
   *
   * @param {string} what
   * @param {() => void} handler
   */
  input(what, handler) {
    const start = performance.now();
    handler();
    const end = performance.now();
    if (this.pending) this.pending.work += end - start;
    else this.pending = { what, input: start, work: end - start, drawn: 0, painted: 0 };
  }

  /**
   * @param {number} start of drawing
   */
  drawn(start) {
    const timing = this.pending;
    if (!timing) return;
    this.pending = null;
    timing.drawn = performance.now();
    timing.work += timing.drawn - start;
    if (this.timings.length >= KEPT) this.timings.splice(0, KEPT / 2);
    this.timings.push(timing);
    performance.mark(`daam:drawn:${timing.what}`);
    requestAnimationFrame(() => {
      timing.painted = performance.now();
    });
  }
}
