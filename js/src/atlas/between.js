// Heads of two recordings: the difference of their maps, and of what they are measured by.
/** @import { Axes } from "./axes.js" */
/** @import { Tiles } from "../types.js" */

/**
 * The difference of the maps of all heads: level 127.5 is none, 255 all in A, 0 all in B.
 *
 * @param {Tiles} a
 * @param {Tiles} b
 * @param {string} scale "own": shares of each map's own peak; "common": in their unit
 * @returns {Tiles | null} null where they do not have the same layers, heads and sizes
 */
export function differenceOf(a, b, scale) {
  const shapes = [a, b].map(({ tile, scales }) =>
    JSON.stringify([tile, scales.map((row) => row.length)]),
  );
  if (shapes[0] !== shapes[1]) return null;
  const data = new Uint8Array(a.data.length);
  a.tile.forEach(([height, width], layer) => {
    const size = height * width;
    a.scales[layer].forEach((peakA, head) => {
      const peakB = b.scales[layer][head];
      const most = Math.max(peakA, peakB) || 1;
      const [ofA, ofB] = scale === "own" ? [0.5, 0.5] : [peakA / most / 2, peakB / most / 2];
      const fromA = a.offsets[layer] + head * size;
      const fromB = b.offsets[layer] + head * size;
      for (let i = 0; i < size; i++)
        data[fromA + i] = 127.5 + a.data[fromA + i] * ofA - b.data[fromB + i] * ofB + 0.5;
    });
  });
  const scales = a.scales.map((row) => row.map(() => 1));
  return { ...a, key: `difference ${a.key} ${b.key} ${scale}`, data, scales, signed: true };
}

/**
 * A measure of A's tiles minus that of B's.
 *
 * @param {Axes} a
 * @param {Axes} b
 * @returns {import("./measures.js").Values | null}
 */
export function valuesBetween(a, b) {
  const [own, others] = [a.values(), b.values()];
  if (!own || !others) return null;
  return own.map((row, layer) =>
    row.map((value, head) => {
      const other = others[layer]?.[head] ?? null;
      return value === null || other === null ? null : value - other;
    }),
  );
}
