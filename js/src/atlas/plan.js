// Where every tile of the atlas lies: rows of layers, in as many columns as make the tiles largest.

/** Room above the tiles for the numbers of the columns, and left of them for a block's name, CSS pixels. */
export const HEADER = 15;
export const BAND = 15;
const MARGIN = 4; // between a label and its tile
const BETWEEN = 12; // two panels
const LARGEST = 150; // a tile
const PANELS = 6;
/** Another panel must make the tiles larger by this factor, and an end of a block may cost as much. */
const WORTH = 1.12;

/** @typedef {{label: string, block: string, stage: string, size: string, columns: number, layer: number}}
 *   Row what a row is called, how many columns it has, and the number of its layer */
/** @typedef {{first: number, end: number, columns: number, x: number, y: number, left: number}} Panel rows
 *   from `first` to before `end`; `x`, `y`: of their first tile; `left`: where their names begin */
/** @typedef {{count: number, row: Int16Array, column: Int16Array, x: Float32Array, y: Float32Array,
 *   w: Float32Array, h: Float32Array, tile: [number, number], panels: Panel[], width: number,
 *   height: number, gutter: number, ranked: boolean}} Plan tiles and, with the row -1, the numbers of the columns;
 *   CSS pixels where nothing is magnified */

/**
 * Rows below each other, those of a block together where that costs little.
 *
 * @param {Row[]} rows
 * @param {{width: number, height: number, aspect: number, names: number, all: boolean}} room `aspect`: width
 *   of a tile by its height; `names`: width of the widest name of a row; `all`: whether the first
 *   column, -1, is that of the whole row
 * @returns {Plan}
 */
export function planOf(rows, room) {
  let best = null;
  for (let panels = 1; panels <= Math.min(PANELS, rows.length); panels++) {
    const even = sized(rows, evenEnds(rows.length, panels), room);
    const whole = sized(rows, blockEnds(rows, panels), room);
    const own = whole.tile * WORTH >= even.tile ? whole : even;
    if (!best || own.tile > best.tile * WORTH) best = own;
  }
  return placed(rows, /** @type {Sized} */ (best), room);
}

/** @typedef {{ends: number[], columns: number[], tile: number}} Sized */

/**
 * @param {Row[]} rows
 * @param {number[]} ends of the panels
 * @param {{width: number, height: number, aspect: number, names: number, all: boolean}} room
 * @returns {Sized} width of a tile
 */
function sized(rows, ends, { width, height, aspect, names, all }) {
  const columns = ends.map((end, p) =>
    Math.max(1, ...rows.slice(ends[p - 1] ?? 0, end).map((row) => row.columns)),
  );
  const most = Math.max(...ends.map((end, p) => end - (ends[p - 1] ?? 0)));
  const across = columns.reduce((sum, count) => sum + count + (all ? 1 : 0), 0);
  const used = ends.length * gutter(names) + (ends.length - 1) * BETWEEN + ends.length * apart(all);
  const tile = Math.min(
    LARGEST,
    (width - used) / across,
    LARGEST * aspect,
    (aspect * (height - HEADER)) / most,
  );
  return { ends, columns, tile: Math.max(2, tile) };
}

/** @param {number} names width of the widest */
export function gutter(names) {
  return BAND + names + MARGIN;
}

/** @param {boolean} all whether there is a column of the whole rows, which stands a little apart */
function apart(all) {
  return all ? 4 : 0;
}

/**
 * @param {number} count
 * @param {number} panels
 */
function evenEnds(count, panels) {
  return Array.from({ length: panels }, (_, p) => Math.round(((p + 1) * count) / panels));
}

/**
 * @param {Row[]} rows
 * @param {number} panels
 */
function blockEnds(rows, panels) {
  const ends = rows.flatMap((row, i) => (i && row.block !== rows[i - 1].block ? [i] : []));
  const near = evenEnds(rows.length, panels).slice(0, -1);
  const nearest = near.map((even) =>
    ends.reduce(
      (best, end) => (Math.abs(end - even) < Math.abs(best - even) ? end : best),
      even * 9,
    ),
  );
  const chosen = [...new Set(nearest.filter((end) => end < rows.length))].sort((a, b) => a - b);
  return [...chosen, rows.length];
}

/**
 * @param {Row[]} rows
 * @param {Sized} sizes
 * @param {{width: number, height: number, aspect: number, names: number, all: boolean}} room
 * @returns {Plan}
 */
