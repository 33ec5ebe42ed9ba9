// Masks and how two of them overlap (Tang et al. 2023, eq. 7 and section 4).

/** @typedef {{iou: number, iod: number, ioh: number, both: number, a: number, b: number}} Overlap */

/**
 * @param {ArrayLike<number>} values
 * @returns {number} the largest, at least 0
 */
export function largest(values) {
  let max = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > max) max = values[i];
  return max;
}

/**
 * The level of a mask: values at or above it belong to it. A map that is zero everywhere has none.
 *
 * @param {number} max
 * @param {number} threshold share of the maximum
 */
export function levelOf(max, threshold) {
  return max > 0 ? threshold * max : Infinity;
}

/**
 * How the masks of two maps of one grid overlap. A is the head word and B the dependent:
 * iod = |A and B| / |B|, ioh = |A and B| / |A|; 0 where what is divided by is empty.
 *
 * @param {ArrayLike<number>} a
 * @param {number} levelA
 * @param {ArrayLike<number>} b
 * @param {number} levelB
 * @param {Overlap} out
 * @returns {Overlap} `out`
 */
export function overlap(a, levelA, b, levelB, out) {
  let both = 0;
  let inA = 0;
  let inB = 0;
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const isA = a[i] >= levelA ? 1 : 0;
    const isB = b[i] >= levelB ? 1 : 0;
    inA += isA;
    inB += isB;
    both += isA & isB;
  }
  out.both = both;
  out.a = inA;
  out.b = inB;
  const either = inA + inB - both;
  out.iou = either > 0 ? both / either : 0;
  out.iod = inB > 0 ? both / inB : 0;
  out.ioh = inA > 0 ? both / inA : 0;
  return out;
}

/**
 * Which cells of a grid lie in a polygon: those whose centre does (even-odd rule).
 *
 * @param {[number, number][]} polygon corners [y, x], in shares of the picture
 * @param {number} height
 * @param {number} width
 * @returns {Uint8Array} (y, x), 1 inside; the nearest cell alone where no centre lies inside
 */
export function cellsInside(polygon, height, width) {
  const inside = new Uint8Array(height * width);
  let any = false;
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      if (isInside(polygon, (i + 0.5) / height, (j + 0.5) / width)) {
        inside[i * width + j] = 1;
        any = true;
      }
    }
  }
  if (!any && polygon.length > 0) {
    const y = polygon.reduce((sum, p) => sum + p[0], 0) / polygon.length;
    const x = polygon.reduce((sum, p) => sum + p[1], 0) / polygon.length;
    inside[cellOf(y, height) * width + cellOf(x, width)] = 1;
  }
  return inside;
}

/**
 * @param {number} share position, 0 to 1
 * @param {number} cells
 */
export function cellOf(share, cells) {
  return Math.min(cells - 1, Math.max(0, Math.floor(share * cells)));
}

/**
 * @param {[number, number][]} polygon
 * @param {number} y
 * @param {number} x
 */
function isInside(polygon, y, x) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [yi, xi] = polygon[i];
    const [yj, xj] = polygon[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
