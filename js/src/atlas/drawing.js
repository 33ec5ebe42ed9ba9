// The atlas drawn: tiles on one canvas, what is chosen or pointed at on another over it.
/** @import { Plan } from "./plan.js" */
/** @import { Sheet } from "./sheet.js" */
/** @import { Style } from "./labels.js" */
/** @import { Values } from "./measures.js" */
/** @import { Zoom } from "./zoom.js" */
import { palette } from "../palettes.js";

const FADED = 0.5; // opacity of layers that are not in the choice, which are gray besides

/** @type {Map<string, string[]>} */
const strings = new Map();

/**
 * @param {string} name of a palette
 * @returns {string[]} its colors as CSS has them
 */
export function cssColors(name) {
  let list = strings.get(name);
  if (!list) {
    list = Array.from(palette(name), (c) => `rgb(${c & 255} ${(c >> 8) & 255} ${(c >> 16) & 255})`);
    strings.set(name, list);
  }
  return list;
}

/**
 * @typedef {object} Look
 * @property {(row: number) => boolean} isOut whether a layer is not in the choice
 * @property {string} colors
 * @property {boolean} maps whether tiles are maps, else one color each
 * @property {(row: number) => {sheet: Sheet, row: number} | null} sheet where a row's maps are
 * @property {number} first column that is the sheet's first
 * @property {Values | null} values by which a tile has its color
 * @property {[number, number]} range of the values
 * @property {Style} style
 */

/**
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {number} dots device pixels of one
 * @param {Plan} plan
 * @param {Zoom} zoom
 * @param {{width: number, height: number}} room
 * @param {Look} look
 * @returns {number} tiles that were drawn
 */
export function drawTiles(context, dots, plan, zoom, room, look) {
  const { maps, values, style, first } = look;
  const [low, high] = look.range;
  const factor = high > low ? 255 / (high - low) : 0;
  const [colors, gray] = [cssColors(look.colors), cssColors("gray")];
  const [tile, tall] = [plan.tile[0] * zoom.k, plan.tile[1] * zoom.k];
  const gap = gapOf(Math.min(tile, tall)) * dots;
  let drawn = 0;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  for (let i = 0; i < plan.count; i++) {
    const row = plan.row[i];
    if (row < 0) continue;
    const x = zoom.k * plan.x[i] + zoom.x;
    const y = zoom.k * plan.y[i] + zoom.y;
    if (x > room.width || y > room.height || x + tile < 0 || y + tall < 0) continue;
    drawn++;
    const left = Math.round(x * dots);
    const top = Math.round(y * dots);
    const wide = Math.max(1, Math.round((x + tile) * dots) - left - gap);
    const high2 = Math.max(1, Math.round((y + tall) * dots) - top - gap);
    const out = look.isOut(row);
    context.globalAlpha = out ? FADED : 1;
    const column = plan.column[i];
    const at = maps ? look.sheet(row) : null;
    if (at) {
      const { sheet } = at;
      context.imageSmoothingEnabled = wide < 2 * sheet.width;
      context.drawImage(
        sheet.canvas,
        (column - first) * sheet.width,
        at.row * sheet.height,
        sheet.width,
        sheet.height,
        left,
        top,
        wide,
        high2,
      );
      continue;
    }
    const value = column < 0 ? null : (values?.[row]?.[column] ?? null);
    if (value === null) {
      context.fillStyle = column < 0 || !values ? style.raised : "#8885";
      context.fillRect(left, top, wide, high2);
      if (column < 0 && values)
        ticks(context, values[row], low, high, left, top, wide, high2, style.ink);
      continue;
    }
    const place = factor > 0 ? ((value - low) * factor + 0.5) | 0 : 128;
    context.fillStyle = (out ? gray : colors)[place < 0 ? 0 : place > 255 ? 255 : place];
    context.fillRect(left, top, wide, high2);
  }
  context.globalAlpha = 1;
  return drawn;
}

/**
 * How a layer's heads are spread: a tick for each, the lowest value on the left.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {(number | null)[]} values
 * @param {number} low
 * @param {number} high
 * @param {number} left
 * @param {number} top
 * @param {number} wide
 * @param {number} tall
 * @param {string} ink
 */
