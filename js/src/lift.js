// How much of the words' attention a word has at a place, against its part of the whole image:
// daam_nb/show/explorer/model/ranking.py says it in full, and has the same functions.
/** @import { Row, Whole, Word } from "./types.js" */

const PERCENTILES = [0.05, 0.95];
const SHIFTS = 16; // along each axis, at most

/** @typedef {Map<number, Float64Array>} Maps by word, (y, x) */

/**
 * Numbers of what is ranked: no part of the text twice, so no piece of a word, and no phrase all of
 * whose words are ranked.
 *
 * @param {Word[]} words
 * @param {boolean} special whether signs, the start and the end of the text are
 * @returns {number[]}
 */
export function rankable(words, special) {
  const inWords = new Set(
    words.filter(({ kept, kind }) => kept && kind === "word").flatMap(({ tokens }) => tokens),
  );
  const twice = (/** @type {Word} */ { kind, tokens }) =>
    kind === "piece" || (kind === "phrase" && tokens.every((token) => inWords.has(token)));
  return words.flatMap((word, i) =>
    word.kept && (special || !word.special) && !twice(word) ? [i] : [],
  );
}

/**
 * Values of some words as shares of their sum; 0 where that is 0.
 *
 * @param {Map<number, number>} values
 * @returns {Map<number, number>}
 */
export function sharesOf(values) {
  let total = 0;
  for (const value of values.values()) total += value;
  return new Map([...values].map(([word, value]) => [word, total > 0 ? value / total : 0]));
}

/**
 * A share as a multiple of that over the whole image; 0 where that is 0.
 *
 * @param {number} share
 * @param {number} whole
 */
export function liftOf(share, whole) {
  return whole > 0 ? share / whole : 0;
}

/**
 * What single cells are compared with: the whole image, and all cells.
 *
 * @param {Maps} maps
 * @returns {Whole[]}
 */
export function backgroundOf(maps) {
  const whole = sharesOf(means(maps));
  const cells = [...maps.values()][0]?.length ?? 0;
  const at = Array.from({ length: cells }, (_, i) => [i]);
  const chance = chanceAt(maps, at, whole);
  return [...whole].map(([word, share]) => ({ word, share, chance: chance.get(word) ?? [] }));
}

/**
 * The words in a region, each with its lift and what chance gives; in no order.
 *
 * @param {Maps} maps
 * @param {Uint8Array} inside (y, x)
 * @param {number} width
 * @returns {Row[]}
 */
export function rowsIn(maps, inside, width) {
  const cells = cellsOf(inside);
  const values = means(maps, cells);
  const whole = sharesOf(means(maps));
  const elsewhere = shifts(inside, width).map((by) => cells.map((cell) => cell + by));
  const chance = elsewhere.length > 0 ? chanceAt(maps, elsewhere, whole) : null;
  return [...sharesOf(values)].map(([word, share]) => ({
    word,
    value: values.get(word) ?? 0,
    share,
    lift: liftOf(share, whole.get(word) ?? 0),
    chance: chance?.get(word) ?? null,
  }));
}

/**
 * Rows of single cells with the lifts that follow from what they are compared with.
 *
 * @param {Row[]} rows
 * @param {Whole[]} background
 * @returns {Row[]}
 */
export function lifted(rows, background) {
  const of = new Map(background.map((one) => [one.word, one]));
  return rows.map((row) => {
    const { share = 0, chance = null } = of.get(row.word) ?? {};
    return { ...row, lift: liftOf(row.share, share), chance };
  });
}

/**
 * The largest first: by lift where all are known and that is asked for, else as values go.
 *
 * @param {Row[]} rows
 * @param {string} by
 */
export function inOrder(rows, by) {
  const byLift = by === "lift" && rows.every(({ lift }) => lift !== undefined);
  const size = (/** @type {Row} */ row) => (byLift ? (row.lift ?? 0) : row.value);
  return [...rows].sort((p, q) => size(q) - size(p));
}

/**
 * Where else a region fits into the image, as steps from cell to cell; see `shifts` of Python.
 *
 * @param {Uint8Array} inside (y, x)
 * @param {number} width
 */
export function shifts(inside, width) {
  const cells = cellsOf(inside);
  const height = inside.length / width;
  const rows = cells.map((cell) => Math.floor(cell / width));
  const columns = cells.map((cell) => cell % width);
  const down = spread(least(rows), height - 1 - most(rows));
  const right = spread(least(columns), width - 1 - most(columns));
  return down.flatMap((dy) => right.map((dx) => dy * width + dx)).filter((by) => by !== 0);
}

/**
 * Moves from -before to behind.
 *
 * @param {number} before
 * @param {number} behind
 */
function spread(before, behind) {
  const count = before + behind + 1;
  const kept = Math.min(count, SHIFTS);
  const at = (/** @type {number} */ i) => Math.floor((i * (count - 1)) / Math.max(1, kept - 1));
  return Array.from({ length: kept }, (_, i) => at(i) - before);
}

const least = (/** @type {number[]} */ values) => values.reduce((p, q) => Math.min(p, q), Infinity);
const most = (/** @type {number[]} */ values) => values.reduce((p, q) => Math.max(p, q), -Infinity);

/** @param {Uint8Array} inside */
function cellsOf(inside) {
  const cells = [];
  for (let i = 0; i < inside.length; i++) if (inside[i]) cells.push(i);
  return cells;
}

/**
 * @param {Maps} maps
 * @param {ArrayLike<number>} [cells] which; by default all
 * @returns {Map<number, number>}
 */
function means(maps, cells) {
  return new Map(
    [...maps].map(([word, values]) => {
      let sum = 0;
      const count = cells?.length ?? values.length;
      for (let i = 0; i < count; i++) sum += values[cells ? cells[i] : i];
      return [word, sum / Math.max(1, count)];
    }),
  );
}

/**
 * The 5th and the 95th percentile of each word's lifts at some places.
 *
 * @param {Maps} maps
 * @param {number[][]} places the cells of each
 * @param {Map<number, number>} whole
 * @returns {Map<number, number[]>}
 */
function chanceAt(maps, places, whole) {
  const words = [...maps];
  const lifts = words.map(() => new Float64Array(places.length));
  places.forEach((cells, place) => {
    let total = 0;
    words.forEach(([, values], w) => {
      let sum = 0;
      for (let i = 0; i < cells.length; i++) sum += values[cells[i]];
      total += sum;
      lifts[w][place] = sum;
    });
    for (const of of lifts) of[place] = total > 0 ? of[place] / total : 0;
  });
  return new Map(
    words.map(([word], w) => {
      const own = lifts[w].map((share) => liftOf(share, whole.get(word) ?? 0)).sort();
      return [word, PERCENTILES.map((part) => percentile(own, part))];
    }),
  );
}

/**
 * Linear between two neighbors, as numpy has it.
 *
 * @param {Float64Array} sorted
 * @param {number} part 0 to 1
 */
function percentile(sorted, part) {
  const at = part * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}
