// What of the grid is chosen: marked for the eye and for screen readers.
/** @import { Cell } from "./cells.js" */
/** @import { Chosen } from "./heads.js" */
import { attribute } from "./dom.js";
import { holds, numbersIn, pairsIn } from "./heads.js";

/**
 * Mark the tiles that are chosen, and the labels of their rows and columns.
 *
 * @param {HTMLElement} overlay
 * @param {Cell[]} cells
 * @param {HTMLElement[]} nodes of the cells
 * @param {Chosen} chosen
 */
export function mark(overlay, cells, nodes, chosen) {
  const { layer, head } = chosen;
  const [numbers, pairs] = [numbersIn(head), pairsIn(head)];
  cells.forEach((cell, i) => {
    const own = cell.layers.length === 1 && holds(chosen, cell.layers[0], cell.head);
    const line = layer < 0 && numbers.includes(cell.head);
    attribute(nodes[i], "aria-selected", String(own || line));
  });
  for (const label of overlay.querySelectorAll("[data-row], [data-column]")) {
    const { row, column } = /** @type {HTMLElement} */ (label).dataset;
    const on =
      row !== undefined
        ? Number(row) === layer || pairs.some(([l]) => l === Number(row))
        : numbers.includes(Number(column)) ||
          pairs.some(([, h]) => h === Number(column)) ||
          (Number(column) === head && layer < 0);
    attribute(label, "aria-pressed", String(on));
  }
}
