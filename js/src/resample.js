// Bicubic enlargement as torch.nn.functional.interpolate does it (mode "bicubic", A = -0.75,
// align_corners false), as two passes with weights that are made once per pair of sizes.

/** Longer side of what is drawn, at least: small grids are enlarged before they get colors. */
const DRAWN = 128;

/** @typedef {{index: Int32Array, weight: Float32Array}} Axis */

/** @param {number} t */
function cubic(t) {
  const A = -0.75;
  const x = Math.abs(t);
  if (x <= 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
  if (x < 2) return ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
  return 0;
}

/**
 * Four places and weights for each output sample.
 *
 * @param {number} from
 * @param {number} to
 * @returns {Axis}
 */
function axis(from, to) {
  const index = new Int32Array(to * 4);
  const weight = new Float32Array(to * 4);
  for (let i = 0; i < to; i++) {
    const center = ((i + 0.5) * from) / to - 0.5;
    const base = Math.floor(center);
    for (let k = 0; k < 4; k++) {
      const place = base - 1 + k;
      index[i * 4 + k] = Math.min(from - 1, Math.max(0, place));
      weight[i * 4 + k] = cubic(center - place);
    }
  }
  return { index, weight };
}

/** Brings maps of one size to another, into memory of its own. */
export class Raiser {
  /**
   * @param {number} height
   * @param {number} width
   * @param {number} toHeight
   * @param {number} toWidth
   */
  constructor(height, width, toHeight, toWidth) {
    this.from = [height, width];
    this.height = toHeight;
    this.width = toWidth;
    this.rows = axis(height, this.height);
    this.columns = axis(width, this.width);
    this.wide = new Float32Array(height * this.width);
    this.values = new Float32Array(this.height * this.width);
    this.same = height === toHeight && width === toWidth;
  }

  /**
   * @param {Float32Array} map (y, x)
   * @returns {Float32Array} (height, width), >= 0; written again by the next call
   */
  raise(map) {
    if (this.same) return map;
    const [h, w] = this.from;
    const { wide, values, width, height } = this;
    const { index, weight } = this.columns;
    for (let i = 0; i < h; i++) {
      const row = i * w;
      for (let j = 0; j < width; j++) {
        const k = j * 4;
        wide[i * width + j] =
          map[row + index[k]] * weight[k] +
          map[row + index[k + 1]] * weight[k + 1] +
          map[row + index[k + 2]] * weight[k + 2] +
          map[row + index[k + 3]] * weight[k + 3];
      }
    }
    const down = this.rows;
    for (let i = 0; i < height; i++) {
      const k = i * 4;
      const w0 = down.weight[k];
      const w1 = down.weight[k + 1];
      const w2 = down.weight[k + 2];
      const w3 = down.weight[k + 3];
      const r0 = down.index[k] * width;
      const r1 = down.index[k + 1] * width;
      const r2 = down.index[k + 2] * width;
      const r3 = down.index[k + 3] * width;
      for (let j = 0; j < width; j++) {
        const value = wide[r0 + j] * w0 + wide[r1 + j] * w1 + wide[r2 + j] * w2 + wide[r3 + j] * w3;
        values[i * width + j] = value > 0 ? value : 0;
      }
    }
    return values;
  }
}

/** Enlarges maps of one size by a whole factor. */
export class Enlarger extends Raiser {
  /**
   * @param {number} height
   * @param {number} width
   * @param {number} [drawn] longer side of the result, at least
   */
  constructor(height, width, drawn = DRAWN) {
    const factor = Math.max(1, Math.ceil(drawn / Math.max(height, width)));
    super(height, width, height * factor, width * factor);
  }

  /**
   * @param {Float32Array} map (y, x)
   * @returns {Float32Array} (height, width), >= 0; written again by the next call
   */
  enlarge(map) {
    return this.raise(map);
  }
}

/** @type {Map<string, Enlarger>} */
const made = new Map();

/**
 * @param {number} height
 * @param {number} width
 * @param {string} use two maps that are alive at once need two
 * @returns {Enlarger}
 */
export function enlarger(height, width, use) {
  const key = `${height},${width},${use}`;
  let found = made.get(key);
  if (!found) {
    found = new Enlarger(height, width);
    made.set(key, found);
  }
  return found;
}
