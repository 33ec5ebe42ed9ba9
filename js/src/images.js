// The image and the forming images, decoded once.
/** @import { Scope } from "./scope.js" */
import * as flags from "./flags.js";

/** @typedef {"image" | "strip"} Name */

export class Images {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    /** @type {ImageBitmap | null} */
    this.image = null;
    /** @type {ImageBitmap | null} */
    this.strip = null;
    /** @type {Record<Name, Uint8Array | undefined>} */
    this.bytes = { image: undefined, strip: undefined };
    const read = () => {
      this.#decode("image");
      this.#decode("strip");
    };
    read();
    this.stop = scope.source.on("parts", read);
  }

  /** @param {Name} name */
  async #decode(name) {
    const part = this.scope.source.images[name];
    const bytes = part?.bytes;
    if (bytes === this.bytes[name]) return;
    this.bytes[name] = bytes;
    this[name] = null; // what was there is of another recording
    this.scope.invalidate(flags.BASE | flags.MAP | flags.STRIP);
    if (!part || !bytes) return;
    try {
      const blob = new Blob([/** @type {BlobPart} */ (bytes)], { type: part.type });
      const bitmap = await createImageBitmap(blob);
      if (this.bytes[name] !== bytes) return; // another one came
      this[name] = bitmap;
      this.scope.invalidate(flags.BASE | flags.MAP | flags.STRIP);
    } catch {
      this.scope.say("The image could not be read.");
    }
  }

  /**
   * Where the thumbnail of a step lies in the strip; null where there is none.
   *
   * @param {number} step place among the kept steps
   * @returns {{x: number, y: number, width: number, height: number} | null}
   */
  thumbnail(step) {
    const strip = this.scope.state.facts.strip;
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
