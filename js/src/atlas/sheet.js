// Maps of many tiles, colored once and drawn at any size: bytes, brought to one size, on one canvas.
/** @import { Tiles } from "../types.js" */
import { addTile } from "../maps.js";
import { palette } from "../palettes.js";

const CELLS = 2 ** 21; // of a sheet, at most: 8 MiB of colors
const SIDES = [8, 16, 32, 64];

/** @typedef {{data: Uint8Array, at: number, height: number, width: number, peak: number}} Map8 a map in
 *   8 bits, from a byte on; level 255 is `peak` */

/**
 * The maps of a word in rows and columns; in column 0 the mean of a row's.
 *
 * @param {Tiles} tiles
 * @returns {Map8[][]}
 */
export function withMeans(tiles) {
  return tiles.tile.map(([height, width], row) => {
    const size = height * width;
    const sum = new Float32Array(size);
    const { data, scales, offsets } = tiles;
    /** @type {Map8[]} */
    const maps = scales[row].map((peak, head) => {
      addTile(tiles, row, head, sum);
      return { data, at: offsets[row] + head * size, height, width, peak };
    });
    let most = 0;
    for (let i = 0; i < size; i++) if (sum[i] > most) most = sum[i];
    const mean = new Uint8Array(size);
    const levels = 255 / Math.max(1, maps.length); // of what has a sign, level 127.5 is 0 in the mean, too
    for (let i = 0; i < size; i++)
      if (tiles.signed) mean[i] = Math.round(sum[i] * levels);
      else mean[i] = most > 0 ? Math.round((255 * sum[i]) / most) : 0;
    const peak = most / Math.max(1, maps.length);
    return [{ data: mean, at: 0, height, width, peak }, ...maps];
  });
}

/** A sheet of maps, one slot each, all of one size. */
export class Sheet {
  /**
   * @param {Map8[][]} rows
   * @param {number} wanted pixels of a tile on the screen, the longer side
   */
  constructor(rows, wanted) {
    this.rows = rows;
    this.across = Math.max(1, ...rows.map((row) => row.length));
    const [tall, wide] = rows.reduce(
      ([h, w], [map]) => [Math.max(h, map?.height ?? 1), Math.max(w, map?.width ?? 1)],
      [1, 1],
    );
    const longest = Math.max(tall, wide);
    const slots = this.across * Math.max(1, rows.length);
    const side = sideOf(Math.min(wanted, longest), slots);
    this.side = side;
    this.width = Math.max(1, Math.round((side * wide) / longest));
    this.height = Math.max(1, Math.round((side * tall) / longest));
    this.levels = new Uint8Array(slots * this.width * this.height);
    rows.forEach((row, r) => row.forEach((map, c) => this.#reduce(map, r * this.across + c)));
    this.canvas = document.createElement("canvas");
    this.canvas.width = this.across * this.width;
    this.canvas.height = Math.max(1, rows.length) * this.height;
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.colors = this.pen.createImageData(this.canvas.width, this.canvas.height);
    this.key = "";
  }

  /**
   * Whether another sheet would be needed for tiles of this size.
   *
   * @param {number} wanted
   */
  fits(wanted) {
    const longest = Math.max(...this.rows.map(([map]) => Math.max(map.height, map.width)), 1);
    const slots = this.across * Math.max(1, this.rows.length);
    return sideOf(Math.min(wanted, longest), slots) === this.side;
  }

  /**
   * Bring one map to the size of a slot: means over areas where it is larger, its own cells where
   * it is smaller.
   *
   * @param {Map8} map
   * @param {number} slot
   */
  #reduce({ data, at, height, width }, slot) {
    const { width: wide, height: high, levels } = this;
    let to = slot * wide * high;
    for (let y = 0; y < high; y++) {
      const top = Math.floor((y * height) / high);
      const bottom = Math.max(top + 1, Math.floor(((y + 1) * height) / high));
      for (let x = 0; x < wide; x++) {
        const left = Math.floor((x * width) / wide);
        const right = Math.max(left + 1, Math.floor(((x + 1) * width) / wide));
        let sum = 0;
        for (let i = top; i < bottom; i++)
          for (let j = left; j < right; j++) sum += data[at + i * width + j];
        levels[to++] = sum / ((bottom - top) * (right - left)) + 0.5;
      }
    }
  }

  /**
   * Color all maps, unless they are in these colors.
   *
   * @param {{colors: string, common: number, gray: (row: number) => boolean, key: string}} how `common`: the
   *   value of the last color, 0: each map's own peak; `gray`: rows without colors; `key` says all this
   */
  color({ colors, common, gray, key }) {
    if (key === this.key) return;
    this.key = key;
    const { width, height, across, levels } = this;
    const out = new Uint32Array(this.colors.data.buffer);
    const stride = across * width;
    this.rows.forEach((row, r) => {
      const table = palette(gray(r) ? "gray" : colors);
      row.forEach((map, c) => {
        // Of a map that is 0 everywhere all levels are 0.
        const factor = common > 0 ? Math.min(255, map.peak / common) : 1;
        let from = (r * across + c) * width * height;
        for (let y = 0; y < height; y++) {
          let to = (r * height + y) * stride + c * width;
          for (let x = 0; x < width; x++) {
            const place = (levels[from++] * factor + 0.5) | 0;
            out[to++] = table[place > 255 ? 255 : place];
          }
        }
      });
    });
    this.pen.putImageData(this.colors, 0, 0);
  }
}

/**
 * @param {number} wanted
 * @param {number} slots
 */
function sideOf(wanted, slots) {
  let best = SIDES[0];
  for (const side of SIDES) {
    if (side > SIDES[0] && side * side * slots > CELLS) break;
    best = side;
    if (side >= wanted) break;
  }
  return best;
}
