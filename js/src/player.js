// Plays the steps: one for each model, so that two views of it play no faster than one.
/** @import { Model } from "./types.js" */
import { State } from "./state.js";
import { lessMotion } from "./theme.js";

const FASTEST = 40; // milliseconds between steps, at least
const CALM = 700; // and where less motion is asked for

export class Player {
  /** @param {Model} model */
  constructor(model) {
    this.state = new State(model);
    this.views = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    // Every change of the steps starts the wait anew, so that linked explorers keep one pace.
    for (const name of ["steps", "playing", "interval", "_facts"]) {
      this.state.on(`change:${name}`, () => this.#wait());
    }
  }

  /** @returns {() => void} a view is gone; where none is left, nothing plays */
  watch() {
    this.views++;
    this.#wait();
    return () => {
      this.views--;
      this.#wait();
    };
  }

  #wait() {
    clearTimeout(this.timer);
    const { state } = this;
    if (this.views === 0 || !state.get("playing") || state.count < 2) return;
    const pause = Math.max(lessMotion() ? CALM : FASTEST, state.get("interval"));
    this.timer = setTimeout(() => this.#step(), pause);
  }

  #step() {
    const { state } = this;
    const [lo, hi] = state.steps;
    const next = hi >= state.count ? 0 : lo + 1;
    state.set(state.stepsAt(next, Math.min(state.count, next + hi - lo)));
  }

  destroy() {
    clearTimeout(this.timer);
    this.state.destroy();
  }
}
