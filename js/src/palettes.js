// Colour maps as tables of 256 colours in the order of a canvas's memory.
import { fromBase64 } from "./bytes.js";
import data from "./palettes.data.js";

/** @typedef {Uint32Array} Table 256 colours, each red, green, blue, alpha from the lowest byte */

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

/**
 * One family of colours for one of two words: nothing where there is no attention, the full
 * colour at the peak.
 *
 * @param {[number, number, number]} dark colour of the middle
 * @param {[number, number, number]} bright colour of the peak
 * @returns {Table}
 */
export function family(dark, bright) {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const t = i / 255;
    const mix = (/** @type {number} */ k) => Math.round(dark[k] + (bright[k] - dark[k]) * t);
    table[i] = packed(mix(0), mix(1), mix(2), Math.round(255 * Math.min(1, 1.15 * t ** 0.9)));
  }
  return table;
}

/** Orange and blue stay apart for colour-blind eyes (after Okabe and Ito). */
export const FAMILY_A = family([214, 74, 0], [255, 196, 92]);
export const FAMILY_B = family([0, 84, 190], [110, 214, 255]);

/**
 * @param {Float32Array} values
 * @param {number} max the value of the last colour
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
 * @param {number} max the difference of the last colour
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
