// What has to be drawn again.

export const WORDS = 1;
export const MAP = 2; // the maps that are shown, or how
export const BASE = 4; // the picture below them
export const STEPS = 8; // the range of steps
export const STRIP = 16; // the thumbnails
export const GRID = 32; // the tiles
export const SELECTION = 64; // which tile is chosen
export const LOOK = 128; // the controls
export const PANEL = 256; // words of a pixel or a region
export const THEME = 512;
export const ALL = 1023;

/** @type {Record<string, number>} */
export const OF_TRAIT = {
  word: WORDS | MAP | STRIP | GRID | PANEL,
  word_b: WORDS | MAP | STRIP | PANEL,
  steps: MAP | STEPS,
  choice: MAP | STRIP | SELECTION | GRID,
  layer: MAP | STRIP | SELECTION,
  head: MAP | STRIP | SELECTION,
  opacity: MAP | LOOK,
  threshold: MAP | LOOK,
  contour: MAP | LOOK,
  colormap: MAP | STRIP | GRID | LOOK,
  view: WORDS | MAP | LOOK,
  difference_scale: MAP | LOOK,
  follow_step: BASE | MAP | LOOK,
  playing: STEPS,
  interval: STEPS,
  tile_scale: GRID,
  tile_sort: GRID,
  show_pieces: WORDS,
  show_syntax: WORDS,
  projector: ALL,
  theme: THEME,
  region: MAP | PANEL,
  _facts: ALL,
};
