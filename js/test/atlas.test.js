// The atlas's arithmetic: where tiles lie, what is seen of them, what a lasso holds, in which order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { withSet } from "../src/heads.js";
import { encircled } from "../src/atlas/lasso.js";
import { labelAt } from "../src/atlas/labels.js";
import { ranked, rangeOf } from "../src/atlas/measures.js";
import { rowsOf } from "../src/atlas/naming.js";
import {
  everyOf,
  HEADER,
  indexOf,
  lineEnd,
  nextTile,
  planOf,
  rankedPlan,
  tileAt,
} from "../src/atlas/plan.js";
import { clamp, mostZoom, reveal, rowsSeen, zoomAt } from "../src/atlas/zoom.js";

/** @param {[string, number, number][]} blocks name, layers, heads */
const rowsIn = (...blocks) =>
  blocks.flatMap(([block, count, columns]) =>
    Array.from({ length: count }, (_, i) => ({
      ...{ label: String(i), block, stage: block, size: "64×64", columns, layer: i },
    })),
  );
const SIZES = {
  sample: rowsIn(["down 0", 2, 4], ["mid", 1, 4], ["up 1", 4, 4]),
  sd15: rowsIn(["down 0", 6, 8], ["mid", 1, 8], ["up 1", 9, 8]),
  sdxl: rowsIn(["down 1", 4, 10], ["down 2", 20, 20], ["mid", 10, 20], ["up 0", 30, 20], ["up 1", 6, 10]), // prettier-ignore
  sd3: rowsIn(["double", 24, 24]),
  flux: rowsIn(["double", 19, 24], ["single", 38, 24]),
};
const ROOM = { width: 440, height: 320, aspect: 1, names: 16, all: true };

test("all tiles fit into the room, none over another, at every size", () => {
  for (const [name, rows] of Object.entries(SIZES)) {
    for (const [width, height] of [
      [440, 320],
      [300, 300],
      [1000, 700],
      [1500, 300],
    ]) {
      // prettier-ignore
      const plan = planOf(rows, { ...ROOM, width, height });
      assert.ok(plan.width <= width + 0.01 && plan.height <= height + 0.01, `${name} ${width}`);
      const heads = rows.reduce((sum, row) => sum + row.columns + 1, 0);
      const tiles = Array.from(plan.row).filter((row) => row >= 0).length;
      assert.equal(tiles, heads, name);
      const seen = new Set();
      for (let i = 0; i < plan.count; i++) {
        const found = tileAt(plan, plan.x[i] + plan.w[i] / 2, plan.y[i] + plan.h[i] / 2);
        assert.equal(found, plan.row[i] < 0 ? -1 : i);
        seen.add(`${Math.round(plan.x[i])} ${plan.y[i].toFixed(1)}`);
      }
      assert.equal(seen.size, plan.count, `${name}: tiles at one place`);
    }
  }
});

test("tiles of the largest models are as large as the smallest room allows", () => {
  const sides = Object.fromEntries(Object.entries(SIZES).map(([n, rows]) => [n, planOf(rows, ROOM).tile[0]])); // prettier-ignore
  assert.ok(sides.flux >= 7 && sides.sdxl >= 8 && sides.sd3 >= 12 && sides.sd15 >= 18, JSON.stringify(sides)); // prettier-ignore
  assert.ok(sides.sample >= 40);
});

test("panels end where blocks do, if that costs little", () => {
  assert.deepEqual(planOf(SIZES.flux, ROOM).panels.map(({ end }) => end), [19, 57]); // prettier-ignore
  assert.deepEqual(planOf(SIZES.sdxl, ROOM).panels.map(({ end }) => end), [34, 70]); // prettier-ignore
  assert.equal(planOf(SIZES.sample, { ...ROOM, height: 400 }).panels.length, 1);
});

test("tiles have the shape of the maps", () => {
  const [wide, high] = planOf(SIZES.sd15, { ...ROOM, aspect: 1.5 }).tile;
  assert.ok(Math.abs(wide / high - 1.5) < 1e-6);
});

