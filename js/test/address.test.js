import assert from "node:assert/strict";
import test from "node:test";
import { NAMES, read, written } from "../src/address.js";
import CONTROLS from "../src/controls.data.js";

const word = (/** @type {string} */ text, kept = true) => ({ text, kept });
/** @type {any} what of the facts an address is about */
const FACTS = {
  words: [word("a"), word("fox"), word("snow"), word("</script>"), word("end", false)],
  choices: { paper: [0, 2], all: [0, 1, 2] },
  layers: [{ heads: 8 }, { heads: 4 }, { heads: 8 }],
  steps: [0, 1, 2, 4, 6].map((place) => ({ place })),
  num_steps: 8,
  measures: [{ name: "peak" }, { name: "entropy" }],
};
/** @type {Record<string, any>} */
const OPENING = Object.fromEntries(NAMES.map((name) => [name, CONTROLS[name].default]));
Object.assign(OPENING, { word: 1, choice: "paper", steps: [0, 8] });

/** What a page shows that opens with an address. */
const opened = (/** @type {string} */ hash) => ({ ...OPENING, ...read(hash, FACTS).values });

/**
 * Another value of every control.
 *
 * @type {Record<string, any>}
 */
const OTHERS = {
  word: 2,
  choice: "all",
  steps: [2, 5],
  word_b: 0,
  opacity: 0.35,
  threshold: 0.55,
  contour: false,
  cells: true,
  follow_step: true,
  colormap: "viridis",
  interval: 400,
  show_pieces: true,
  show_syntax: true,
  theme: "dark",
  projector: true,
  region: [
    [0.1, 0.25],
    [0.1, 0.5],
    [0.75, 0.5],
  ],
  view: "difference",
  difference_scale: "common",
};

test("what differs from what it opens with stands in the address, and comes back", () => {
  assert.equal(written(OPENING, OPENING), "");
  for (const [name, value] of Object.entries(OTHERS)) {
    const values = { ...OPENING, [name]: value };
    const hash = written(values, OPENING);
    assert.ok(hash.startsWith(`${name}=`), hash);
    assert.deepEqual(opened(hash), values, hash);
  }
  const all = { ...OPENING, ...OTHERS };
  assert.deepEqual(opened(`#${written(all, OPENING)}`), all);
  assert.equal(written({ ...OPENING, steps: [3, 4] }, OPENING), "steps=3");
});

test("layers and heads are one term", () => {
  /** @type {[Record<string, any>, string][]} */
  const terms = [
    [{ layer: 2 }, "layer=2"],
    [{ head: 5 }, "head=5"],
    [{ layer: 1, head: 3 }, "head=1.3"],
    [{ heads: [0, 7] }, "heads=0,7"],
    [{ layer: 1, heads: [0, 3] }, "layer=1&heads=0,3"],
    [
      {
        heads: [
          [0, 7],
          [2, 0],
        ],
      },
      "heads=0.7,2.0",
    ],
  ];
  for (const [chosen, hash] of terms) {
    const values = { ...OPENING, ...chosen };
    assert.equal(written(values, OPENING), hash);
    assert.deepEqual(opened(hash), values);
  }
  const other = { ...OPENING, layer: 1, head: 3 };
  const hash = written(OPENING, other);
  assert.equal(hash, "head=all");
  assert.deepEqual({ ...other, ...read(hash, FACTS).values }, OPENING);
});

test("words by their text", () => {
  assert.equal(read("word=snow", FACTS).values.word, 2);
  assert.equal(read(`word=${encodeURIComponent("</script>")}`, FACTS).values.word, 3);
});

test("what cannot be is left out and named", () => {
  for (const hash of [
    "word=9",
    "word=4",
    "word=-1",
    "word=none",
    "word=zebra",
    "word=1e9",
    "word=",
    "word",
    "choice=some",
    "steps=8",
    "steps=5-3",
    "steps=0-8",
    "steps=3,5",
    "steps=99999999",
    "opacity=2",
    "opacity=-0",
    "opacity=NaN",
    "opacity=0x1",
    "threshold=1.01",
    "contour=yes",
    "colormap=jet",
    "interval=5",
    "interval=1e3",
    "theme=__proto__",
    "contour=__proto__",
    "choice=constructor",
    "playing=on",
    "zoom=3",
    "__proto__=1",
    "constructor=1",
    "toString=1",
    "region=0,0;1,1",
    "region=0,0;1,1;2,2",
    "region=a",
    "layer=3",
    "layer=x",
    "head=8",
    "head=1.4",
    "head=0.1.2",
    "layer=0&head=0.1",
    "heads=1",
    "heads=0,9",
    "heads=1,0",
    "heads=0,0",
    "heads=0.1,3",
    "heads=0,1&head=2",
    "%",
    "=",
    "&&x",
    "word=%E0%A4%A",
    "<script>alert(1)</script>",
    "opacity=1&opacity=0",
  ]) {
    const { values, ignored } = read(hash, FACTS);
    const kept = hash.includes("opacity=1&") ? { opacity: 1 } : {};
    assert.deepEqual(values, kept, hash);
    assert.ok(ignored.length > 0, hash);
    assert.ok(!("polluted" in {}));
  }
  const long = read(`word=1&${"x".repeat(30_000)}`, FACTS);
  assert.deepEqual(long.values, {});
  assert.ok(long.ignored[0].length < 60);
  assert.ok(read(`${"y".repeat(500)}=1`, FACTS).ignored[0].length < 60);
});

test("what else there is still counts", () => {
  assert.deepEqual(read("word=2&zoom=3&threshold=.5", FACTS), {
    values: { word: 2, threshold: 0.5 },
    ignored: ["“zoom=3”"],
  });
});

test("every kind of control that a hand-out keeps has its place in the address", () => {
  const known = new Set([...Object.keys(OTHERS), "layer", "head", "heads"]);
  const enumerable = NAMES.filter((name) => !known.has(name));
  for (const name of enumerable) {
    const { kind, options = [] } = CONTROLS[name];
    const names = kind === "MeasureName" ? ["peak"] : options.map(([first]) => first);
    const value = names.find((other) => other !== OPENING[name]);
    assert.deepEqual(opened(written({ ...OPENING, [name]: value }, OPENING))[name], value, name);
  }
});
