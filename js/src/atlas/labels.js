// Names of blocks, rows and columns: beside the tiles, or along the edges where these are magnified.
/** @import { Panel, Plan, Row } from "./plan.js" */
/** @import { Zoom } from "./zoom.js" */
import { BAND, everyOf, HEADER } from "./plan.js";

/** @typedef {{ink: string, soft: string, paper: string, raised: string, chosen: string, family: string,
 *   size: number}} Style colors and font of what is written */
/** @typedef {{rows: Row[], columnName: (column: number) => string,
 *   isRow: (row: number) => boolean, isColumn: (column: number) => boolean,
 *   isOut: (row: number) => boolean}} Named what rows and columns are called, which are chosen, and
 *   which rows do not count */

const PAD = 4;

/**
 * @param {Element} element whose colors and font they are
 * @param {boolean} large for a lecture hall
 * @returns {Style}
 */
export function styleOf(element, large) {
  const css = getComputedStyle(element);
  const color = (/** @type {string} */ name) => css.getPropertyValue(`--daam-${name}`).trim();
  return {
    ink: color("ink"),
    soft: color("soft"),
    paper: color("paper"),
    raised: color("raised"),
    chosen: color("a"),
    family: css.fontFamily,
    size: large ? 14 : 10,
  };
}

/** @param {CanvasRenderingContext2D} context @param {Style} style @param {boolean} [bold] */
function pen(context, { size, family }, bold = false) {
  context.font = `${bold ? "600 " : ""}${size}px ${family}`;
  context.textBaseline = "middle";
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Style} style
 * @param {string[]} texts
 * @returns {number} width of the widest
 */
export function widest(context, style, texts) {
  pen(context, style, true);
  return texts.reduce((most, text) => Math.max(most, context.measureText(text).width), 0);
}

/**
 * Where a panel is on the page.
 *
 * @param {Plan} plan
 * @param {Panel} panel
 * @param {Zoom} zoom
 */
function seen(plan, panel, { k, x, y }) {
  const [w, h] = [plan.tile[0] * k, plan.tile[1] * k];
  const left = k * panel.x + x;
  const top = k * panel.y + y;
  const first = plan.row.findIndex((row, i) => row === -1 && plan.x[i] >= panel.x - 0.01);
  const offset = first >= 0 && plan.column[first] === -1 ? 4 * k : 0; // the column of all stands apart
  const right = left + panel.columns * w + (offset > 0 ? w + offset : 0);
  const bottom = top + (panel.end - panel.first) * h;
  return { w, h, left, top, right, bottom, offset };
}

/**
 * Write all names.
 *
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {Plan} plan
 * @param {Zoom} zoom
 * @param {{width: number, height: number}} room
 * @param {Named} named
 * @param {Style} style
 */
