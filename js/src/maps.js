// Which map is shown: the exact one where it has arrived, else the preview, else a tile.
/** @import { Shown, Sums, Tiles } from "./types.js" */
/** @import { State } from "./state.js" */
import { asBytes, asFloats } from "./bytes.js";
import { Cache } from "./cache.js";
import { largest } from "./measure.js";
import { meanOver, prefixSums } from "./sums.js";

const STACK_BYTES = 48 << 20;
const EXACT_BYTES = 4 << 20;
const TILE_BYTES = 24 << 20;

/** Maps of one explorer, by key, so that an answer to an old question is never shown as a new. */
export class Maps {
  /** @param {State} state */
  constructor(state) {
    this.state = state;
    /** @type {Cache<Sums>} */
    this.stacks = new Cache(STACK_BYTES);
    /** @type {Cache<{values: Float32Array, height: number, width: number, max: number}>} */
    this.exacts = new Cache(EXACT_BYTES);
    /** @type {Cache<Tiles>} */
    this.tileSets = new Cache(TILE_BYTES);
    /** @type {(Shown | null)[]} */
    this.previews = [null, null];
    /** @type {{layers: number[], head: number} | null} what the hand points at in the grid */
    this.hover = null;
    this.stackArrived("_stack");
    this.stackArrived("_stack_b");
    this.exactArrived("_exact");
    this.exactArrived("_exact_b");
    this.tilesArrived();
  }

  /** @param {string} name */
  stackArrived(name) {
    const meta = this.state.model.get(`${name}_meta`);
    const counts = asBytes(this.state.model.get(name));
    if (!meta?.key || counts.length === 0 || this.stacks.get(meta.key)) return;
    if (
      counts.length !==
      meta.shape?.reduce((/** @type {number} */ p, /** @type {number} */ n) => p * n, 1)
    )
      return;
    // The bytes may belong to the transport, which is free to use them again.
    const stack = prefixSums(counts.slice(), meta.scales, meta.shape);
    this.stacks.put(meta.key, stack, stack.sums.byteLength + counts.length);
  }

  /** @param {string} name */
  exactArrived(name) {
    const meta = this.state.model.get(`${name}_meta`);
    const values = asFloats(this.state.model.get(name));
    if (!meta?.key || values.length === 0) return;
    const [height, width] = meta.shape ?? this.state.facts.grid;
    if (values.length !== height * width) return;
    const max = meta.max ?? largest(values);
    this.exacts.put(meta.key, { values, height, width, max }, values.byteLength);
  }

  tilesArrived() {
    const meta = this.state.model.get("_tiles_meta");
    const data = asBytes(this.state.model.get("_tiles"));
    if (!meta?.key || data.length === 0) return;
    const [word, lo, hi] = JSON.parse(meta.key);
    this.tileSets.put(meta.key, { ...meta, data: data.slice(), word, lo, hi }, data.length);
  }

  /** @param {0 | 1} which */
  stackKey(which) {
    const { state } = this;
    const word = state.get(which ? "word_b" : "word");
    return JSON.stringify([word, state.get("choice"), state.get("layer"), state.get("head")]);
  }

  /** @param {0 | 1} which */
  exactKey(which) {
    return JSON.stringify([...JSON.parse(this.stackKey(which)), ...this.state.steps]);
  }

  /** @param {0 | 1} which */
  stack(which) {
    return this.stacks.get(this.stackKey(which)) ?? null;
  }

  /**
   * The tiles of the shown word: those of the present steps, else of other steps.
   *
   * @returns {Tiles | null}
   */
  tiles() {
    const word = this.state.get("word");
    const present = this.tileSets.get(JSON.stringify([word, ...this.state.steps]));
    if (present) return present;
    let found = null;
    for (const { value } of this.tileSets.kept.values()) if (value.word === word) found = value;
    return found;
  }

  get comparing() {
    return this.state.get("word_b") >= 0;
  }

  /** Whether what is shown at rest is the kernel's own map. */
  get settled() {
    if (!this.exacts.get(this.exactKey(0))) return false;
    return !this.comparing || Boolean(this.exacts.get(this.exactKey(1)));
  }

  /**
   * @param {0 | 1} which the word, or the one it is compared with
   * @returns {Shown | null} null where nothing that fits has arrived
   */
  shown(which) {
    if (which === 1 && !this.comparing) return null;
    if (this.hover && which === 0) {
      const tile = this.tile(this.hover.layers, this.hover.head);
      if (tile) return tile;
    }
    const key = this.exactKey(which);
    const exact = this.exacts.get(key);
    // Both or neither: two maps are compared only when they were made in one way.
    if (exact && this.settled) {
      this.exacts.touch(key);
      return { kind: "exact", key, ...exact };
    }
    return this.preview(which) ?? this.#ownTile(which);
  }

  /**
   * @param {0 | 1} which
   * @returns {Shown | null}
   */
  preview(which) {
    const stackKey = this.stackKey(which);
    const stack = this.stacks.get(stackKey);
    if (!stack) return null;
    const [lo, hi] = this.state.steps;
    let shown = this.previews[which];
    if (!shown || shown.values.length !== stack.height * stack.width) {
      const values = new Float32Array(stack.height * stack.width);
      shown = { kind: "preview", key: "", values, height: 0, width: 0, max: 0 };
      this.previews[which] = shown;
    }
    const key = `${stackKey}${lo},${hi}`;
    if (shown.key !== key) {
      shown.max = meanOver(
        stack,
        Math.min(lo, stack.steps - 1),
        Math.min(hi, stack.steps),
        shown.values,
      );
      shown.key = key;
      shown.height = stack.height;
      shown.width = stack.width;
      this.stacks.touch(stackKey);
    }
    return shown;
  }

  /** @param {0 | 1} which */
  #ownTile(which) {
    const layer = this.state.get("layer");
    if (which === 1 || layer < 0) return null;
    return this.tile([layer], this.state.get("head"));
  }

  /**
   * One (layer, head) of the grid as a map; several layers of one size are averaged, and all
   * heads where `head` is -1.
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
    return { kind: "tile", key, values, height, width, max: largest(values) };
  }
}

/**
 * @param {Tiles} tiles
 * @param {number} layer
 * @param {number} head
 * @param {Float32Array} values to add to
 */
export function addTile(tiles, layer, head, values) {
  const size = values.length;
  const from = tiles.offsets[layer] + head * size;
  const scale = tiles.scales[layer][head] / 255;
  for (let i = 0; i < size; i++) values[i] += tiles.data[from + i] * scale;
}
