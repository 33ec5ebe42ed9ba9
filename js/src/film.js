// The chosen steps as a moving image: a GIF, a video or frames that the kernel draws, or, without one, a zip
// of PNGs that the page draws itself.
/** @import { Scope } from "./scope.js" */
import { attribute, el, write } from "./dom.js";
import { fileName, save } from "./download.js";
import * as flags from "./flags.js";
import { Moot } from "./source.js";
import { zipped } from "./zip.js";

const LONGEST = 512; // pixels of each image's longer side, as Python's to_animation has it
const WAIT = 5000; // milliseconds for the map of a step
const WHAT = [
  ["overlay", "map over the image"],
  ["image", "forming image"],
  ["side_by_side", "side by side"],
];
const FILES = [
  { suffix: "gif", type: "image/gif", text: "GIF" },
  { suffix: "webm", type: "video/webm", text: "WebM video" },
  { suffix: "zip", type: "application/zip", text: "PNG frames (zip)" },
];
const NO_IMAGES =
  "The images of the steps are not here: explore(run, images=forming_images(run, pipe)).";
const ONE_STEP = "There is one step alone, so that nothing would move.";

export class Film {
  /**
   * @param {Scope} scope
   * @param {HTMLCanvasElement} canvas where the image and its map are drawn
   */
  constructor(scope, canvas) {
    this.scope = scope;
    this.canvas = canvas;
    /** @type {AbortController | null} of the film that is being made */
    this.making = null;
    this.what = el(
      "select",
      {
        class: "daam-select",
        "aria-label": "What the animation shows",
        "data-testid": "film-what",
      },
      ...WHAT.map(([value, text]) => el("option", { value, text })),
    );
    this.as = el(
      "select",
      {
        class: "daam-select",
        "aria-label": "What the animation is saved as",
        "data-testid": "film-as",
      },
      ...FILES.map(({ suffix, text }) => el("option", { value: suffix, text })),
    );
    this.button = el("button", {
      class: "daam-button",
      type: "button",
      "data-testid": "film",
      text: "Save",
    });
    this.button.addEventListener("click", () => this.#make());
    this.cancel = el("button", {
      class: "daam-button",
      type: "button",
      hidden: true,
      "data-testid": "film-cancel",
      text: "Cancel",
    });
    this.cancel.addEventListener("click", () => this.making?.abort());
    this.bar = el("progress", {
      class: "daam-progress",
      "aria-label": "Frames drawn",
      hidden: true,
    });
    this.note = el("p", { class: "daam-hint", role: "status", "data-testid": "film-note" });
    this.element = el(
      "div",
      { class: "daam-film", role: "group", "aria-label": "Steps as animation" },
      el(
        "div",
        { class: "daam-title-row" },
        this.what,
        this.as,
        this.button,
        this.cancel,
        this.bar,
      ),
      this.note,
    );
  }

  get #isLive() {
    return this.scope.source.capabilities.any;
  }

