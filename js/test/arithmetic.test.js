import assert from "node:assert/strict";
import test from "node:test";
import { asBytes, asFloats, fromBase64, inflated } from "../src/bytes.js";
import { Contours } from "../src/contours.js";
import { cellsInside, levelOf, overlap } from "../src/measure.js";
import { NAMES, paint, paintDifference, paintPair, palette } from "../src/palettes.js";
import { Enlarger } from "../src/resample.js";
import { meanOver, prefixSums } from "../src/sums.js";
import { firstParts, fixture, floats, numbers } from "./python.js";

const stackOf = (/** @type {string} */ name) => {
  const { bytes, scales, shape } = firstParts()[name];
  return prefixSums(/** @type {Uint8Array} */ (bytes), scales, shape);
};

test("the preview of every range is Python's", () => {
  const stack = stackOf("stack");
  for (const { steps, values } of fixture.expected.previews) {
    const expected = floats(values);
    const out = new Float32Array(expected.length);
    const max = meanOver(stack, steps[0], steps[1], out);
    const peak = Math.max(...expected);
    assert.ok(Math.abs(max - peak) <= 1e-6 * peak);
    out.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= 1e-6 * peak));
  }
});

test("the mean of several steps is the mean of their maps", () => {
  const stack = prefixSums(Uint8Array.of(0, 2, 4, 6, 255, 0), [0.5, 1, 2], [3, 1, 2]);
  const out = new Float32Array(2);
  assert.equal(meanOver(stack, 1, 3, out), 257);
  assert.deepEqual([...out], [(4 + 510) / 2, (6 + 0) / 2]);
});

test("a stack that is not of its shape is refused", () => {
  assert.throws(() => prefixSums(new Uint8Array(5), [1], [1, 2, 2]), /5 bytes/);
});

test("masks are Python's at every threshold", () => {
  const { bytes, max } = firstParts().exact;
  const exact = asFloats(bytes);
  for (const { threshold, mask } of fixture.expected.masks) {
    const level = levelOf(max, threshold);
    const mine = Array.from(exact, (value) => (value >= level ? 1 : 0));
    assert.deepEqual(mine, [...fromBase64(mask)], `threshold ${threshold}`);
  }
});

test("a map of zeros has an empty mask", () => {
  assert.ok(!(0 >= levelOf(0, 0.4)) && !(0 >= levelOf(0, 0)));
});

test("overlaps are Python's", () => {
  const { threshold, ...expected } = fixture.expected.preview_overlap;
  const maps = ["stack", "stack_b"].map((name) => {
    const stack = stackOf(name);
    const values = new Float32Array(stack.height * stack.width);
    return { values, max: meanOver(stack, 0, stack.steps, values) };
  });
  const levels = maps.map(({ max }) => levelOf(max, threshold));
  const out = { iou: 0, iod: 0, ioh: 0, both: 0, a: 0, b: 0 };
  overlap(maps[0].values, levels[0], maps[1].values, levels[1], out);
  for (const name of /** @type {const} */ (["iou", "iod", "ioh"])) {
    assert.ok(Math.abs(out[name] - expected[name]) < 1e-12, name);
  }
});

test("overlaps with an empty mask are 0, by hand", () => {
  const out = { iou: 1, iod: 1, ioh: 1, both: 0, a: 0, b: 0 };
  overlap([1, 0, 0, 1], 0.5, [0, 0, 0, 0], Infinity, out);
  assert.deepEqual([out.iou, out.iod, out.ioh], [0, 0, 0]);
  overlap([1, 1, 0, 0], 0.5, [0, 1, 1, 1], 0.5, out);
  assert.deepEqual([out.iou, out.iod, out.ioh], [1 / 4, 1 / 3, 1 / 2]);
  // What is at the level belongs to the mask, as in eq. 7.
  overlap([0.5, 1], 0.5, [1, 0.5], 0.5, out);
  assert.equal(out.iou, 1);
});

test("the cells of a region are Python's", () => {
  const { polygon, cells } = fixture.expected.region;
  const [height, width] = fixture._facts.grid;
  assert.deepEqual([...cellsInside(polygon, height, width)], [...fromBase64(cells)]);
});

test("a region smaller than a cell is the cell around it", () => {
  const inside = cellsInside([[0.01, 0.51], [0.01, 0.52], [0.02, 0.52]], 2, 2); // prettier-ignore
  assert.deepEqual([...inside], [0, 1, 0, 0]);
});

test("enlarging is torch's bicubic", () => {
  const { map, enlarged } = numbers.enlargement;
  const field = new Enlarger(3, 5, 40);
  assert.deepEqual([field.height, field.width], [24, 40]);
  const mine = field.enlarge(Float32Array.from(map));
  mine.forEach((value, i) => assert.ok(Math.abs(value - enlarged[i]) < 2e-6));
});

test("a map that is large enough stays as it is", () => {
  const map = new Float32Array(128 * 64);
  assert.equal(new Enlarger(128, 64).enlarge(map), map);
});

