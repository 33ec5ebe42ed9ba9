// A page without a kernel holds a small map of every head over all steps. Of attention, the map of a
// layer, a head or several is the mean of theirs: each brought to the grid and clamped, as the kernel
// does it with the whole ones (Tang et al. 2023, eq. 6).
/** @import { Facts, Head, Part } from "./types.js" */
import { numbersIn, pairsIn } from "./heads.js";
import { Raiser } from "./resample.js";

/**
 * @param {Part} tiles a word in every head
 * @param {Facts} facts
 * @param {number[]} layers those of the choice
 * @param {{layer: number, head: Head}} chosen
 * @returns {{values: Float32Array, height: number, width: number, max: number} | null} null where
 *   no layer has such a head
 */
export function reducedMap(tiles, facts, layers, { layer, head }) {
  const [height, width] = facts.grid;
  const bytes = /** @type {Uint8Array} */ (tiles.bytes);
  const values = new Float32Array(height * width);
  let count = 0;
  for (const [l, h] of headsOf(facts, layers, layer, head)) {
    const [high, wide] = tiles.tile[l];
    const size = high * wide;
    const from = tiles.offsets[l] + h * size;
    const unit = tiles.scales[l][h] / 255;
    const small = Float32Array.from(bytes.subarray(from, from + size), (level) => level * unit);
    const whole = raiser(high, wide, height, width).raise(small);
    for (let i = 0; i < values.length; i++) values[i] += whole[i];
    count++;
  }
  if (count === 0) return null;
  let max = 0;
  for (let i = 0; i < values.length; i++) {
    values[i] /= count;
    if (values[i] > max) max = values[i];
  }
  return { values, height, width, max };
}

/**
 * @param {Facts} facts
 * @param {number[]} layers
 * @param {number} layer
 * @param {Head} head
 * @returns {[number, number][]} layer and head of each
 */
function headsOf(facts, layers, layer, head) {
  const pairs = pairsIn(head);
  if (pairs.length > 0) return pairs;
  const numbers = numbersIn(head);
  return (layer < 0 ? layers : [layer]).flatMap((l) =>
    Array.from({ length: facts.layers[l].heads }, (_, h) => h)
      .filter((h) => numbers.length === 0 || numbers.includes(h))
      .map((h) => /** @type {[number, number]} */ ([l, h])),
  );
}

/** @type {Map<string, Raiser>} */
const made = new Map();

/** @param {[number, number, number, number]} sizes */
function raiser(...sizes) {
  const key = String(sizes);
  let known = made.get(key);
  if (!known) made.set(key, (known = new Raiser(...sizes)));
  return known;
}
