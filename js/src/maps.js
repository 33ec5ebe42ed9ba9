// Which map is shown: the exact one where it has arrived, else the preview, else a tile.
/** @import { Memory } from "./memory.js" */
/** @import { Shown, Sums, Tiles } from "./types.js" */
/** @import { State } from "./state.js" */
import { inEveryLayer, pairsIn } from "./heads.js";
import { largest } from "./measure.js";
import { meanOver } from "./sums.js";

/** What is shown of a memory by the present selection, and never by another. */
export class Maps {
  /**
   * @param {State} state
   * @param {{memory: Memory}} source
   */
  constructor(state, source) {
    this.state = state;
    this.source = source;
    /** @type {(Shown | null)[]} */
    this.previews = [null, null];
    /** @type {(Sums | null)[]} what these are made of */
    this.added = [null, null];
    /** @type {{layers: number[], head: number, step?: number} | null} what the hand points at in the
     *  grid */
    this.hover = null;
    /** @type {() => Shown | null} where a place looks, while that is shown in place of a word */
    this.looks = () => null;
  }

  get memory() {
    return this.source.memory;
  }

  /** @param {0 | 1} which */
  stackKey(which) {
    const { state } = this;
    const word = state.get(which ? "word_b" : "word");
    const { layer, head } = state.chosen;
    return JSON.stringify([word, state.get("choice"), layer, head]);
  }

  /** @param {0 | 1} which */
  exactKey(which) {
    return JSON.stringify([...JSON.parse(this.stackKey(which)), ...this.state.steps]);
  }

  /** @param {0 | 1} which */
  stack(which) {
    return this.memory.stacks.get(this.stackKey(which)) ?? null;
  }

  get tilesKey() {
    return JSON.stringify([this.state.get("word"), ...this.state.steps]);
  }

  /**
   * The tiles of the shown word: those of the present steps, else of other steps, which they name.
   *
   * @returns {Tiles | null}
   */
  tiles() {
    const { tileSets } = this.memory;
    const present = tileSets.get(this.tilesKey);
    if (present) return present;
    const word = this.state.get("word");
    const others = [...tileSets.kept.values()].filter(({ value }) => value.word === word);
    return others.at(-1)?.value ?? null;
  }

  /** What the tiles of layers by steps depend on: the word, and the heads that are chosen. */
  get stepTilesKey() {
    return JSON.stringify([this.state.get("word"), inEveryLayer(this.state.chosen)]);
  }

  /**
   * The shown word in every layer at every step.
   *
   * @returns {Tiles | null}
   */
  stepTiles() {
    return this.memory.stepTiles.get(this.stepTilesKey) ?? null;
  }

  get comparing() {
    return this.state.get("word_b") >= 0;
  }

  /** Whether what is shown at rest is the kernel's own map, or all that a page without one has. */
  get settled() {
    return this.#allExact || this.#places.every((which) => this.reduced(which));
  }

