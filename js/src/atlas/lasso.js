// Which tiles a line drawn by hand goes around.
/** @import { Plan } from "./plan.js" */

/**
 * Tiles whose middle lies within a closed line (even-odd rule).
 *
 * @param {Plan} plan
 * @param {number[]} line x, y, x, y, ... of the plan
 * @returns {number[]} numbers of tiles; not of the numbers above the columns
 */
export function encircled(plan, line) {
  const inside = [];
  for (let i = 0; i < plan.count; i++) {
    if (plan.row[i] < 0) continue;
    if (holds(line, plan.x[i] + plan.w[i] / 2, plan.y[i] + plan.h[i] / 2)) inside.push(i);
  }
  return inside;
}

/**
 * @param {number[]} line
 * @param {number} x
 * @param {number} y
 */
function holds(line, x, y) {
  let inside = false;
  for (let i = 0, j = line.length - 2; i < line.length; j = i, i += 2) {
    const [xi, yi, xj, yj] = [line[i], line[i + 1], line[j], line[j + 1]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
