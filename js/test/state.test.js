import assert from "node:assert/strict";
import test from "node:test";
import { nested } from "../src/arcs.js";
import { Cache } from "../src/cache.js";
import { HandoutSource } from "../src/handout.js";
import { KernelSource } from "../src/source.js";
import { Maps } from "../src/maps.js";
import { layersText, stepsText } from "../src/naming.js";
import { State } from "../src/state.js";
import { short } from "../src/dom.js";
import { FixtureModel, firstParts, fixture } from "./python.js";

const opened = () => {
  const model = new FixtureModel();
  const source = new KernelSource(model);
  const state = new State(model);
  return { model, source, state, maps: new Maps(state, source) };
};

test("at rest the exact map is shown", () => {
  const { maps } = opened();
  assert.equal(maps.settled, true);
  const shown = maps.shown(0);
  assert.equal(shown?.kind, "exact");
  assert.ok(Math.abs((shown?.max ?? 0) - fixture.expected.exact_peak) < 1e-9);
  assert.equal(maps.shown(1)?.kind, "exact");
});

test("other steps give a preview at once, and never the map of the steps before", () => {
  const { state, maps } = opened();
  state.set({ steps: [0, 2] });
  assert.equal(maps.settled, false);
  assert.equal(maps.shown(0)?.kind, "preview");
  assert.equal(maps.shown(1)?.kind, "preview");
});

test("two words are compared by maps made in one way: both exact, or both previews", () => {
  const { source, state, maps } = opened();
  state.set({ word_b: 3 });
  const { stack_b, exact_b } = firstParts();
  source.memory.take({ ...stack_b, key: maps.stackKey(1) });
  assert.equal(maps.shown(0)?.kind, "preview", "the exact map of A waits for that of B");
  source.memory.take({ ...exact_b, key: maps.exactKey(1) });
  assert.deepEqual([maps.shown(0)?.kind, maps.shown(1)?.kind], ["exact", "exact"]);
});

test("an answer to an old question is kept and not shown", () => {
  const { source, state, maps } = opened();
  const { exact, stack } = firstParts();
  state.set({ word: 2, word_b: -1 });
  assert.equal(maps.shown(0), null);
  source.memory.take(exact); // word 1 arrives late
  source.memory.take(stack);
  assert.equal(maps.shown(0), null);
  state.set({ word: 1 });
  assert.equal(maps.shown(0)?.kind, "exact");
});

test("bytes that do not fit what is said of them are not taken", () => {
  const { source, maps, state } = opened();
  const { exact, stack } = firstParts();
  state.set({ word: 3, word_b: -1 });
  source.memory.take({ ...exact, key: maps.exactKey(0), shape: [17, 16] });
  source.memory.take({ ...stack, key: maps.stackKey(0), shape: [6, 16, 16] });
  assert.equal(maps.shown(0), null);
});

test("a locked head is shown by its tile until its map is there", () => {
  const { state, maps } = opened();
  state.set({ word_b: -1, layer: 0, head: 1 });
  const shown = maps.shown(0);
  assert.equal(shown?.kind, "tile");
  const most = firstParts().tiles.scales[0][1];
  assert.ok(Math.abs((shown?.max ?? 0) - most) < 1e-6 * most);
  state.set({ steps: [0, 1] });
  assert.equal(maps.shown(0), null, "a tile of other steps is not the locked head's map");
  maps.hover = { layers: [0], head: 1 };
  assert.deepEqual(maps.shown(0)?.of, { layers: [0], head: 1, lo: 1, hi: 6 });
});

test("choices go out at once, a moving hand's only after a rest", async () => {
  const { model, state } = opened();
  state.set({ word: 3 });
  assert.equal(model.saved, 1);
  state.set({ word: 3 });
  assert.equal(model.saved, 1, "nothing new, nothing sent");
  for (let hi = 2; hi < 6; hi++) state.set({ steps: [0, hi] }, "soon");
  assert.equal(model.saved, 1);
  await new Promise((resolve) => setTimeout(resolve, 70));
  assert.equal(model.saved, 2);
  state.set({ opacity: 0.1 }, "soon");
  state.destroy();
  assert.equal(model.saved, 3, "what waits is sent at the end");
});

test("a view that is gone no longer listens", () => {
  const { model, state } = opened();
  state.on("change:word", () => assert.fail("still listening"));
  state.destroy();
  model.set("word", 2);
});

