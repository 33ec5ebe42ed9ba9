// What part of the atlas is seen: moved and magnified, never past its edges.

/** @typedef {{k: number, x: number, y: number}} Zoom a place p of the plan is seen at k p + (x, y) */
/** @typedef {{width: number, height: number}} Size */

/** So wide a tile becomes at most, CSS pixels. */
const NEAREST = 220;

/**
 * @param {number} tile width, where nothing is magnified
 * @returns {number} the largest factor
 */
export function mostZoom(tile) {
  return Math.max(1, NEAREST / Math.max(1, tile));
}

/**
 * Bring it back to where something is seen.
 *
 * @param {Zoom} zoom
 * @param {Size} content
 * @param {Size} room
 * @param {number} most
 */
export function clamp(zoom, content, room, most) {
  zoom.k = Math.min(most, Math.max(1, zoom.k));
  zoom.x = within(zoom.x, room.width - zoom.k * content.width);
  zoom.y = within(zoom.y, room.height - zoom.k * content.height);
}

/**
 * @param {number} at
 * @param {number} spare room that is left, negative where there is too little
 */
function within(at, spare) {
  return spare >= 0 ? 0 : Math.min(0, Math.max(spare, at));
}

/**
 * Magnify, a place of the page staying where it is.
 *
 * @param {Zoom} zoom
 * @param {number} factor
 * @param {number} x of the place, in the page's pixels
 * @param {number} y
 * @param {number} most
 */
export function zoomAt(zoom, factor, x, y, most) {
  const k = Math.min(most, Math.max(1, zoom.k * factor));
  const by = k / zoom.k;
  zoom.x = x - (x - zoom.x) * by;
  zoom.y = y - (y - zoom.y) * by;
  zoom.k = k;
}

/**
 * Move so that a rectangle of the plan is seen.
 *
 * @param {Zoom} zoom
 * @param {{x: number, y: number, w: number, h: number}} box
 * @param {Size} room
 * @param {{left: number, top: number}} covered by names along the edges
 */
export function reveal(zoom, { x, y, w, h }, room, { left, top }) {
  const [from, above] = [zoom.k * x + zoom.x, zoom.k * y + zoom.y];
  const right = from + zoom.k * w - room.width;
  const below = above + zoom.k * h - room.height;
  if (right > 0) zoom.x -= right;
  if (below > 0) zoom.y -= below;
  const [toLeft, toTop] = [left - (zoom.k * x + zoom.x), top - (zoom.k * y + zoom.y)];
  if (toLeft > 0) zoom.x += toLeft;
  if (toTop > 0) zoom.y += toTop;
}

/**
 * Rows of which a tile is seen.
 *
 * @param {import("./plan.js").Plan} plan
 * @param {Zoom} zoom
 * @param {Size} room
 * @returns {number[]}
 */
export function rowsSeen(plan, zoom, room) {
  const rows = new Set();
  for (let i = 0; i < plan.count; i++) {
    const [x, y] = [zoom.k * plan.x[i] + zoom.x, zoom.k * plan.y[i] + zoom.y];
    const seen = x < room.width && x + zoom.k * plan.w[i] > 0;
    if (plan.row[i] >= 0 && seen && y < room.height && y + zoom.k * plan.h[i] > 0)
      rows.add(plan.row[i]);
  }
  return [...rows];
}