  /** Places of the steps that it shows: those chosen. */
  get #places() {
    const [lo, hi] = this.scope.state.steps;
    return Array.from({ length: hi - lo }, (_, i) => lo + i);
  }

  /** Why there cannot be one; empty where there can. */
  get #problem() {
    const { facts } = this.scope.state;
    if (this.scope.state.count < 2 || facts.summed) return ONE_STEP;
    if (this.what.value !== "overlay" && !facts.strip) return NO_IMAGES;
    return "";
  }

  async #make() {
    const { scope } = this;
    const problem = this.#problem;
    if (problem) {
      write(this.note, problem);
      return;
    }
    const making = (this.making = new AbortController());
    this.#show(0, 0);
    try {
      const file = this.#isLive
        ? await this.#drawnByKernel(making.signal)
        : await this.#asFrames(making.signal);
      save(file, fileName(scope, "steps", this.#isLive ? this.as.value : "zip"));
      write(
        this.note,
        this.#isLive ? "Saved." : "Saved: a zip of PNGs. GIFs and videos need a kernel.",
      );
    } catch (error) {
      const stopped = making.signal.aborted || error instanceof Moot;
      write(
        this.note,
        stopped ? "Cancelled: nothing was saved." : /** @type {Error} */ (error).message,
      );
    }
    this.making = null;
    scope.invalidate(flags.LOOK);
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Blob>}
   */
  async #drawnByKernel(signal) {
    const { source, state } = this.scope;
    const job = Math.random().toString(36).slice(2);
    const { sel } = state;
    const film = this.what.value;
    const { suffix, type } = FILES.find((file) => file.suffix === this.as.value) ?? FILES[0];
    const question = { want: [], sel, type: /** @type {"film"} */ ("film"), job, film, as: suffix };
    for (;;) {
      const parts = await source.ask(question, { signal });
      const part = parts.find(({ name }) => name === "film");
      if (!part) throw new Error("The kernel answered without an animation.");
      this.#show(part.count, part.of);
      if (part.bytes?.length) return new Blob([/** @type {BlobPart} */ (part.bytes)], { type });
    }
  }

  /**
   * Go through the steps, and keep what is drawn of each.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<Blob>}
   */
  async #asFrames(signal) {
    const { state } = this.scope;
    const places = this.#places;
    const before = { steps: state.get("steps"), follow_step: state.get("follow_step") };
    const files = [];
    try {
      for (const place of places) {
        state.set({ ...state.stepsAt(place, place + 1), follow_step: Boolean(state.facts.strip) });
        await this.#drawn(signal);
        files.push({
          name: `step-${String(place).padStart(4, "0")}.png`,
          bytes: await this.#frame(place),
        });
        this.#show(files.length, places.length);
      }
    } finally {
      state.set(before);
    }
    return new Blob(/** @type {BlobPart[]} */ (zipped(files)), { type: "application/zip" });
  }

  /**
   * Wait until the map of what was chosen is drawn.
   *
   * @param {AbortSignal} signal
   */
  async #drawn(signal) {
    const end = performance.now() + WAIT;
    for (let frames = 0; ; ) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      if (signal.aborted) throw new Moot("cancelled");
      frames = this.scope.maps.shown(0) && !this.scope.maps.reduced(0) ? frames + 1 : 0;
      if (frames >= 3) return;
      if (performance.now() > end)
        throw new Error("This page holds no map of single steps of this choice: choose all heads.");
    }
  }

  /**
   * @param {number} place of a step
   * @returns {Promise<Uint8Array>} a PNG
   */
  async #frame(place) {
    const { state, images } = this.scope;
    const [height, width] = state.facts.image;
    const scale = Math.min(1, LONGEST / Math.max(height, width));
    const [high, wide] = [Math.round(scale * height), Math.round(scale * width)];
    const film = this.what.value;
    const canvas = document.createElement("canvas");
    canvas.width = film === "side_by_side" ? 2 * wide : wide;
    canvas.height = high;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.imageSmoothingQuality = "high";
    let left = 0;
    if (film !== "overlay") {
      const forming = images.thumbnail(place);
      if (!forming || !images.strip) throw new Error(NO_IMAGES);
      const { x, y, width: w, height: h } = forming;
      context.drawImage(images.strip, x, y, w, h, left, 0, wide, high);
      left += wide;
    }
    if (film !== "image") context.drawImage(this.canvas, left, 0, wide, high);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve));
    return new Uint8Array(await /** @type {Blob} */ (blob).arrayBuffer());
  }

  /**
   * @param {number} count
   * @param {number} all
   */
  #show(count, all) {
    this.bar.max = Math.max(1, all);
    this.bar.value = count;
    write(this.note, all ? `Frame ${count} of ${all}` : "Begins …");
    this.update(flags.LOOK);
  }

  /** @param {number} what */
  update(what) {
    if (!(what & (flags.LOOK | flags.STEPS | flags.THEME))) return;
    const isMaking = this.making !== null;
    this.button.disabled = isMaking;
    this.what.disabled = isMaking;
    this.as.disabled = isMaking;
    this.as.hidden = !this.#isLive;
    const written = this.scope.state.facts.films ?? [];
    for (const option of this.as.options)
      if (!written.includes(option.value)) {
        option.disabled = true;
        option.title = 'The kernel lacks PyAV: pip install "daam_nb[video]"';
      }
    this.cancel.hidden = !isMaking;
    this.bar.hidden = !isMaking;
    attribute(this.button, "title", this.#problem || null);
  }

  destroy() {
    this.making?.abort();
  }
}