test("steps are always a range that exists", () => {
  const { model, state } = opened();
  for (const [given, expected] of [
    [
      [3, 99],
      [3, 7],
    ],
    [
      [-5, 0],
      [0, 1],
    ],
    [
      [9, 9],
      [6, 7],
    ],
  ]) {
    model.set("steps", given);
    assert.deepEqual(state.steps, expected);
  }
});

test("what was not used for longest is forgotten first", () => {
  const cache = new Cache(3);
  cache.put("a", 1, 1);
  cache.put("b", 2, 1);
  cache.put("c", 3, 1);
  cache.touch("a");
  cache.put("d", 4, 1);
  assert.deepEqual([...cache.kept.keys()], ["c", "a", "d"]);
  cache.put("large", 5, 100);
  assert.deepEqual([...cache.kept.keys()], ["large"]);
});

test("arcs pass over those inside them", () => {
  const [outer, left, right, apart] = nested([[0, 4], [1, 2], [2, 4], [5, 6]]); // prettier-ignore
  assert.ok(outer > left && outer > right && apart === 0);
});

test("choices in words", () => {
  const { state } = opened();
  assert.equal(layersText(state), "paper layers, all heads");
  state.set({ layer: 0, head: 2 });
  assert.match(layersText(state), /, head 2$/);
  assert.equal(stepsText(fixture._facts, 0, 3), "steps 0–2");
  assert.equal(stepsText(fixture._facts, 4, 5), "step 4");
  assert.deepEqual([0, 0.0831, 0.5, 12.345, 1234.5, 3e-9].map(short), ["0", "0.0831", "0.500", "12.3", "1235", "3.0e-9"]); // prettier-ignore
});

/**
 * @param {Partial<typeof fixture.traits>} traits
 * @param {any[]} parts
 * @param {Partial<typeof fixture._facts>} [facts]
 */
const handed = (traits, parts, facts = {}) => {
  const header = {
    traits: { ...fixture.traits, word_b: -1, ...traits },
    facts: { ...fixture._facts, ...facts },
  };
  const source = new HandoutSource(header, parts);
  return { source, state: new State(source.model) };
};

test("a page without a kernel answers from what is embedded", async () => {
  const { stack, stack_b } = firstParts();
  const { source, state } = handed({}, [stack, stack_b]);
  const maps = new Maps(state, source);
  assert.equal(maps.shown(0), null);
  const parts = await source.ask({ want: ["stack", "exact", "tiles"], sel: state.sel });
  assert.deepEqual(parts.map(({ name }) => name), ["stack"]); // prettier-ignore
  assert.equal(maps.shown(0)?.kind, "preview");
  const [{ rows, note }] = await source.ask({ want: ["words"], sel: state.sel, at: { y: 0.4, x: 0.6 } }); // prettier-ignore
  const words = [stack, stack_b].map(({ key }) => JSON.parse(key)[0]);
  assert.deepEqual(rows.map((/** @type {any} */ row) => row.word).sort(), words.sort());
  assert.ok(Math.abs(rows[0].share + rows[1].share - 1) < 1e-12);
  assert.match(note, /Among the 2 embedded words/);
});

test("a layer that does not depend on the choice is embedded once", async () => {
  const { source, state } = handed({ layer: 2, head: -1 }, [{ ...firstParts().stack, key: '[1,"",2,-1]' }]); // prettier-ignore
  const [part] = await source.ask({ want: ["stack"], sel: state.sel });
  assert.equal(part.key, '[1,"paper",2,-1]');
});

test("a region's bars by layer are those of the embedded layers that are chosen", async () => {
  const entry = (/** @type {string} */ key, /** @type {number[]} */ ...counts) => ({
    ...{ name: "stack", key, scales: [1, 2], shape: [2, 1, 2] },
    bytes: Uint8Array.from(counts),
  });
  const { source, state } = handed(
    { steps: [0, 2], choice: "paper" },
    [entry('[1,"",0,-1]', 4, 9, 6, 9), entry('[1,"",2,-1]', 1, 1, 1, 1)],
    { choices: { paper: [0, 1] } },
  );
  const at = { polygon: [[0, 0], [0, 0.5], [1, 0.5], [1, 0]] }; // prettier-ignore
  const [{ by_layer }] = await source.ask({ want: ["region"], sel: state.sel, at });
  assert.deepEqual(by_layer, [(4 + 12) / 2, null, null, null, null, null, null]);
});