function ticks(context, values, low, high, left, top, wide, tall, ink) {
  const alpha = context.globalAlpha;
  context.fillStyle = ink;
  context.globalAlpha = 0.55 * alpha;
  for (const value of values) {
    if (value === null) continue;
    const share = high > low ? (value - low) / (high - low) : 0.5;
    context.fillRect(left + Math.round(share * (wide - 1)), top + 1, 1, Math.max(1, tall - 2));
  }
  context.globalAlpha = alpha;
}

/** @param {number} tile CSS pixels */
function gapOf(tile) {
  return tile < 4 ? 0 : tile < 22 ? 1 : tile < 60 ? 2 : 3;
}

/**
 * Frames around tiles: those chosen, the one pointed at, the one that the keys move.
 *
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {Plan} plan
 * @param {Zoom} zoom
 * @param {{chosen: Uint8Array, pointed: number, active: number}} marks
 * @param {Style} style
 */
export function drawMarks(context, plan, zoom, { chosen, pointed, active }, style) {
  const frame = (
    /** @type {number} */ i,
    /** @type {string} */ color,
    /** @type {number} */ line,
  ) => {
    const gap = plan.row[i] < 0 ? 0 : gapOf(Math.min(...plan.tile) * zoom.k);
    context.strokeStyle = color;
    context.lineWidth = line;
    context.strokeRect(
      zoom.k * plan.x[i] + zoom.x - line / 4,
      zoom.k * plan.y[i] + zoom.y - line / 4,
      zoom.k * plan.w[i] - gap + line / 2,
      zoom.k * plan.h[i] - gap + line / 2,
    );
  };
  const line = plan.tile[0] * zoom.k < 14 ? 1.5 : 2.5;
  for (let i = 0; i < plan.count; i++) {
    if (!chosen[i] || plan.row[i] < 0) continue;
    frame(i, style.paper, line + 2);
    frame(i, style.chosen, line);
  }
  if (pointed >= 0) frame(pointed, style.ink, 1.5);
  if (active >= 0 && active < plan.count) {
    frame(active, style.paper, 4);
    frame(active, style.ink, 2);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number[]} line
 * @param {Style} style
 */
export function drawLasso(context, line, style) {
  if (line.length < 4) return;
  context.beginPath();
  context.moveTo(line[0], line[1]);
  for (let i = 2; i < line.length; i += 2) context.lineTo(line[i], line[i + 1]);
  context.closePath();
  context.strokeStyle = style.paper;
  context.lineWidth = 4;
  context.stroke();
  context.strokeStyle = style.chosen;
  context.lineWidth = 1.5;
  context.stroke();
}

/**
 * What a large tile is called, over its lower edge.
 *
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {Plan} plan
 * @param {Zoom} zoom
 * @param {{width: number, height: number}} room
 * @param {(row: number, column: number) => string[]} texts long ones first
 * @param {Style} style
 */
export function drawCaptions(context, plan, zoom, room, texts, style) {
  const [tile, tall] = [plan.tile[0] * zoom.k, plan.tile[1] * zoom.k];
  const high = style.size + 5;
  if (tall < 3.2 * high || tile < 40) return;
  context.font = `${style.size}px ${style.family}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (let i = 0; i < plan.count; i++) {
    if (plan.row[i] < 0) continue;
    const x = zoom.k * plan.x[i] + zoom.x;
    const y = zoom.k * plan.y[i] + zoom.y;
    if (x > room.width || y > room.height || x + tile < 0 || y + tall < 0) continue;
    const wide = tile - gapOf(tile);
    const text = texts(plan.row[i], plan.column[i]).find(
      (one) => context.measureText(one).width <= wide - 6,
    );
    if (!text) continue;
    const top = y + tall - gapOf(tile) - high;
    context.globalAlpha = 0.82;
    context.fillStyle = style.paper;
    context.fillRect(x, top, Math.min(wide, context.measureText(text).width + 6), high);
    context.globalAlpha = 1;
    context.fillStyle = style.ink;
    context.fillText(text, x + 3, top + high / 2);
  }
}