function placed(rows, { ends, columns, tile }, { aspect, names, all }) {
  const first = all ? -1 : 0;
  const heads = rows.reduce((sum, row) => sum + row.columns - first, 0);
  const plan = empty(heads + columns.reduce((sum, count) => sum + count - first, 0));
  const high = tile / aspect;
  plan.tile = [tile, high];
  plan.gutter = gutter(names);
  let left = 0;
  let n = 0;
  const put = (/** @type {number[]} */ ...place) => fill(plan, n++, place);
  ends.forEach((end, p) => {
    const from = ends[p - 1] ?? 0;
    const x = left + gutter(names);
    const at = (/** @type {number} */ column) =>
      x + (column < 0 ? 0 : (column - first) * tile + apart(all));
    for (let column = first; column < columns[p]; column++)
      put(-1, column, at(column), 0, tile, HEADER);
    for (let r = from; r < end; r++) {
      const y = HEADER + (r - from) * high;
      for (let column = first; column < rows[r].columns; column++)
        put(r, column, at(column), y, tile, high);
    }
    plan.panels.push({ first: from, end, columns: columns[p], x, y: HEADER, left });
    left = at(columns[p] - 1) + tile + BETWEEN;
    plan.height = Math.max(plan.height, HEADER + (end - from) * high);
  });
  plan.width = left - BETWEEN;
  return plan;
}

/**
 * One after the other, as many in a row as make the tiles largest.
 *
 * @param {{row: number, column: number}[]} order
 * @param {{width: number, height: number, aspect: number}} room
 * @returns {Plan}
 */
export function rankedPlan(order, { width, height, aspect }) {
  const count = order.length;
  let across = Math.max(1, Math.ceil(width / (LARGEST * Math.max(1, aspect))));
  const fits = (/** @type {number} */ n) => (Math.ceil(count / n) * width) / n / aspect <= height;
  while (across < count && !fits(across)) across++;
  const tile = width / across;
  const plan = empty(count);
  plan.ranked = true;
  plan.tile = [tile, tile / aspect];
  order.forEach(({ row, column }, i) => {
    const [x, y] = [(i % across) * tile, (Math.floor(i / across) * tile) / aspect];
    fill(plan, i, [row, column, x, y, tile, tile / aspect]);
  });
  plan.width = Math.min(count, across) * tile;
  plan.height = (Math.ceil(count / across) * tile) / aspect;
  return plan;
}

/**
 * @param {number} count
 * @returns {Plan}
 */
function empty(count) {
  const floats = () => new Float32Array(count);
  return {
    count,
    row: new Int16Array(count),
    column: new Int16Array(count),
    x: floats(),
    y: floats(),
    w: floats(),
    h: floats(),
    tile: [1, 1],
    panels: [],
    width: 0,
    height: 0,
    gutter: 0,
    ranked: false,
  };
}

/**
 * @param {Plan} plan
 * @param {number} n
 * @param {number[]} place row, column, x, y, width, height
 */
function fill(plan, n, [row, column, x, y, w, h]) {
  plan.row[n] = row;
  plan.column[n] = column;
  plan.x[n] = x;
  plan.y[n] = y;
  plan.w[n] = w;
  plan.h[n] = h;
}

/**
 * @param {Plan} plan
 * @param {number} row -1: the numbers of the columns
 * @param {number} column
 * @returns {number} -1 where there is none
 */
export function indexOf(plan, row, column) {
  for (let i = 0; i < plan.count; i++)
    if (plan.row[i] === row && plan.column[i] === column) return i;
  return -1;
}

/**
 * @param {Plan} plan
 * @param {number} x
 * @param {number} y
 * @returns {number} the tile there, -1 where there is none, or the number of a column
 */
export function tileAt(plan, x, y) {
  for (let i = 0; i < plan.count; i++) {
    if (plan.row[i] < 0) continue;
    const [dx, dy] = [x - plan.x[i], y - plan.y[i]];
    if (dx >= 0 && dy >= 0 && dx < plan.w[i] && dy < plan.h[i]) return i;
  }
  return -1;
}

/**
 * The next tile in a direction.
 *
 * @param {Plan} plan
 * @param {number} from
 * @param {number} dx
 * @param {number} dy
 * @returns {number} -1 where there is none
 */
export function nextTile(plan, from, dx, dy) {
  let best = -1;
  let least = Infinity;
  const middle = (/** @type {number} */ i) => [
    plan.x[i] + plan.w[i] / 2,
    plan.y[i] + plan.h[i] / 2,
  ];
  const [x, y] = middle(from);
  for (let i = 0; i < plan.count; i++) {
    const [mx, my] = middle(i);
    const along = (mx - x) * dx + (my - y) * dy;
    const aside = Math.abs((mx - x) * dy) + Math.abs((my - y) * dx);
    if (along <= 0.5 || aside > 0.6 * plan.tile[dx ? 1 : 0]) continue;
    if (along + 3 * aside < least) {
      least = along + 3 * aside;
      best = i;
    }
  }
  return best;
}

/**
 * The first or last tile of a line of tiles.
 *
 * @param {Plan} plan
 * @param {number} from
 * @param {number} way 1 or -1
 * @returns {number}
 */
export function lineEnd(plan, from, way) {
  for (let i = from; ; ) {
    const next = nextTile(plan, i, way, 0);
    if (next < 0) return i;
    i = next;
  }
}

/**
 * Which of some labels along a line are written, so that none touches another.
 *
 * @param {number} count
 * @param {number} step from one place to the next
 * @param {number} needed room of the largest label
 * @returns {number} every how many-th
 */
export function everyOf(count, step, needed) {
  for (const every of [1, 2, 5, 10, 20, 50]) if (every * step >= needed) return every;
  return Math.max(100, count);
}
