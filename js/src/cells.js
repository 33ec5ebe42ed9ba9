// Where the cells of the grid lie, and which of them is next to another.

/** @typedef {{layers: number[], head: number, x: number, y: number, size: number}} Cell */

/**
 * @template {HTMLElement} T
 * @param {T} node
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
export function at(node, x, y, width, height) {
  Object.assign(node.style, {
    left: `${x}px`,
    top: `${y}px`,
    width: `${width}px`,
    height: `${height}px`,
  });
  return node;
}

/**
 * The nearest cell in a direction.
 *
 * @param {Cell[]} cells
 * @param {Cell} from
 * @param {number} dx
 * @param {number} dy
 */
export function nearest(cells, from, dx, dy) {
  let best = -1;
  let least = Infinity;
  cells.forEach((cell, i) => {
    const [x, y] = [cell.x - from.x, cell.y - from.y];
    const along = x * dx + y * dy;
    const aside = Math.abs(x * dy) + Math.abs(y * dx);
    if (along <= 1 || (dx !== 0 && aside > 1)) return;
    const far = along + 3 * aside;
    if (far < least) {
      least = far;
      best = i;
    }
  });
  return best;
}
