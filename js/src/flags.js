// What has to be drawn again.
import CONTROLS from "./controls.data.js";

export const WORDS = 1;
export const MAP = 2; // the maps that are shown, or how
export const BASE = 4; // the image below them
export const STEPS = 8; // the range of steps
export const STRIP = 16; // the thumbnails
export const GRID = 32; // the tiles
export const SELECTION = 64; // which tile is chosen
export const LOOK = 128; // the controls
export const PANEL = 256; // words of a pixel or a region
export const THEME = 512;
export const ALL = 1023;

const NAMED = { WORDS, MAP, BASE, STEPS, STRIP, GRID, SELECTION, LOOK, PANEL, THEME, ALL };

/**
 * What each control changes, by Python's table; other facts change everything.
 *
 * @type {Record<string, number>}
 */
export const OF_TRAIT = { _facts: ALL };
for (const [name, { redraws }] of Object.entries(CONTROLS)) {
  OF_TRAIT[name] = redraws.reduce(
    (flags, flag) => flags | NAMED[/** @type {keyof typeof NAMED} */ (flag)],
    0,
  );
}
