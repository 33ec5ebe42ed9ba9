// Color maps as tables of 256 colors in the order of a canvas's memory.
import { fromBase64 } from "./bytes.js";
import data from "./palettes.data.js";

/** @typedef {Uint32Array} Table 256 colors, each red, green, blue, alpha from the lowest byte */

/** Those to choose from; the last is for differences alone. */
export const NAMES = Object.keys(data).filter((name) => name !== "RdBu_r");

/** @type {Map<string, Table>} */
const tables = new Map();

/**
 * @param {string} name
 * @returns {Table} opaque; that of inferno where the name is not known
 */
export function palette(name) {
  let table = tables.get(name);
  if (!table) {
    const known = /** @type {Record<string, string>} */ (data);
    const rgb = fromBase64(Object.hasOwn(known, name) ? known[name] : known.inferno);
    table = new Uint32Array(256);
    for (let i = 0; i < 256; i++)
      table[i] = packed(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2], 255);
    tables.set(name, table);
  }
  return table;
}

/** Levels of each of two maps in `PAIR`. */
const LEVELS = 64;

/**
 * Colors of two maps at once: orange where A alone is strong, blue where B alone is, white where
 * both are. Orange and blue stay apart for color-blind eyes (after Okabe and Ito).
 */
export const PAIR = pair([240, 110, 0], [0, 118, 230]);

/**
 * @param {number[]} one color of A
 * @param {number[]} two color of B
 * @returns {Table} LEVELS rows of A, each with LEVELS columns of B
 */
function pair(one, two) {
  const table = new Uint32Array(LEVELS * LEVELS);
  // The weakest fifth of a map stays clear, so that one still sees the image.
  const weight = (/** @type {number} */ k) => Math.max(0, (k / (LEVELS - 1) - 0.2) / 0.8);
  for (let i = 0; i < LEVELS; i++) {
    for (let j = 0; j < LEVELS; j++) {
      const [a, b] = [weight(i), weight(j)];
      const share = a + b > 0 ? a / (a + b) : 0.5;
      const both = Math.min(1, 1.4 * Math.min(a, b));
      const rgb = one.map((c, k) => {
        const hue = c * share + two[k] * (1 - share);
        return Math.round(hue + (255 - hue) * both);
      });
      table[i * LEVELS + j] = packed(
        rgb[0],
        rgb[1],
        rgb[2],
        Math.round(255 * Math.max(a, b) ** 0.8),
      );
    }
  }
  return table;
}

/**
 * @param {ArrayLike<number>} a
 * @param {number} maxA the value of A's last color
 * @param {ArrayLike<number>} b
 * @param {number} maxB
 * @param {Uint32Array} out
 */
export function paintPair(a, maxA, b, maxB, out) {
  const last = LEVELS - 1;
  const scaleA = maxA > 0 ? last / maxA : 0;
  const scaleB = maxB > 0 ? last / maxB : 0;
  for (let k = 0; k < out.length; k++) {
    const i = (a[k] * scaleA + 0.5) | 0;
    const j = (b[k] * scaleB + 0.5) | 0;
    out[k] = PAIR[(i > last ? last : i) * LEVELS + (j > last ? last : j)];
  }
}

/**
 * @param {ArrayLike<number>} values
 * @param {number} max the value of the last color
 * @param {Table} table
 * @param {Uint32Array} out
 */
export function paint(values, max, table, out) {
  const scale = max > 0 ? 255 / max : 0;
  for (let i = 0; i < values.length; i++) {
    const place = (values[i] * scale + 0.5) | 0;
    out[i] = table[place > 255 ? 255 : place];
  }
}

/**
 * Signed differences, 0 in the middle.
 *
 * @param {Float32Array} a
 * @param {number} scaleA
 * @param {Float32Array} b
 * @param {number} scaleB
 * @param {number} max the difference of the last color
 * @param {Table} table
 * @param {Uint32Array} out
 */
export function paintDifference(a, scaleA, b, scaleB, max, table, out) {
  const scale = max > 0 ? 127.5 / max : 0;
  for (let i = 0; i < a.length; i++) {
    const place = (127.5 + (a[i] * scaleA - b[i] * scaleB) * scale + 0.5) | 0;
    out[i] = table[place < 0 ? 0 : place > 255 ? 255 : place];
  }
}

/**
 * @param {number} red
 * @param {number} green
 * @param {number} blue
 * @param {number} alpha
 */
function packed(red, green, blue, alpha) {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/**
 * @param {string} name
 * @returns {string} a CSS gradient from the smallest to the largest value
 */
export function gradient(name) {
  const table = palette(name);
  const stops = [];
  for (let i = 0; i <= 16; i++) {
    const c = table[Math.min(255, i * 16)];
    stops.push(`rgb(${c & 255} ${(c >> 8) & 255} ${(c >> 16) & 255})`);
  }
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** Of an image below two families of colors: how much of its color goes, and of its light. */
export const FADE = 0.95;
export const DIM = 0.45;

/**
 * Take most of the color from what is drawn, so that two families of colors are told apart over it, and
 * some of the light, so that the white of both is told from a white image.
 * By blending: `filter` is a thing that canvases of Safari do not know.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
export function fade(context, x, y, width, height) {
  context.save();
  context.globalCompositeOperation = "saturation";
  context.globalAlpha = FADE;
  context.fillStyle = "#808080";
  context.fillRect(x, y, width, height);
  context.globalCompositeOperation = "source-over";
  context.globalAlpha = DIM;
  context.fillStyle = "#000";
  context.fillRect(x, y, width, height);
  context.restore();
}
