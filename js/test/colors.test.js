// The colors of two words compared are told apart by all eyes, over any image.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DIM, FADE, PAIR } from "../src/palettes.js";
import { VISIONS, ciede2000, distance } from "./vision.js";

const LEVELS = Math.sqrt(PAIR.length);
const OPACITY = 0.65; // the control's default
// CIEDE2000, of which 1 to 2 are just seen: from each other, and from the image.
const LEAST = 25;
const LEAST_FROM_IMAGE = 17;

/**
 * @param {number} a level of A, 0 to 1
 * @param {number} b
 */
function color(a, b) {
  const last = LEVELS - 1;
  const packed = PAIR[Math.round(a * last) * LEVELS + Math.round(b * last)];
  const rgb = [packed & 255, (packed >> 8) & 255, (packed >> 16) & 255].map((v) => v / 255);
  return { rgb, alpha: OPACITY * ((packed >>> 24) / 255) };
}

/**
 * What `fade` leaves of an image's color: about its own gray, darker.
 *
 * @param {number[]} rgb
 */
function faded([r, g, b]) {
  const gray = 0.3 * r + 0.59 * g + 0.11 * b;
  return [r, g, b].map((v) => (v * (1 - FADE) + gray * FADE) * (1 - DIM));
}

const IMAGES = [0, 0.25, 0.5, 0.75, 1].flatMap((r) =>
  [0, 0.5, 1].flatMap((g) => [0, 0.5, 1].map((b) => faded([r, g, b]))),
);
const STATES = { A: color(1, 0), B: color(0, 1), both: color(1, 1), neither: color(0, 0) };

test("CIEDE2000 gives the published distances", () => {
  const pairs = /** @type {[number[], number[], number][]} */ ([
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, 2.49, -0.001], [50, -2.49, 0.0009], 7.1792],
    [[60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644],
    [[22.7233, 20.0904, -46.694], [23.0331, 14.973, -42.5619], 2.0373],
  ]);
  for (const [p, q, expected] of pairs)
    assert.ok(Math.abs(ciede2000(p, q) - expected) < 1e-4, `${p} ${q}: ${ciede2000(p, q)}`);
});

for (const vision of VISIONS) {
  test(`A, B, both and neither are told apart over any image: ${vision}`, () => {
    const names = /** @type {(keyof typeof STATES)[]} */ (Object.keys(STATES));
    for (const image of IMAGES) {
      const over = (/** @type {keyof typeof STATES} */ name) => {
        const { rgb, alpha } = STATES[name];
        return rgb.map((v, k) => v * alpha + image[k] * (1 - alpha));
      };
      names.forEach((one, i) => {
        for (const two of names.slice(i + 1)) {
          const apart = distance(over(one), over(two), vision);
          const least = two === "neither" ? LEAST_FROM_IMAGE : LEAST;
          assert.ok(apart >= least, `${one}, ${two} over ${image}: ${apart.toFixed(1)}`);
        }
      });
    }
  });
}
