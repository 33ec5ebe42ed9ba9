// Keys over the atlas: from tile to tile, choose, add, nearer, farther.
/** @import { Atlas } from "./atlas.js" */
import { lineEnd, nextTile } from "./plan.js";

const NEARER = 1.5;

/**
 * @param {Atlas} atlas
 * @param {KeyboardEvent} event
 */
export function onKey(atlas, event) {
  const { plan, active, zoom, room } = atlas;
  if (!plan || event.altKey || event.metaKey) return;
  const { key } = event;
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  if (key === "Enter" || key === " ") {
    const more = event.shiftKey || event.ctrlKey || atlas.foot.adding;
    atlas.scope.input("head", () => atlas.axes.choose(plan.row[active], plan.column[active], more));
  } else if (way) {
    const next = nextTile(plan, active, way[0], way[1]);
    atlas.go(next < 0 ? active : next);
  } else if (key === "Home" || key === "End") {
    const last = key === "End";
    const first = plan.row.findIndex((row) => row >= 0);
    if (event.ctrlKey) atlas.go(last ? plan.count - 1 : first);
    else atlas.go(lineEnd(plan, active, last ? 1 : -1));
  } else if (key === "+" || key === "=") {
    const x = plan.x[active] + plan.w[active] / 2;
    const y = plan.y[active] + plan.h[active] / 2;
    atlas.zoomBy(NEARER, x * zoom.k + zoom.x, y * zoom.k + zoom.y);
  } else if (key === "-") atlas.zoomBy(1 / NEARER, room.width / 2, room.height / 2);
  else if (key === "0") atlas.zoomBy(0, 0, 0);
  else return;
  event.preventDefault();
}