test("contours enclose what contourpy's do", () => {
  const { shape, field, levels } = numbers.contours;
  const [height, width] = shape;
  for (const { level, area, length } of levels) {
    const found = new Contours().find(Float32Array.from(field), height, width, level);
    const measured = measure(found);
    // One of the saddles at 0.5 is joined the other way.
    assert.ok(Math.abs(measured.area - area) < 3e-3 * area, `area at ${level}`);
    assert.ok(Math.abs(measured.length - length) < 1e-2 * length, `length at ${level}`);
  }
});

test("the contour of one sample inside is a diamond; equal to contourpy's by hand", () => {
  const field = new Float32Array(25);
  field[12] = 1;
  const found = new Contours().find(field, 5, 5, 0.25);
  assert.equal(found.count, 1);
  const { area, length } = measure(found);
  assert.ok(Math.abs(area - 2 * 0.75 * 0.75) < 1e-6);
  assert.ok(Math.abs(length - 4 * Math.SQRT2 * 0.75) < 1e-6);
});

test("saddles give two curves each, none is lost", () => {
  const field = Float32Array.from({ length: 16 }, (_, i) => (((i >> 2) + i) % 2 ? 0 : 1));
  const found = new Contours().find(field, 4, 4, 0.5);
  assert.equal(found.count, 8);
});

test("there is no contour without a level, and one around all where all is inside", () => {
  const field = new Float32Array(12).fill(2);
  assert.equal(new Contours().find(field, 3, 4, 0).count, 0);
  assert.equal(new Contours().find(field, 3, 4, Infinity).count, 0);
  assert.equal(new Contours().find(field, 3, 4, 1).count, 1);
});

test("colors are those of Python's figures", () => {
  assert.deepEqual(NAMES, Object.keys(fixture.palettes));
  for (const name of NAMES) {
    const rgb = fromBase64(fixture.palettes[name]);
    palette(name).forEach((color, i) => {
      const mine = [color & 255, (color >> 8) & 255, (color >> 16) & 255, color >>> 24];
      assert.deepEqual(mine, [...rgb.subarray(3 * i, 3 * i + 3), 255], `${name} ${i}`);
    });
  }
});

test("painting spreads 0 to the peak over all colors", () => {
  const table = palette("gray");
  const out = new Uint32Array(4);
  paint([0, 0.5, 1, 9], 1, table, out);
  assert.deepEqual([...out], [table[0], table[128], table[255], table[255]]);
  paint([0, 0, 0, 0], 0, table, out);
  assert.deepEqual([...out], new Array(4).fill(table[0]));
});

test("differences are white where equal, red where A is more, blue where B is", () => {
  const table = palette("RdBu_r");
  const out = new Uint32Array(3);
  paintDifference(Float32Array.of(1, 0.5, 0), 1, Float32Array.of(0, 0.5, 1), 1, 1, table, out);
  assert.deepEqual([...out], [table[255], table[128], table[0]]);
});

test("two maps: clear where both are weak, white where both peak", () => {
  const out = new Uint32Array(4);
  paintPair([0, 1, 0, 1], 1, [0, 0, 1, 1], 1, out);
  const [none, a, b, both] = [...out].map((c) => [
    c & 255,
    (c >> 8) & 255,
    (c >> 16) & 255,
    c >>> 24,
  ]);
  assert.equal(none[3], 0);
  assert.ok(a[0] > a[2] && b[2] > b[0]);
  assert.deepEqual(both, [255, 255, 255, 255]);
});

test("bytes are taken as they come", async () => {
  const floats = Float32Array.of(1.5, -2);
  const moved = new Uint8Array(9);
  moved.set(new Uint8Array(floats.buffer), 1);
  for (const value of [floats, floats.buffer, new DataView(moved.buffer, 1), moved.subarray(1)]) {
    assert.deepEqual([...asFloats(value)], [1.5, -2]);
  }
  assert.equal(asBytes(null).length, 0);
  const { deflateSync } = await import("node:zlib");
  const text = "</script> ü";
  assert.equal(new TextDecoder().decode(await inflated(deflateSync(text))), text);
});

/** @param {Contours} curves */
function measure(curves) {
  let area = 0;
  let length = 0;
  for (let c = 0; c < curves.count; c++) {
    for (let p = curves.starts[c]; p < curves.starts[c + 1]; p++) {
      const q = p + 1 < curves.starts[c + 1] ? p + 1 : curves.starts[c];
      const [x0, y0, x1, y1] = [p, q].flatMap((k) => [
        curves.points[2 * k],
        curves.points[2 * k + 1],
      ]);
      area += (x0 * y1 - x1 * y0) / 2;
      length += Math.hypot(x1 - x0, y1 - y0);
    }
  }
  // The inside lies to the left, which is a negative area where y points down.
  return { count: curves.count, area: -area, length };
}