test("ranked tiles fill the room, and no tile less would do", () => {
  for (const count of [28, 576, 1368]) {
    const order = Array.from({ length: count }, (_, i) => ({ row: i, column: 0 }));
    const plan = rankedPlan(order, { width: 440, height: 320, aspect: 1 });
    assert.ok(plan.width <= 440.01 && plan.height <= 320.01);
    const across = Math.round(440 / plan.tile[0]);
    assert.ok((Math.ceil(count / (across - 1)) * 440) / (across - 1) > 320);
    assert.equal(plan.row[1], 1);
  }
});

test("labels are thinned out until none touches another", () => {
  assert.equal(everyOf(24, 20, 14), 1);
  assert.equal(everyOf(24, 9, 14), 2);
  assert.equal(everyOf(24, 4, 14), 5);
  assert.equal(everyOf(24, 0.1, 14), 100);
});

test("keys go from tile to tile, and to the numbers of the columns", () => {
  const plan = planOf(SIZES.sdxl, ROOM);
  const at = (/** @type {number} */ row, /** @type {number} */ column) =>
    indexOf(plan, row, column);
  assert.equal(nextTile(plan, at(0, 3), 1, 0), at(0, 4));
  assert.equal(nextTile(plan, at(0, -1), 1, 0), at(0, 0));
  assert.equal(nextTile(plan, at(0, 0), 0, -1), at(-1, 0));
  assert.equal(nextTile(plan, at(4, 5), 0, 1), at(5, 5));
  assert.equal(nextTile(plan, at(33, 5), 0, 1), -1);
  assert.equal(nextTile(plan, at(10, 19), 1, 0), at(44, -1), "the next panel");
  assert.equal(lineEnd(plan, at(10, 3), -1), at(10, -1));
});

test("a place keeps still while it is magnified, and nothing is past an edge", () => {
  const zoom = { k: 1, x: 0, y: 0 };
  const [content, room] = [
    { width: 400, height: 300 },
    { width: 440, height: 320 },
  ];
  zoomAt(zoom, 4, 100, 200, 10);
  assert.deepEqual([(100 - zoom.x) / zoom.k, (200 - zoom.y) / zoom.k], [100, 200]);
  zoom.x = 50;
  zoom.y = -99999;
  clamp(zoom, content, room, 10);
  assert.deepEqual(zoom, { k: 4, x: 0, y: 320 - 1200 });
  zoomAt(zoom, 100, 0, 0, 10);
  assert.equal(zoom.k, 10);
  zoomAt(zoom, 0.001, 0, 0, 10);
  clamp(zoom, content, room, 10);
  assert.deepEqual(zoom, { k: 1, x: 0, y: 0 });
  assert.ok(mostZoom(8) > 20 && mostZoom(500) === 1);
});

test("the tile that the keys are at is brought into sight", () => {
  const zoom = { k: 2, x: 0, y: 0 };
  reveal(zoom, { x: 300, y: 10, w: 20, h: 20 }, { width: 440, height: 320 }, { left: 30, top: 15 });
  assert.equal(zoom.k * 320 + zoom.x, 440);
  reveal(zoom, { x: 0, y: 0, w: 20, h: 20 }, { width: 440, height: 320 }, { left: 30, top: 15 });
  assert.deepEqual([zoom.x, zoom.y], [30, 15]);
  const plan = planOf(SIZES.sd3, ROOM);
  assert.equal(rowsSeen(plan, { k: 1, x: 0, y: 0 }, ROOM).length, 24);
  assert.ok(rowsSeen(plan, { k: 6, x: 0, y: 0 }, ROOM).length < 6);
});

