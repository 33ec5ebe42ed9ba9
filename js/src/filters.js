// Maps in 8 bits that were written as differences of neighbors: daam_nb/show/explorer/export/filters.py.
/** @import { Part } from "./types.js" */

/**
 * Add the differences up again, in place.
 *
 * @param {Uint8Array} bytes blocks (t, y, x), one behind the other
 * @param {Part} part `filter` names the axes, `blocks` the shapes
 */
export function restore(bytes, { filter = "", blocks = [] }) {
  let at = 0;
  for (const [t, y, x] of blocks) {
    const block = bytes.subarray(at, at + t * y * x);
    const strides = /** @type {Record<string, number>} */ ({ t: y * x, y: x, x: 1 });
    const lengths = /** @type {Record<string, number>} */ ({ t, y, x });
    for (const axis of [...filter].reverse()) accumulate(block, strides[axis], lengths[axis]);
    at += t * y * x;
  }
}

/**
 * @param {Uint8Array} block
 * @param {number} stride of the axis
 * @param {number} length of it
 */
function accumulate(block, stride, length) {
  const whole = stride * length;
  for (let i = 0; i < block.length; i++) {
    if (i % whole >= stride) block[i] += block[i - stride]; // modulo 256, as bytes are
  }
}
