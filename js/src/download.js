// What is shown, as a file of one's own.
/** @import { Scope } from "./scope.js" */
import { levelOf } from "./measure.js";
import { Enlarger } from "./resample.js";

/**
 * The mask of the shown word: made by the kernel from the exact map, or here without one.
 *
 * @param {Scope} scope
 */
export async function saveMask(scope) {
  try {
    if (scope.source.capabilities.mask) {
      const [part] = await scope.source.ask({ want: ["mask"], sel: scope.state.sel });
      const bytes = /** @type {BlobPart} */ (part.bytes);
      save(new Blob([bytes], { type: "image/png" }), part.file ?? fileName(scope, "mask"));
    } else {
      const blob = await maskOf(scope);
      if (blob) save(blob, fileName(scope, "mask"));
    }
  } catch (error) {
    scope.fail(/** @type {Error} */ (error).message);
  }
}

/**
 * The image with its maps, as it is drawn.
 *
 * @param {Scope} scope
 * @param {HTMLCanvasElement} canvas
 */
export function saveImage(scope, canvas) {
  canvas.toBlob((blob) => {
    if (blob) save(blob, fileName(scope, "image"));
  });
}

/**
 * @param {Scope} scope
 * @returns {Promise<Blob | null>} white inside, black outside
 */
async function maskOf(scope) {
  const shown = scope.maps.shown(0);
  if (!shown) return null;
  const field = new Enlarger(shown.height, shown.width, Math.max(...scope.state.facts.image));
  const values = field.enlarge(shown.values);
  const level = levelOf(shown.max, scope.state.get("threshold"));
  const canvas = document.createElement("canvas");
  canvas.width = field.width;
  canvas.height = field.height;
  const image = new ImageData(field.width, field.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < values.length; i++) pixels[i] = values[i] >= level ? 0xffffffff : 0xff000000;
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve));
}

/**
 * @param {Scope} scope
 * @param {string} what
 * @param {string} [ending]
 */
export function fileName(scope, what, ending = "png") {
  const word = scope.state.facts.words[scope.state.get("word")]?.text ?? "word";
  // Only letters and numbers of any script: a word may hold what a file system takes as a path.
  const safe = word.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40) || "word";
  return `daam-${safe}-${what}.${ending}`;
}

/**
 * @param {Blob} blob
 * @param {string} file
 */
export function save(blob, file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
