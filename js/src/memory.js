// What has arrived of one recording, by key, shared by all views of a model.
/** @import { Part, Sums, Tiles } from "./types.js" */
import { asFloats } from "./bytes.js";
import { Cache } from "./cache.js";
import { prefixSums } from "./sums.js";

const STACK_BYTES = 48 << 20;
const EXACT_BYTES = 4 << 20;
const TILE_BYTES = 24 << 20;
const OVERLAPS = 64;

/** @typedef {{values: Float32Array, height: number, width: number, max: number}} Exact */

export class Memory {
  constructor() {
    /** @type {Cache<Sums>} */
    this.stacks = new Cache(STACK_BYTES);
    /** @type {Cache<Exact>} */
    this.exacts = new Cache(EXACT_BYTES);
    /** @type {Cache<Exact & {over: [number, number]}>} over all steps, by the key of a stack */
    this.reduced = new Cache(EXACT_BYTES);
    /** @type {Cache<Tiles>} */
    this.tileSets = new Cache(TILE_BYTES);
    /** @type {Cache<Tiles>} a word in every layer at every step */
    this.stepTiles = new Cache(TILE_BYTES);
    /** @type {Cache<{values: number[][], chance: number}>} how much of each tile lies in the mask or
     *  region, and what chance gives */
    this.overlaps = new Cache(OVERLAPS);
    /** @type {Cache<{values: (number | null)[][]}>} other measures of heads */
    this.measures = new Cache(OVERLAPS);
    /** @type {Cache<number[]>} all heads in an order by likeness, by key of the tiles */
    this.orders = new Cache(OVERLAPS);
    /** @type {Cache<import("./types.js").LayerTiles>} larger tiles of one layer, by key of the tiles and number */
    this.layerTiles = new Cache(TILE_BYTES);
  }

  /**
   * Keep a part that says what it is made of; what does not fit what is said of it is not taken.
   *
   * @param {Part} part
   * @returns {boolean} whether something is here now that was not
   */
  take(part) {
    const bytes = part.bytes ?? new Uint8Array(0);
    /** @type {number[] | undefined} */
    const shape = part.shape;
    const count = shape?.reduce((product, side) => product * side, 1) ?? -1;
    if (part.name === "stack" && bytes.length === count) {
      if (this.stacks.get(part.key)) return false;
      const stack = prefixSums(bytes, part.scales, part.shape);
      this.stacks.put(part.key, stack, stack.sums.byteLength + bytes.length);
      return true;
    }
    if (part.name === "exact" && bytes.length === 4 * count) {
      const [height, width] = part.shape;
      const values = asFloats(bytes);
      this.exacts.put(part.key, { values, height, width, max: part.max }, bytes.length);
      return true;
    }
    if (part.name === "reduced") {
      this.reduced.put(part.key, { ...part.map, over: part.over }, 4 * part.map.values.length);
      return true;
    }
    if (part.name === "tiles" && bytes.length > 0) {
      const [word, lo, hi] = JSON.parse(part.key);
      const { key, tile, offsets, scales, mean, entropy, peak } = part;
      const tiles = { key, word, lo, hi, data: bytes, tile, offsets, scales, mean, entropy, peak };
      this.tileSets.put(key, /** @type {Tiles} */ (tiles), bytes.length);
      return true;
    }
    if (part.name === "step_tiles" && bytes.length > 0) {
      const [word] = JSON.parse(part.key);
      const { key, tile, offsets, scales, mean, entropy, peak, layers } = part;
      const of = { key, word, lo: 0, hi: scales[0].length, layers };
      const tiles = { ...of, data: bytes, tile, offsets, scales, mean, entropy, peak };
      this.stepTiles.put(key, /** @type {Tiles} */ (tiles), bytes.length);
      return true;
    }
    if (part.name === "overlap") {
      const of = part.polygon ? JSON.stringify(part.polygon) : part.threshold;
      const { values, chance } = part;
      this.overlaps.put(overlapKey(part.key, of), { values, chance }, 1);
      return true;
    }
    if (part.name === "measure") {
      this.measures.put(part.key, { values: part.values }, 1);
      return true;
    }
    if (part.name === "likeness") {
      this.orders.put(part.key, part.order, 1);
      return true;
    }
    if (part.name === "layer_tiles" && bytes.length > 0) {
      const { key, layer, tile, scales } = part;
      const before = this.layerTiles.get(`${key} ${layer}`);
      if (before && before.tile[0] >= tile[0]) return false;
      this.layerTiles.put(`${key} ${layer}`, { data: bytes, tile, scales }, bytes.length);
      return true;
    }
    return false;
  }
}

/**
 * @param {string} key of the exact map whose mask it is, or of the tiles
 * @param {number | string} of threshold of the mask, or the region
 */
export function overlapKey(key, of) {
  return `${key} ${of}`;
}