test("a lasso holds the tiles whose middles lie within", () => {
  const plan = planOf(SIZES.sample, ROOM);
  const i = indexOf(plan, 1, 2);
  const [x, y, w, h] = [plan.x[i], plan.y[i], plan.w[i], plan.h[i]];
  const line = [x + 1, y + 1, x + 2 * w - 1, y + 1, x + 2 * w - 1, y + 2 * h - 1, x + 1, y + 2 * h - 1]; // prettier-ignore
  const inside = encircled(plan, line).map((n) => [plan.row[n], plan.column[n]]);
  assert.deepEqual(inside, [[1, 2], [1, 3], [2, 2], [2, 3]]); // prettier-ignore
  assert.deepEqual(encircled(plan, []), []);
});

test("names beside the tiles are found where they are seen", () => {
  const plan = planOf(SIZES.sd15, ROOM);
  const [panel] = plan.panels;
  const still = { k: 1, x: 0, y: 0 };
  const y = HEADER + 2.5 * plan.tile[1];
  assert.deepEqual(labelAt(plan, still, plan.gutter - 3, y), { row: 2 });
  assert.deepEqual(labelAt(plan, still, 3, y), { block: 2 });
  const i = indexOf(plan, -1, 3);
  assert.deepEqual(labelAt(plan, still, plan.x[i] + 3, 4), { column: 3 });
  assert.deepEqual(labelAt(plan, still, panel.x + 3, 4), { column: -1 });
  assert.equal(labelAt(plan, still, panel.x + 30, y), null);
  const moved = { k: 3, x: -200, y: -100 }; // along the edges, where they would be out of sight
  const row = Math.floor((150 + 100 - 3 * HEADER) / (3 * plan.tile[1]));
  assert.deepEqual(labelAt(plan, moved, plan.gutter - 3, 150), { row });
});

test("heads are ranked, those without a number last, equals as in the network", () => {
  const values = [[3, null, 1], [3, 9]]; // prettier-ignore
  const places = (/** @type {boolean} */ low) => ranked(values, [3, 2], low).map(({ row, column }) => [row, column]); // prettier-ignore
  assert.deepEqual(places(false), [[1, 1], [0, 0], [1, 0], [0, 2], [0, 1]]); // prettier-ignore
  assert.deepEqual(places(true), [[0, 2], [0, 0], [1, 0], [1, 1], [0, 1]]); // prettier-ignore
  assert.deepEqual(rangeOf(values, () => true), [1, 9]); // prettier-ignore
  assert.deepEqual(rangeOf(values, (row) => row === 0), [1, 3]); // prettier-ignore
  assert.deepEqual(rangeOf([[null]], () => true), [0, 0]); // prettier-ignore
});

test("a set is chosen, or added to what is chosen", () => {
  const facts = /** @type {any} */ ({ layers: [{ heads: 2 }, { heads: 3 }] });
  const none = { layer: -1, head: -1 };
  /** @type {[number, number][]} */
  const pairs = [[1, 2], [0, 1], [1, 2]]; // prettier-ignore
  const chosen = withSet(facts, [0, 1], none, pairs, false);
  assert.deepEqual(chosen, { layer: -1, head: -1, heads: [[0, 1], [1, 2]] }); // prettier-ignore
  const more = withSet(facts, [0, 1], { layer: 0, head: 0 }, pairs, true);
  assert.deepEqual(more.heads, [[0, 0], [0, 1], [1, 2]]); // prettier-ignore
  assert.deepEqual(withSet(facts, [0], none, [[1, 0], [1, 1], [1, 2]], false), { layer: 1, head: -1, heads: [] }); // prettier-ignore
  assert.deepEqual(withSet(facts, [0], none, [[1, 0]], false), { layer: 1, head: 0, heads: [] });
});

test("layers are named within their block", () => {
  const layer = { name: "n", stage: "up", heads: 2, size: [8, 8] };
  const facts = /** @type {any} */ ({
    layers: [
      { ...layer, block: "up_blocks.1", label: "up 1 · 0.3" },
      { ...layer, block: "double_blocks", label: "double 7" },
      { ...layer, block: "mid_block", label: "a.very.long.name" },
    ],
  });
  assert.deepEqual(rowsOf(facts).map(({ block, label }) => [block, label]), [["up 1", "0.3"], ["double", "7"], ["mid", "2"]]); // prettier-ignore
});
