// Lines of equal value by marching squares, joined into closed curves so that they can be dashed.

/**
 * Curves of one field and level. `points` holds (x, y) pairs in samples, the center of the first
 * sample being (0.5, 0.5); curve i is points `starts[i]` to `starts[i + 1]`.
 */
export class Contours {
  constructor() {
    this.points = new Float32Array(4096);
    this.starts = new Int32Array(256);
    this.count = 0; // curves
    this.length = 0; // points
    this.codes = new Uint8Array(0);
  }

  /**
   * Find the curves around the values at or above `level`. Outside the field everything counts
   * as 0, so that every curve is closed.
   *
   * @param {Float32Array} field (y, x)
   * @param {number} height
   * @param {number} width
   * @param {number} level
   */
  find(field, height, width, level) {
    this.count = 0;
    this.length = 0;
    this.starts[0] = 0;
    if (!(level > 0) || level === Infinity) return this;
    const across = width + 1;
    const cells = (height + 1) * across;
    if (this.codes.length < cells) this.codes = new Uint8Array(cells);
    const codes = this.codes;
    // Cell (i, j) has its corners at samples (i - 1, j - 1) to (i, j). Bits: top left 8,
    // top right 4, bottom right 2, bottom left 1.
    codes.fill(0, 0, cells);
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        if (field[i * width + j] < level) continue;
        const cell = i * across + j;
        codes[cell] |= 2;
        codes[cell + 1] |= 1;
        codes[cell + across] |= 4;
        codes[cell + across + 1] |= 8;
      }
    }
    for (let cell = 0; cell < cells; cell++) {
      // A cell with two lines (saddle) is visited twice: each walk takes one line away.
      while (codes[cell] !== 0 && codes[cell] !== 15) {
        this.#walk(field, height, width, level, cell);
      }
    }
    return this;
  }

  /**
   * Follow one curve from `cell` until it closes, the inside to its left.
   *
   * @param {Float32Array} field
   * @param {number} height
   * @param {number} width
   * @param {number} level
   * @param {number} cell
   */
  #walk(field, height, width, level, cell) {
    const across = width + 1;
    let i = Math.floor(cell / across);
    let j = cell - i * across;
    let from = -1; // side of entry: 0 top, 1 right, 2 bottom, 3 left
    const first = this.length;
    for (;;) {
      const place = i * across + j;
      const to = this.#leave(place, from);
      if (to < 0) break;
      this.#cross(field, height, width, level, i, j, to);
      if (to === 0) i--;
      else if (to === 1) j++;
      else if (to === 2) i++;
      else j--;
      from = (to + 2) % 4;
    }
    if (this.length - first < 3) {
      this.length = first;
      return;
    }
    this.count++;
    if (this.starts.length <= this.count) {
      const longer = new Int32Array(this.starts.length * 2);
      longer.set(this.starts);
      this.starts = longer;
    }
    this.starts[this.count] = this.length;
  }

  /**
   * Take the line that enters `cell` at side `from` out of it, and say where it leaves; -1 where
   * the curve has come back to its beginning.
   *
   * @param {number} cell
   * @param {number} from
   */
  #leave(cell, from) {
    const code = this.codes[cell];
    const lines = LINES[code];
    for (let k = 0; k < lines.length; k += 3) {
      if (from < 0 || lines[k] === from) {
        this.codes[cell] = lines[k + 2];
        return lines[k + 1];
      }
    }
    return -1;
  }

  /**
   * Add the point where the curve crosses `side` of cell (i, j).
   *
   * @param {Float32Array} field
   * @param {number} height
   * @param {number} width
   * @param {number} level
   * @param {number} i
   * @param {number} j
   * @param {number} side
   */
  #cross(field, height, width, level, i, j, side) {
    // The two samples at the ends of the side: (y0, x0) and one further right or down.
    const y0 = side === 2 ? i : i - 1;
    const x0 = side === 1 ? j : j - 1;
    const across = side === 0 || side === 2;
    const a = sample(field, height, width, y0, x0);
    const b = across
      ? sample(field, height, width, y0, x0 + 1)
      : sample(field, height, width, y0 + 1, x0);
    const t = a === b ? 0.5 : (level - a) / (b - a);
    const x = across ? x0 + t : x0;
    const y = across ? y0 : y0 + t;
    if (this.points.length < (this.length + 1) * 2) {
      const longer = new Float32Array(this.points.length * 2);
      longer.set(this.points);
      this.points = longer;
    }
    this.points[this.length * 2] = Math.min(width, Math.max(0, x + 0.5));
    this.points[this.length * 2 + 1] = Math.min(height, Math.max(0, y + 0.5));
    this.length++;
  }

  /**
   * Put the curves on a canvas path.
   *
   * @param {{moveTo(x: number, y: number): void, lineTo(x: number, y: number): void,
   *   closePath(): void}} path
   * @param {number} sx canvas units per sample
   * @param {number} sy
   */
  trace(path, sx, sy) {
    for (let c = 0; c < this.count; c++) {
      const start = this.starts[c];
      path.moveTo(this.points[start * 2] * sx, this.points[start * 2 + 1] * sy);
      for (let p = start + 1; p < this.starts[c + 1]; p++) {
        path.lineTo(this.points[p * 2] * sx, this.points[p * 2 + 1] * sy);
      }
      path.closePath();
    }
  }
}

/**
 * @param {Float32Array} field
 * @param {number} height
 * @param {number} width
 * @param {number} y
 * @param {number} x
 */
function sample(field, height, width, y, x) {
  return y < 0 || x < 0 || y >= height || x >= width ? 0 : field[y * width + x];
}

// For each code: (side of entry, side of exit, code that is left) per line, inside to the left.
// Sides: 0 top, 1 right, 2 bottom, 3 left.
const LINES = [
  [],
  [2, 3, 0], // bottom left
  [1, 2, 0], // bottom right
  [1, 3, 0], // bottom
  [0, 1, 0], // top right
  [0, 1, 1, 2, 3, 4], // top right and bottom left
  [0, 2, 0], // right
  [0, 3, 0], // all but top left
  [3, 0, 0], // top left
  [2, 0, 0], // left
  [3, 0, 2, 1, 2, 8], // top left and bottom right
  [1, 0, 0], // all but top right
  [3, 1, 0], // top
  [2, 1, 0], // all but bottom right
  [3, 2, 0], // all but bottom left
  [],
];
