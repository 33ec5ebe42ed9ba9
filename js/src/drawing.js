// An image that the kernel draws again: asked for, followed step by step, cancelled.
/** @import { Change, Drawn, Part } from "./types.js" */
/** @import { Scope } from "./scope.js" */
import { Moot } from "./source.js";
import { times } from "./times.js";

/** @type {Drawn} */
const NONE = { name: "drawing", key: "", job: null, state: "none" };
const LOST = "The kernel knows nothing of this drawing any more. Draw again.";

export class Drawing {
  /**
   * @param {Scope} scope
   * @param {() => void} changed told of every step
   */
  constructor(scope, changed) {
    this.scope = scope;
    this.changed = changed;
    this.told = NONE;
    /** @type {Part[]} */
    this.pictures = [];
    this.error = "";
    /** @type {string | null} the job that nobody wants any more */
    this.cancelled = null;
    /** Whether a drawing was asked for, and the kernel has not said yet that it began. */
    this.begins = false;
    /** Whether it was cancelled before that. */
    this.unwanted = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.stop = new AbortController();
    this.ends = scope.source.on("facts", () => this.#reset());
  }

  /** Whether an image is on its way. */
  get isOpen() {
    return this.begins || this.told.state === "waiting" || this.told.state === "drawing";
  }

  /** Whether it was cancelled, and a step is still under way. */
  get isEnding() {
    return this.isOpen && this.told.job !== null && this.told.job === this.cancelled;
  }

  /** Ask what there is: a page that was loaded again finds its drawing. */
  look() {
    if (!this.isOpen) this.#ask({ type: "progress" });
  }

  /** @param {Change} change */
  async draw(change) {
    if (this.isOpen) return;
    this.begins = true;
    this.unwanted = false;
    this.error = "";
    this.told = NONE;
    this.pictures = [];
    this.changed();
    await this.#ask({ type: "draw", change });
    if (this.unwanted) this.cancel();
  }

  cancel() {
    const { job } = this.told;
    this.unwanted = job === null && this.begins; // said again once the kernel has begun
    if (job === null || this.isEnding) return;
    this.cancelled = job;
    this.#ask({ type: "cancel", job });
    this.changed();
  }

  /** @param {{type: "draw" | "progress" | "cancel", change?: Change, job?: string, pictures?: boolean}} message */
  async #ask(message) {
    const { source, state } = this.scope;
    const { signal } = this.stop;
    clearTimeout(this.timer);
    const wasOpen = this.isOpen;
    try {
      const parts = await source.ask({ want: [], sel: state.sel, ...message }, { signal });
      if (signal.aborted) return;
      this.#take(parts, wasOpen);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Moot) this.#later();
      else this.error = /** @type {Error} */ (error).message;
    }
    if (message.type === "draw") this.begins = false;
    this.changed();
  }

  /**
   * @param {Part[]} parts
   * @param {boolean} wasOpen
   */
  #take(parts, wasOpen) {
    const told = /** @type {Drawn | undefined} */ (parts.find(({ name }) => name === "drawing"));
    if (!told) return;
    if (told.job !== this.told.job) this.pictures = [];
    if (told.state === "none" && wasOpen && !this.begins) this.error = LOST;
    this.told = told;
    if (told.error) this.error = told.error;
    const pictures = parts.filter(({ name, job }) => name === "picture" && job === told.job);
    if (pictures.length > 0) this.pictures = pictures;
    if (told.state === "waiting" || told.state === "drawing") this.#later();
    else if (told.state === "done" && this.pictures.length === 0)
      queueMicrotask(() => this.#ask({ type: "progress", pictures: true }));
  }

  #later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#ask({ type: "progress" }), times.drawing);
  }

  /** Another recording is shown. */
  #reset() {
    this.stop.abort();
    clearTimeout(this.timer);
    this.stop = new AbortController();
    this.told = NONE;
    this.pictures = [];
    this.error = "";
    this.begins = false;
    this.changed();
  }

  destroy() {
    this.stop.abort();
    clearTimeout(this.timer);
    this.ends();
  }
}
