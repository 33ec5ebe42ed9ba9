// The picture and the forming pictures, decoded once.
/** @import { View } from "./view.js" */
import { asBytes } from "./bytes.js";
import * as flags from "./flags.js";

export class Pictures {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    /** @type {ImageBitmap | null} */
    this.image = null;
    /** @type {ImageBitmap | null} */
    this.strip = null;
    this.#decode("_image");
    this.#decode("_strip");
    view.state.on("change:_image", () => this.#decode("_image"));
    view.state.on("change:_strip", () => this.#decode("_strip"));
  }

  /** @param {"_image" | "_strip"} name */
  async #decode(name) {
    const bytes = asBytes(this.view.state.model.get(name));
    if (bytes.length === 0) return;
    try {
      const own = name === "_image" ? this.view.state.facts.image_type : null;
      const blob = new Blob([/** @type {BlobPart} */ (bytes.slice())], {
        type: own ?? "image/png",
      });
      const bitmap = await createImageBitmap(blob);
      if (name === "_image") this.image = bitmap;
      else this.strip = bitmap;
      this.view.invalidate(flags.BASE | flags.MAP | flags.STRIP);
    } catch {
      this.view.status.say("The picture could not be read.");
    }
  }

  /**
   * Where the thumbnail of a step lies in the strip; null where there is none.
   *
   * @param {number} step place among the kept steps
   * @returns {{x: number, y: number, width: number, height: number} | null}
   */
  thumbnail(step) {
    const strip = this.view.state.facts.strip;
    if (!strip || !this.strip || strip.count === 0) return null;
    let nearest = 0;
    strip.places.forEach((place, k) => {
      if (Math.abs(place - step) < Math.abs(strip.places[nearest] - step)) nearest = k;
    });
    const columns = strip.columns ?? strip.count;
    const [height, width] = strip.size ?? [this.strip.height, this.strip.width / strip.count];
    return {
      x: (nearest % columns) * width,
      y: Math.floor(nearest / columns) * height,
      width,
      height,
    };
  }
}
