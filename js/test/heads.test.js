import assert from "node:assert/strict";
import test from "node:test";
import { counting, headsOf, holds, withColumn, withHeads } from "../src/heads.js";
import { Maps } from "../src/maps.js";
import { layersText } from "../src/naming.js";
import { KernelSource } from "../src/source.js";
import { State } from "../src/state.js";
import { FixtureModel } from "./python.js";

/** @import { Facts } from "../src/types.js" */

const layer = (/** @type {number} */ heads) => ({ heads, label: "" });
const facts = /** @type {Facts} */ (/** @type {unknown} */ ({ layers: [2, 4, 2].map(layer) }));
const ALL = { layer: -1, head: -1 };
const of = (/** @type {any} */ choice) => counting({ layer: -1, head: -1, heads: [], ...choice });

test("several count before one, and pairs before a layer; several that are one are that one", () => {
  assert.deepEqual(of({ layer: 1, head: 3 }), { layer: 1, head: 3 });
  assert.deepEqual(of({ layer: 1, head: 3, heads: [0, 2] }), { layer: 1, head: [0, 2] });
  assert.deepEqual(of({ layer: 1, heads: [3] }), { layer: 1, head: 3 });
  const heads = [
    [0, 1],
    [2, 0],
  ];
  assert.deepEqual(of({ layer: 1, head: 3, heads }), { layer: -1, head: heads });
  assert.deepEqual(of({ layer: 1, heads: [[2, 0]] }), { layer: 2, head: 0 });
});

test("heads are added and taken away one by one; the last goes back to all", () => {
  const add = (/** @type {any} */ choice, /** @type {[number, number][]} */ pairs) =>
    withHeads(facts, [0, 2], of(choice), pairs);
  const one = add({}, [[2, 1]]);
  assert.deepEqual(one, { layer: 2, head: 1, heads: [] });
  const two = add(one, [[0, 1]]);
  assert.deepEqual(two.heads, [
    [0, 1],
    [2, 1],
  ]);
  assert.deepEqual(add(two, [[2, 1]]), { layer: 0, head: 1, heads: [] });
  assert.deepEqual(add(one, [[2, 1]]), { ...ALL, heads: [] });
  const row = add(two, headsOf(facts, 2));
  assert.deepEqual(row.heads, [
    [0, 1],
    [2, 0],
    [2, 1],
  ]);
  assert.deepEqual(add(row, headsOf(facts, 2)), { layer: 0, head: 1, heads: [] });
});

test("what was chosen by its layer, or by its number, is told apart by head", () => {
  const ofLayer = withHeads(facts, [0, 2], of({ layer: 0 }), [[2, 0]]);
  assert.deepEqual(ofLayer.heads, [...headsOf(facts, 0), [2, 0]]);
  const ofNumber = withHeads(facts, [0, 2], of({ head: 1 }), [[0, 1]]);
  assert.deepEqual(ofNumber, { layer: 2, head: 1, heads: [] });
  const ofNumbers = withHeads(facts, [0, 1], of({ layer: 1, heads: [0, 3] }), [[1, 3]]);
  assert.deepEqual(ofNumbers, { layer: 1, head: 0, heads: [] });
});

test("columns stay numbers, unless heads of single layers are chosen", () => {
  const add = (/** @type {any} */ choice, /** @type {number} */ head) =>
    withColumn(facts, [0, 1], of(choice), head);
  assert.deepEqual(add({}, 1), { layer: -1, head: 1, heads: [] });
  assert.deepEqual(add({ head: 1 }, 0), { ...ALL, heads: [0, 1] });
  assert.deepEqual(add({ heads: [0, 1] }, 0), { layer: -1, head: 1, heads: [] });
  assert.deepEqual(add({ head: 1 }, 1), { ...ALL, heads: [] });
  assert.deepEqual(add({ layer: 2, head: 0 }, 3).heads, [
    [1, 3],
    [2, 0],
  ]);
});

test("what is chosen holds its heads and no others", () => {
  const held = (/** @type {any} */ choice) =>
    [0, 1, 2].flatMap((l) => headsOf(facts, l)).filter(([l, h]) => holds(of(choice), l, h));
  const pairs = [
    [0, 1],
    [1, 3],
  ];
  assert.deepEqual(held({ heads: pairs }), pairs);
  assert.deepEqual(held({ layer: 1, heads: [0, 3] }), [
    [1, 0],
    [1, 3],
  ]);
  assert.deepEqual(held({ layer: 0 }), headsOf(facts, 0));
  assert.deepEqual(held({ heads: [1, 3] }), [[0, 1], [1, 1], [1, 3], [2, 1]]); // prettier-ignore
  assert.deepEqual(held({}), []);
});

test("questions, keys and captions name several heads", () => {
  const model = new FixtureModel();
  const state = new State(model);
  const maps = new Maps(state, new KernelSource(model));
  state.set({ word: 1, layer: 0, head: 1, heads: [[0, 0], [1, 1], [1, 0]] }); // prettier-ignore
  assert.deepEqual(state.sel.head, [[0, 0], [1, 1], [1, 0]]); // prettier-ignore
  assert.equal(state.sel.layer, -1);
  assert.match(maps.stackKey(0), /^\[1,"\w+",-1,\[\[0,0\],\[1,1\],\[1,0\]\]\]$/);
  assert.equal(maps.shown(0), null, "no tile stands for several heads");
  assert.equal(layersText(state), "3 heads of 2 layers");
  state.set({ heads: [[1, 0], [1, 1]] }); // prettier-ignore
  assert.match(layersText(state), /, heads 0 and 1$/);
  state.set({ layer: -1, head: -1, heads: [0, 1, 3] });
  assert.match(layersText(state), /layers, heads 0, 1 and 3$/);
  state.set({ heads: [3] });
  assert.match(layersText(state), /layers, head 3$/);
});
