// What the atlas lacks of what it shows: asked for one thing after the other, while the hand rests.
/** @import { Scope } from "../scope.js" */
/** @import { Question } from "../types.js" */
import { Asker } from "../asker.js";
import * as flags from "../flags.js";
import { measureKey, measureOf, shareKey } from "./measures.js";

const AT_ONCE = 6; // layers whose larger tiles are asked for together

/** @typedef {{layers: number[], side: number}} Closer layers whose tiles are looked at closely, and the size
 *   of a tile on the screen */

export class AtlasWants {
  /**
   * @param {Scope} scope
   * @param {() => Closer} closer
   */
  constructor(scope, closer) {
    this.scope = scope;
    this.closer = closer;
    /** @type {Set<string>} what this source does not have */
    this.absent = new Set();
    this.asker = new Asker(scope.source, (question) => this.#answered(question));
    /** @type {string[]} what is asked for now */
    this.asked = [];
  }

  /** Whether a number or an order that is shown has not arrived. */
  get lacking() {
    return this.#measures().length > 0;
  }

  update() {
    const { state } = this.scope;
    const still = !state.moving && !state.get("playing");
    const [first] = still ? [...this.#measures(), ...this.#closer()] : [];
    this.asked = first?.keys ?? [];
    this.asker.want(first?.question ?? null);
  }

  /** @returns {{keys: string[], question: Question}[]} */
  #measures() {
    const { scope } = this;
    const { maps, source, state } = scope;
    const { memory } = source;
    if (state.get("tile_axes") !== "heads") return []; // these are of heads
    if (!memory.tileSets.get(maps.tilesKey)) return []; // the tiles themselves first
    /** @type {{keys: string[], question: Question}[]} */
    const wants = [];
    const put = (/** @type {string} */ key, /** @type {string} */ name, /** @type {any} */ at) => {
      if (!this.absent.has(key))
        wants.push({
          keys: [key],
          question: { want: [name], sel: state.sel, ...(at ? { at } : {}) },
        });
    };
    for (const name of new Set([state.get("tile_measure"), state.get("tile_sort")])) {
      if (name === "likeness" && !memory.orders.get(maps.tilesKey))
        put(`likeness ${maps.tilesKey}`, "likeness", null);
      const of = measureOf(scope, name)?.of;
      if (of === "mask" && !memory.overlaps.get(shareKey(scope))) {
        const region = state.get("region");
        put(shareKey(scope), "overlap", region?.length > 0 ? { within: region } : null);
      }
      if ((of === "model" || of === "word") && !memory.measures.get(measureKey(scope, name)))
        put(measureKey(scope, name), "measure", { measure: name });
    }
    return wants;
  }

  /** @returns {{keys: string[], question: Question}[]} */
  #closer() {
    const { maps, source, state } = this.scope;
    const tiles = source.memory.tileSets.get(maps.tilesKey);
    const { layers, side } = this.closer();
    if (!tiles || side === 0) return [];
    const wanted = side > 32 ? 64 : 32;
    const lacking = layers.filter((layer) => {
      const most = Math.min(wanted, Math.max(...state.facts.layers[layer].size));
      const [here] =
        source.memory.layerTiles.get(`${tiles.key} ${layer}`)?.tile ?? tiles.tile[layer];
      const key = `${tiles.key} ${layer} ${wanted}`;
      return Math.max(...tiles.tile[layer]) < most && here < most && !this.absent.has(key);
    });
    if (lacking.length === 0) return [];
    const some = lacking.slice(0, AT_ONCE);
    const question = { want: ["layer_tiles"], sel: state.sel, at: { layers: some, side: wanted } };
    return [{ keys: some.map((layer) => `${tiles.key} ${layer} ${wanted}`), question }];
  }

  /** @param {Question} question */
  #answered(question) {
    const text = JSON.stringify(question);
    const [first] = [...this.#measures(), ...this.#closer()];
    // What was answered and is lacking still, this source does not have.
    if (first && JSON.stringify(first.question) === text)
      for (const key of first.keys) this.absent.add(key);
    this.scope.invalidate(flags.GRID);
  }

  forget() {
    this.absent.clear();
    this.asker.retry();
  }

  destroy() {
    this.asker.destroy();
  }
}
