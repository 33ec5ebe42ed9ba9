import assert from "node:assert/strict";
import test from "node:test";
import { fromBase64 } from "../src/bytes.js";
import { backgroundOf, inOrder, lifted, rankable, rowsIn, shifts } from "../src/lift.js";
import { cellsInside } from "../src/measure.js";
import { placeOf, times } from "../src/ranking.js";
import { fixture, floats } from "./python.js";

const near = (/** @type {number} */ a, /** @type {number} */ b) =>
  assert.ok(Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b)), `${a} is not ${b}`);
const of = fixture.expected.ranking;
const mapsOfPython = () =>
  new Map(
    Object.entries(of.maps).map(([word, coded]) => [
      Number(word),
      Float64Array.from(floats(/** @type {string} */ (coded))),
    ]),
  );
// Two words on 1 x 4 cells. Means 2 and 2: each has half of the image.
const TWO = new Map([
  [0, Float64Array.of(4, 0, 2, 2)],
  [1, Float64Array.of(1, 3, 2, 2)],
]);

test("what places are compared with is Python's", () => {
  const background = backgroundOf(mapsOfPython());
  assert.deepEqual(
    background.map(({ word }) => word),
    Object.keys(of.whole).map(Number),
  );
  for (const { word, share, chance } of background) {
    near(share, of.whole[word]);
    chance.forEach((end, i) => near(end, of.chance[word][i]));
  }
});

test("a region's lifts and what chance gives are Python's", () => {
  const [height, width] = of.shape;
  const inside = cellsInside(fixture.expected.region.polygon, height, width);
  const rows = rowsIn(mapsOfPython(), inside, width);
  const total = rows.reduce((sum, { value }) => sum + value, 0);
  for (const { word, value, share, lift, chance } of rows) {
    near(value, of.region.values[word]);
    near(share, value / total);
    near(lift ?? -1, value / total / of.whole[word]);
    chance?.forEach((end, i) => near(end, of.region.chance[word][i]));
    assert.equal(chance?.length, 2);
  }
});

test("lifts of a cell by hand", () => {
  const [first] = lifted(
    [
      { word: 0, value: 4, share: 0.8 },
      { word: 1, value: 1, share: 0.2 },
    ],
    backgroundOf(TWO),
  );
  assert.equal(first.share, 0.8);
  near(first.lift ?? -1, 4 / 5 / (8 / 16)); // 8 of all 16
  // Shares 4/5, 0, 1/2, 1/2 over 1/2: lifts 0, 1, 1, 1.6; percentiles between neighbors.
  near(first.chance?.[0] ?? -1, 0.15);
  near(first.chance?.[1] ?? -1, 1 + 0.85 * 0.6);
});

test("other regions of a size and shape by hand", () => {
  const [a, b] = rowsIn(TWO, Uint8Array.of(1, 1, 0, 0), 4);
  assert.deepEqual([a.value, b.value, a.share, a.lift], [2, 2, 0.5, 1]);
  // Elsewhere: cells 1 and 2 (2 of 7), cells 2 and 3 (4 of 8).
  near(a.chance?.[0] ?? -1, 4 / 7 + 0.05 * (1 - 4 / 7));
  near(a.chance?.[1] ?? -1, 4 / 7 + 0.95 * (1 - 4 / 7));
  const [whole] = rowsIn(TWO, Uint8Array.of(1, 1, 1, 1), 4);
  assert.equal(whole.chance, null);
});

test("a region is moved to at most 16 places along each axis, from end to end", () => {
  const inside = new Uint8Array(40 * 40);
  inside[3 * 40 + 5] = 1;
  const moves = shifts(inside, 40);
  assert.equal(moves.length, 16 * 16); // none of them is where it is: 39 / 15 hits no 3
  assert.equal(Math.min(...moves), -3 * 40 - 5);
  assert.equal(Math.max(...moves), 36 * 40 + 34);
});

test("where nothing is attended, nothing is divided by", () => {
  const zeros = new Map([[0, new Float64Array(4)]]);
  assert.deepEqual(backgroundOf(zeros), [{ word: 0, share: 0, chance: [0, 0] }]);
  assert.equal(rowsIn(zeros, Uint8Array.of(1, 0, 0, 0), 2)[0].lift, 0);
});

test("words are ranked by lift, by share, and by share until lifts are known", () => {
  const rows = [
    { word: 0, value: 3, share: 0.75, lift: 1.1 },
    { word: 1, value: 1, share: 0.25, lift: 2 },
  ];
  const unknown = rows.map((row) => ({ ...row, lift: undefined })).reverse();
  const order = (/** @type {any[]} */ of, /** @type {string} */ by) =>
    inOrder(of, by).map(({ word }) => word);
  assert.deepEqual(order(rows, "lift"), [1, 0]);
  assert.deepEqual(order(rows, "share"), [0, 1]);
  assert.deepEqual(order(unknown, "lift"), [0, 1]);
});

test("no part of the text is ranked twice", () => {
  const word = (/** @type {any} */ more) => ({ kept: true, special: false, kind: "word", ...more });
  const words = [
    word({ tokens: [1] }),
    word({ tokens: [2, 3] }),
    word({ tokens: [4], kept: false }),
    word({ tokens: [1, 2, 3], kind: "phrase" }),
    word({ tokens: [3, 4], kind: "phrase" }),
    word({ tokens: [2], kind: "piece", special: true }),
    word({ tokens: [0], kind: "start", special: true }),
  ];
  assert.deepEqual(rankable(words, false), [0, 1, 4]);
  assert.deepEqual(rankable(words, true), [0, 1, 4, 6]);
});

test("the line at 1 is in the middle; what is said has two digits", () => {
  assert.deepEqual([0, 1, 3].map(placeOf), [0, 0.5, 0.75]);
  assert.deepEqual([0, 0.043, 0.96, 1.25, 9.96, 31.4].map(times), [
    "0.0",
    "0.04",
    "1.0",
    "1.3",
    "10",
    "31",
  ]);
});

test("the fixture's maps are of its shape", () => {
  for (const coded of Object.values(of.maps))
    assert.equal(fromBase64(/** @type {string} */ (coded)).length, 4 * of.shape[0] * of.shape[1]);
});
