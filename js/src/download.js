// What is shown, as a file of one's own.
/** @import { View } from "./view.js" */
import { levelOf } from "./measure.js";
import { Enlarger } from "./resample.js";

/**
 * The mask of the shown word: made by the kernel from the exact map, or here without one.
 *
 * @param {View} view
 */
export async function saveMask(view) {
  try {
    if (view.source.capabilities.mask) {
      const [part] = await view.source.ask({ want: ["mask"], sel: view.state.sel });
      const bytes = /** @type {BlobPart} */ (part.bytes);
      save(new Blob([bytes], { type: "image/png" }), part.file ?? name(view, "mask"));
    } else {
      const blob = await maskOf(view);
      if (blob) save(blob, name(view, "mask"));
    }
  } catch (error) {
    view.status.fail(/** @type {Error} */ (error).message);
  }
}

/**
 * The picture with its maps, as it is drawn.
 *
 * @param {View} view
 */
export function savePicture(view) {
  view.picture.canvas.toBlob((blob) => {
    if (blob) save(blob, name(view, "picture"));
  });
}

/**
 * @param {View} view
 * @returns {Promise<Blob | null>} white inside, black outside
 */
async function maskOf(view) {
  const shown = view.maps.shown(0);
  if (!shown) return null;
  const field = new Enlarger(shown.height, shown.width, Math.max(...view.state.facts.image));
  const values = field.enlarge(shown.values);
  const level = levelOf(shown.max, view.state.get("threshold"));
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
 * @param {View} view
 * @param {string} what
 */
function name(view, what) {
  const word = view.state.facts.words[view.state.get("word")]?.text ?? "word";
  // Only letters and numbers of any script: a word may hold what a file system takes as a path.
  const safe = word.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40) || "word";
  return `daam-${safe}-${what}.png`;
}

/**
 * @param {Blob} blob
 * @param {string} file
 */
function save(blob, file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