export function drawLabels(context, plan, zoom, room, named, style) {
  for (const panel of plan.panels) {
    const place = seen(plan, panel, zoom);
    if (place.right < 0 || place.left - plan.gutter > room.width || place.bottom < 0) continue;
    columns(context, plan, panel, place, room, named, style);
    rows(context, plan, panel, place, room, named, style);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Plan} plan
 * @param {Panel} panel
 * @param {ReturnType<typeof seen>} place
 * @param {{width: number, height: number}} room
 * @param {Named} named
 * @param {Style} style
 */
function columns(context, plan, panel, place, room, { columnName, isColumn }, style) {
  const { left, right, top, w, offset } = place;
  if (top < HEADER - 0.5) {
    context.fillStyle = style.paper;
    context.fillRect(left, 0, right - left, HEADER);
  }
  const y = Math.max(top - HEADER / 2, HEADER / 2);
  const first = offset > 0 ? -1 : 0;
  const at = (/** @type {number} */ column) =>
    left + (column < 0 ? 0 : offset + (column - first) * w) + w / 2;
  pen(context, style);
  context.textAlign = "center";
  const needed = context.measureText(columnName(panel.columns - 1)).width + PAD;
  const every = everyOf(panel.columns, w, needed);
  let free = -Infinity;
  for (let column = first; column < panel.columns; column++) {
    const chosen = isColumn(column);
    if (column > 0 && column % every && !chosen) continue;
    const text = columnName(column);
    pen(context, style, chosen);
    const half = context.measureText(text).width / 2;
    const x = Math.max(at(column), plan.gutter * 0 + half + 1);
    if (x - half < free || x + half > room.width || at(column) < -w) continue;
    free = x + half + PAD / 2;
    context.fillStyle = chosen ? style.chosen : style.soft;
    context.fillText(text, x, y);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Plan} plan
 * @param {Panel} panel
 * @param {ReturnType<typeof seen>} place
 * @param {{width: number, height: number}} room
 * @param {Named} named
 * @param {Style} style
 */
function rows(context, plan, panel, { left, top, right, h }, room, named, style) {
  const edge = Math.max(left, plan.gutter);
  if (edge > right) return;
  if (left < plan.gutter - 0.5) {
    context.fillStyle = style.paper;
    context.fillRect(0, Math.max(0, top - HEADER), plan.gutter, room.height);
  }
  const every = everyOf(panel.end - panel.first, h, style.size + 1);
  const above = top < HEADER ? HEADER : 0;
  const at = (/** @type {number} */ row) => top + (row - panel.first) * h;
  context.textAlign = "right";
  let start = panel.first;
  for (let row = panel.first; row < panel.end; row++) {
    if (named.rows[row].block !== named.rows[start].block) start = row;
    const y = at(row) + h / 2;
    const chosen = named.isRow(row);
    if ((row - start) % every && !chosen) continue;
    if (y < above + style.size / 2 || y > room.height - style.size / 2 + 1) continue;
    pen(context, style, chosen);
    context.fillStyle = chosen ? style.chosen : named.isOut(row) ? style.soft : style.ink;
    context.fillText(named.rows[row].label, edge - PAD, y);
  }
  const band = edge - plan.gutter;
  for (let from = panel.first; from < panel.end; ) {
    let to = from;
    while (to < panel.end && named.rows[to].block === named.rows[from].block) to++;
    block(
      context,
      named.rows[from],
      band,
      Math.max(at(from), above),
      Math.min(at(to), room.height),
      style,
    );
    from = to;
  }
}

/**
 * A block's name along its rows, as much of it as there is room for.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Row} row
 * @param {number} x
 * @param {number} top
 * @param {number} bottom
 * @param {Style} style
 */
function block(context, row, x, top, bottom, style) {
  const long = bottom - top - 2;
  if (long < 3) return;
  context.fillStyle = style.raised;
  context.fillRect(x, top + 1, BAND - 2, long);
  pen(context, { ...style, size: style.size - 0.5 });
  const texts = [`${row.block} · ${row.size}`, row.block, row.block.replace(/^(\w)\w* ?/, "$1")];
  const text = texts.find((one) => context.measureText(one).width <= long - 2);
  if (!text) return;
  context.save();
  context.translate(x + (BAND - 2) / 2, (top + bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillStyle = style.soft;
  context.fillText(text, 0, 0.5);
  context.restore();
}

/**
 * What is named at a place of the page.
 *
 * @param {Plan} plan
 * @param {Zoom} zoom
 * @param {number} x
 * @param {number} y
 * @returns {{row: number} | {block: number} | {column: number} | null} `block`: a row of it
 */
export function labelAt(plan, zoom, x, y) {
  for (const panel of plan.panels) {
    const { left, right, top, bottom, w, h, offset } = seen(plan, panel, zoom);
    const edge = Math.max(left, plan.gutter);
    const under = Math.max(top, HEADER);
    if (x >= edge && x < right && y < under && y >= under - HEADER) {
      if (offset > 0 && x < left + w) return { column: -1 };
      const column = Math.floor((x - left - offset) / w) - (offset > 0 ? 1 : 0);
      if (column >= 0 && column < panel.columns) return { column };
    }
    const band = edge - plan.gutter;
    if (x >= band && x < edge && edge <= right && y >= Math.max(top, 0) && y < bottom) {
      const row = panel.first + Math.floor((y - top) / h);
      if (row >= panel.first && row < panel.end) return x < band + BAND ? { block: row } : { row };
    }
  }
  return null;
}
