// The preview: the mean of per-step maps over any range of steps, from prefix sums.
/** @import { Sums } from "./types.js" */

/**
 * Add a stack up along its steps.
 *
 * @param {Uint8Array} counts (step, y, x)
 * @param {number[]} scales value of one count, by step
 * @param {number[]} shape [steps, height, width]
 * @returns {Sums} `sums` is (step + 1, y, x): its row t is the sum of the first t maps
 */
export function prefixSums(counts, scales, shape) {
  const [steps, height, width] = shape;
  const size = height * width;
  if (counts.length !== steps * size || scales.length !== steps) {
    throw new RangeError(
      `a stack of ${counts.length} bytes and ${scales.length} scales is not of shape ${shape}`,
    );
  }
  const sums = new Float64Array((steps + 1) * size);
  for (let t = 0; t < steps; t++) {
    const scale = scales[t];
    const from = t * size;
    for (let i = 0; i < size; i++)
      sums[from + size + i] = sums[from + i] + counts[from + i] * scale;
  }
  return { steps, height, width, sums, counts, scales: Float64Array.from(scales) };
}

/**
 * Write the mean map of the steps [lo, hi) into `out` and return its largest value.
 *
 * @param {Sums} stack
 * @param {number} lo
 * @param {number} hi
 * @param {Float32Array} out (y, x)
 * @returns {number}
 */
export function meanOver(stack, lo, hi, out) {
  const size = stack.height * stack.width;
  const first = lo * size;
  const last = hi * size;
  const share = 1 / (hi - lo);
  const sums = stack.sums;
  let max = 0;
  for (let i = 0; i < size; i++) {
    // Differences of rounded sums may fall below zero by one part in 10^16.
    const value = Math.max(0, (sums[last + i] - sums[first + i]) * share);
    out[i] = value;
    if (value > max) max = value;
  }
  return max;
}
