// A phrase in a page without a kernel: its map is the mean of those of its words, which are there.
/** @import { Part, Word } from "./types.js" */
import { asFloats } from "./bytes.js";
import { largest } from "./measure.js";

/**
 * A phrase as parts of its words: where no kernel has its maps, they are the means of theirs, each
 * by its number of tokens.
 *
 * @param {Word[]} words
 * @param {[number, number]} span characters
 * @param {string} prompt
 * @returns {{word: Word, of: [number, number][]} | string} the phrase, and the number of each part
 *   with its weight; or why it cannot be made
 */
export function composed(words, [start, end], prompt) {
  // Characters of Python are code points.
  const letters = [...prompt];
  const text = letters.slice(start, end).join("");
  const inside = words
    .map((word, number) => ({ word, number }))
    .filter(({ word }) => word.kept && (word.kind === "word" || word.kind === "sign"))
    .filter(({ word }) => word.start !== null && word.start < end && word.end > start)
    .sort((p, q) => p.word.start - q.word.start);
  const seen = new Set(inside.flatMap(({ word }) => range(word.start, word.end)));
  const lacking = range(start, end).filter((i) => letters[i]?.trim() && !seen.has(i));
  if (lacking.length > 0)
    return `This page holds no map of “${lacking.map((i) => letters[i]).join("")}”, so that “${text}” cannot be put together. Open it with the phrase: explore(run, word=${JSON.stringify(text)}).to_html(...).`;
  const own = inside.filter(({ word }) => word.kind === "word");
  const tokens = inside.flatMap(({ word }) => word.tokens);
  if (own.length === 0 || new Set(tokens).size < tokens.length)
    return `Words of “${text}” share a token, so that its map is not the mean of theirs. Open the page with the phrase: explore(run, word=${JSON.stringify(text)}).to_html(...).`;
  return {
    word: {
      text,
      start,
      end,
      tokens: [...tokens].sort((p, q) => p - q),
      pieces: inside.flatMap(({ word }) => word.pieces),
      kind: "phrase",
      special: false,
      kept: true,
      between: [own[0].number, own[own.length - 1].number],
    },
    of: inside.map(({ word, number }) => [number, word.tokens.length / tokens.length]),
  };
}

/**
 * @param {number} from
 * @param {number} to
 */
function range(from, to) {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/**
 * The weighted mean of parts of one kind and shape.
 *
 * @param {string} key of what is made
 * @param {[Part, number][]} parts each with its weight
 * @returns {Part | null} null where they do not go together
 */
export function meanPart(key, parts) {
  const [[first]] = parts;
  const shape = JSON.stringify(first.shape ?? first.tile);
  if (parts.some(([part]) => JSON.stringify(part.shape ?? part.tile) !== shape)) return null;
  if (first.name === "exact") return meanExact(key, parts);
  if (first.name === "stack") {
    const size = first.shape[1] * first.shape[2];
    const sets = Array.from({ length: first.shape[0] }, (_, i) => ({ from: i * size, size }));
    const units = parts.map(([part]) => part.scales);
    const { bytes, scales } = levels(parts, sets, units);
    return { ...first, key, bytes, scales: scales.flat() };
  }
  const sets = first.tile.flatMap(
    (/** @type {[number, number]} */ [height, width], /** @type {number} */ l) =>
      first.scales[l].map((/** @type {number} */ _, /** @type {number} */ h) => ({
        from: first.offsets[l] + h * height * width,
        size: height * width,
      })),
  );
  const units = parts.map(([part]) => part.scales.flat().map((/** @type {number} */ s) => s / 255));
  const { bytes, scales } = levels(parts, sets, units);
  const flat = scales.map((unit) => unit * 255);
  const heads = first.scales.map((/** @type {number[]} */ row) => row.length);
  const rows = (/** @type {any[]} */ values) => {
    let at = 0;
    return heads.map((/** @type {number} */ count) => values.slice(at, (at += count)));
  };
  const none = rows(flat.map(() => null));
  const means = parts.every(([part]) => part.mean)
    ? flat.map((_, i) =>
        parts.reduce((sum, [part, weight]) => sum + weight * (part.mean.flat()[i] ?? NaN), 0),
      )
    : [];
  return {
    ...first,
    key,
    bytes,
    scales: rows(flat),
    mean: means.length > 0 ? rows(means.map((mean) => (Number.isNaN(mean) ? null : mean))) : none,
    // Those of a mean do not follow from those of its parts.
    peak: none,
    entropy: none,
  };
}

/**
 * @param {string} key
 * @param {[Part, number][]} parts
 * @returns {Part}
 */
function meanExact(key, parts) {
  const [[first]] = parts;
  const values = new Float32Array(first.shape[0] * first.shape[1]);
  for (const [part, weight] of parts) {
    const own = asFloats(/** @type {Uint8Array} */ (part.bytes));
    for (let i = 0; i < values.length; i++) values[i] += weight * own[i];
  }
  return { ...first, key, bytes: new Uint8Array(values.buffer), max: largest(values) };
}

/**
 * Means in 8 bits, each set of cells with a unit of its own.
 *
 * @param {[Part, number][]} parts
 * @param {{from: number, size: number}[]} sets
 * @param {number[][]} units value of one level, by part and set
 */
function levels(parts, sets, units) {
  const bytes = new Uint8Array(parts[0][0].bytes?.length ?? 0);
  const scales = sets.map(({ from, size }, n) => {
    const mean = new Float64Array(size);
    parts.forEach(([part, weight], p) => {
      const own = /** @type {Uint8Array} */ (part.bytes);
      for (let i = 0; i < size; i++) mean[i] += weight * units[p][n] * own[from + i];
    });
    const unit = mean.reduce((most, value) => Math.max(most, value), 0) / 255;
    if (unit > 0) for (let i = 0; i < size; i++) bytes[from + i] = Math.round(mean[i] / unit);
    return unit;
  });
  return { bytes, scales };
}
