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
 * How much of every tile lies in the mask of a map, or in a region: Σ tile · inside / Σ tile, where
 * `inside` is the share of a cell's area that it takes. The kernel's `overlaps`.
 *
 * @param {import("./types.js").Tiles} tiles
 * @param {{values: ArrayLike<number>, height: number, width: number, max: number}} map
 * @param {{threshold: number, region: [number, number][] | null}} of a share of the map's maximum, or
 *   corners
 * @returns {{values: number[][], chance: number}} by layer and head, 0 to 1; the share of the image
 */
export function overlapsOf(tiles, map, { threshold, region }) {
  const level = levelOf(map.max, threshold);
  const mask = region
    ? Float64Array.from(cellsInside(region, map.height, map.width))
    : Float64Array.from(map.values, (value) => (value >= level ? 1 : 0));
  const values = tiles.tile.map(([height, width], layer) => {
    const inside = areaMean(mask, map.height, map.width, height, width);
    return tiles.scales[layer].map((_, head) => {
      const from = tiles.offsets[layer] + head * height * width;
      let part = 0;
      let whole = 0;
      for (let i = 0; i < inside.length; i++) {
        part += tiles.data[from + i] * inside[i];
        whole += tiles.data[from + i];
      }
      return whole > 0 ? part / whole : 0;
    });
  });
  return { values, chance: mask.reduce((sum, one) => sum + one, 0) / mask.length };
}

/**
 * Values on another grid: the mean of the cells that each new cell touches.
 *
 * @param {Float64Array} values (y, x)
 * @param {number} height
 * @param {number} width
 * @param {number} down height of the new grid
 * @param {number} across width of the new grid
 */
function areaMean(values, height, width, down, across) {
  const made = new Float64Array(down * across);
  for (let i = 0; i < down; i++) {
    const [top, bottom] = [Math.floor((i * height) / down), Math.ceil(((i + 1) * height) / down)];
    for (let j = 0; j < across; j++) {
      const left = Math.floor((j * width) / across);
      const right = Math.ceil(((j + 1) * width) / across);
      let sum = 0;
      for (let y = top; y < bottom; y++)
        for (let x = left; x < right; x++) sum += values[y * width + x];
      made[i * across + j] = sum / ((bottom - top) * (right - left));
    }
  }
  return made;
}

/**
 * Which cells of a grid lie in a polygon: those whose center does (even-odd rule).
 *
 * @param {[number, number][]} polygon corners [y, x], in shares of the image
 * @param {number} height
 * @param {number} width
 * @returns {Uint8Array} (y, x), 1 inside; the nearest cell alone where no center lies inside
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