  get #allExact() {
    return this.#places.every((which) => this.memory.exacts.get(this.exactKey(which)));
  }

  /** @returns {(0 | 1)[]} */
  get #places() {
    return this.comparing ? [0, 1] : [0];
  }

  /**
   * The map over all steps of heads whose single steps are not here.
   *
   * @param {0 | 1} which
   * @returns {Shown | null}
   */
  reduced(which) {
    const key = this.stackKey(which);
    const map = this.stack(which) ? null : this.memory.reduced.get(key);
    return map ? { kind: "reduced", key: `reduced ${key}`, ...map } : null;
  }

  /**
   * @param {0 | 1} which the word, or the one it is compared with
   * @returns {Shown | null} null where nothing that fits has arrived
   */
  shown(which) {
    if (which === 1 && !this.comparing) return null;
    const looks = which === 0 ? this.looks() : null;
    if (looks) return looks;
    if (this.hover && which === 0) {
      const { layers, head, step } = this.hover;
      const tile = step === undefined ? this.tile(layers, head) : this.stepTile(layers[0], step);
      if (tile) return tile;
    }
    const key = this.exactKey(which);
    const exact = this.memory.exacts.get(key);
    // Both or neither: two maps are compared only when they were made in one way.
    if (exact && this.#allExact) {
      this.memory.exacts.touch(key);
      return { kind: "exact", key, ...exact };
    }
    return this.preview(which) ?? this.reduced(which) ?? this.#ownTile(which);
  }

  /**
   * @param {0 | 1} which
   * @returns {Shown | null}
   */
  preview(which) {
    const stackKey = this.stackKey(which);
    const stack = this.memory.stacks.get(stackKey);
    if (!stack) return null;
    const [lo, hi] = this.state.steps;
    let shown = this.previews[which];
    if (!shown || shown.values.length !== stack.height * stack.width) {
      const values = new Float32Array(stack.height * stack.width);
      shown = { kind: "preview", key: "", values, height: 0, width: 0, max: 0 };
      this.previews[which] = shown;
    }
    const key = `${stackKey}${lo},${hi}`;
    if (shown.key !== key || this.added[which] !== stack) {
      this.added[which] = stack;
      shown.max = meanOver(
        stack,
        Math.min(lo, stack.steps - 1),
        Math.min(hi, stack.steps),
        shown.values,
      );
      shown.key = key;
      shown.height = stack.height;
      shown.width = stack.width;
      this.memory.stacks.touch(stackKey);
    }
    return shown;
  }

  /**
   * The tile of a locked layer and head, of the present steps.
   *
   * @param {0 | 1} which
   */
  #ownTile(which) {
    const { layer, head } = this.state.chosen;
    if (which === 1 || layer < 0 || typeof head !== "number") return null;
    return this.tiles()?.key === this.tilesKey ? this.tile([layer], head) : null;
  }

  /**
   * What one layer or head recorded, cell by cell, where that is all that is chosen and has arrived.
   *
   * @returns {Shown | null}
   */
  recorded() {
    const { layer } = this.state.chosen;
    const tile = this.#ownTile(0);
    const size = this.state.facts.layers?.[layer]?.size;
    const isWhole = tile && size && tile.height === size[0] && tile.width === size[1];
    return isWhole ? tile : null;
  }

  /**
   * One (layer, head) of the grid as a map; several layers of one size are averaged, and all
   * heads where `head` is -1. It says what it is of: its steps may be other than those chosen.
   *
   * @param {number[]} layers
   * @param {number} head
   * @returns {Shown | null}
   */
  tile(layers, head) {
    const tiles = this.tiles();
    if (!tiles || layers.length === 0) return null;
    const [height, width] = tiles.tile[layers[0]];
    const values = new Float32Array(height * width);
    let count = 0;
    for (const layer of layers) {
      if (tiles.tile[layer][0] !== height || tiles.tile[layer][1] !== width) continue;
      const scales = tiles.scales[layer];
      for (let h = 0; h < scales.length; h++) {
        if (head >= 0 && h !== head) continue;
        addTile(tiles, layer, h, values);
        count++;
      }
    }
    if (count === 0) return null;
    for (let i = 0; i < values.length; i++) values[i] /= count;
    const key = `tile ${tiles.key} ${layers} ${head}`;
    const of = { layers, head, lo: tiles.lo, hi: tiles.hi };
    return { kind: "tile", key, values, height, width, max: largest(values), of };
  }

  /**
   * One layer at one step as a map.
   *
   * @param {number} layer
   * @param {number} step place among the kept steps; -1: the mean over all
   * @returns {Shown | null}
   */
  stepTile(layer, step) {
    const tiles = this.stepTiles();
    const row = tiles?.layers?.indexOf(layer) ?? -1;
    if (!tiles || row < 0) return null;
    const [height, width] = tiles.tile[row];
    const values = new Float32Array(height * width);
    const count = tiles.scales[row].length;
    const [lo, hi] = step < 0 ? [0, count] : [step, step + 1];
    for (let t = lo; t < hi; t++) addTile(tiles, row, t, values);
    for (let i = 0; i < values.length; i++) values[i] /= hi - lo;
    const heads = JSON.parse(tiles.key)[1];
    const pairs = pairsIn(heads).filter(([l]) => l === layer);
    const head = pairs.length > 0 ? pairs.map(([, h]) => h) : heads;
    const of = { layers: [layer], head, lo, hi };
    const key = `step ${tiles.key} ${layer} ${step}`;
    return { kind: "tile", key, values, height, width, max: largest(values), of };
  }
}

/**
 * @param {Tiles} tiles
 * @param {number} layer its row
 * @param {number} head
 * @param {Float32Array} values to add to
 */
export function addTile(tiles, layer, head, values) {
  const size = values.length;
  const from = tiles.offsets[layer] + head * size;
  const scale = tiles.scales[layer][head] / 255;
  for (let i = 0; i < size; i++) values[i] += tiles.data[from + i] * scale;
}
