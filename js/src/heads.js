// One head or several: what counts of what is chosen, and what a tile or a label adds to it or takes.
/** @import { Facts, Head } from "./types.js" */

/** @typedef {{layer: number, head: Head}} Chosen */
/** @typedef {{layer: number, head: number, heads: (number | [number, number])[]}} Choice */

/**
 * Several heads count before one, and those that name their layers before any layer; several that
 * are one are that one. Python's `layer_and_head` is the same.
 *
 * @param {Choice} choice
 * @returns {Chosen}
 */
export function counting({ layer, head, heads }) {
  if (!heads?.length) return { layer, head };
  const pairs = pairsIn(heads);
  if (pairs.length === 0) return { layer, head: heads.length > 1 ? heads : numbersIn(heads)[0] };
  return pairs.length > 1 ? { layer: -1, head: pairs } : { layer: pairs[0][0], head: pairs[0][1] };
}

/**
 * The heads that were chosen with their layers; none where they were not.
 *
 * @param {Head} head
 * @returns {[number, number][]}
 */
export function pairsIn(head) {
  return typeof head === "number" ? [] : head.filter((one) => typeof one !== "number");
}

/**
 * The heads that were chosen by number, in each layer; none where all are, or where they were
 * chosen with their layers.
 *
 * @param {Head} head
 * @returns {number[]}
 */
export function numbersIn(head) {
  if (typeof head === "number") return head < 0 ? [] : [head];
  return head.filter((one) => typeof one === "number");
}

/**
 * The heads, whatever the choice of layers; a head of one layer names it. Python's `in_every_layer` is
 * the same.
 *
 * @param {Chosen} chosen
 * @returns {Head}
 */
export function inEveryLayer({ layer, head }) {
  const numbers = numbersIn(head);
  return layer >= 0 && numbers.length > 0 ? numbers.map((number) => [layer, number]) : head;
}

/**
 * Whether a (layer, head) was chosen; -1 stands for a layer's row.
 *
 * @param {Chosen} chosen
 * @param {number} layer
 * @param {number} head
 */
export function holds(chosen, layer, head) {
  if (pairsIn(chosen.head).some(([l, h]) => l === layer && h === head)) return true;
  if (chosen.layer >= 0 && chosen.layer !== layer) return false;
  return numbersIn(chosen.head).includes(head) || (chosen.layer === layer && chosen.head === -1);
}

/**
 * Add heads to those chosen, or take them away where all of them are.
 *
 * Where nothing is chosen yet, they are the first.
 *
 * @param {Facts} facts
 * @param {number[]} layers those of the choice
 * @param {Chosen} chosen
 * @param {[number, number][]} pairs
 * @returns {Choice}
 */
export function withHeads(facts, layers, chosen, pairs) {
  const before = expanded(facts, layers, chosen);
  const isIn = (/** @type {[number, number][]} */ list, /** @type {[number, number]} */ [l, h]) =>
    list.some(([layer, head]) => layer === l && head === h);
  const taken = pairs.every((pair) => isIn(before, pair));
  const after = before.filter((pair) => !isIn(pairs, pair)).concat(taken ? [] : pairs);
  return asChoice(after.sort(([l, h], [layer, head]) => l - layer || h - head));
}

/**
 * Choose a set of heads, or add it to those chosen.
 *
 * @param {Facts} facts
 * @param {number[]} layers those of the choice
 * @param {Chosen} chosen
 * @param {[number, number][]} pairs
 * @param {boolean} more whether those chosen before stay
 * @returns {Choice}
 */
export function withSet(facts, layers, chosen, pairs, more) {
  const all = more ? [...expanded(facts, layers, chosen), ...pairs] : pairs;
  const each = new Map(all.map((pair) => [pair[0] * 4096 + pair[1], pair]));
  const sorted = [...each].sort(([p], [q]) => p - q).map(([, pair]) => pair);
  const whole = sorted.length > 0 && sorted[0][0] === sorted[sorted.length - 1][0];
  if (whole && sorted.length === facts.layers[sorted[0][0]].heads)
    return { layer: sorted[0][0], head: -1, heads: [] };
  return asChoice(sorted);
}

/**
 * Add a head of every layer, or take it away; several by number stay by number.
 *
 * @param {Facts} facts
 * @param {number[]} layers those of the choice
 * @param {Chosen} chosen
 * @param {number} head
 * @returns {Choice}
 */
export function withColumn(facts, layers, chosen, head) {
  if (chosen.layer < 0 && pairsIn(chosen.head).length === 0) {
    const before = numbersIn(chosen.head);
    const after = before.includes(head) ? before.filter((h) => h !== head) : [...before, head];
    after.sort((p, q) => p - q);
    if (after.length > 1) return { layer: -1, head: -1, heads: after };
    return { layer: -1, head: after[0] ?? -1, heads: [] };
  }
  /** @type {[number, number][]} */
  const column = layers.filter((i) => head < facts.layers[i].heads).map((i) => [i, head]);
  return withHeads(facts, layers, chosen, column);
}

/**
 * Every head of a layer, with the layer.
 *
 * @param {Facts} facts
 * @param {number} layer
 * @returns {[number, number][]}
 */
export function headsOf(facts, layer) {
  return Array.from({ length: facts.layers[layer].heads }, (_, head) => [layer, head]);
}

/**
 * What is chosen, every head with its layer; nothing where all heads of a choice of layers are.
 *
 * @param {Facts} facts
 * @param {number[]} layers
 * @param {Chosen} chosen
 * @returns {[number, number][]}
 */
function expanded(facts, layers, chosen) {
  if (chosen.layer < 0 && chosen.head === -1) return [];
  const pairs = pairsIn(chosen.head);
  if (pairs.length > 0) return pairs;
  return (chosen.layer < 0 ? layers : [chosen.layer])
    .flatMap((i) => headsOf(facts, i))
    .filter(([layer, head]) => holds(chosen, layer, head));
}

/**
 * @param {[number, number][]} pairs
 * @returns {Choice}
 */
function asChoice(pairs) {
  if (pairs.length > 1) return { layer: -1, head: -1, heads: pairs };
  const [layer, head] = pairs[0] ?? [-1, -1];
  return { layer, head, heads: [] };
}
