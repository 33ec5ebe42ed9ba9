// A page without a kernel: a model that holds what was embedded and answers from it.
/** @import { Facts, Row } from "./types.js" */
import { fromBase64, fromGzip } from "./bytes.js";
import { cellOf, cellsInside } from "./measure.js";
import { placesOf } from "./state.js";

/**
 * @param {any} state an object, or base64 of gzip of its JSON
 * @returns {Promise<any>}
 */
export async function unpacked(state) {
  return typeof state === "string" ? fromGzip(state) : state;
}

/** Imitates the model of a notebook. */
export class Shim {
  /** @param {any} state */
  constructor(state) {
    this.state = state;
    /** @type {Record<string, any>} */
    this.values = {
      ...state.traits,
      _facts: { ...state.facts, kernel: false, left_out: state.left_out ?? state.facts.left_out },
      _image: state.image ? fromBase64(state.image) : null,
      _strip: state.strip ? fromBase64(state.strip) : null,
    };
    /** @type {Map<string, Set<(...args: any[]) => void>>} */
    this.listeners = new Map();
    this.save_changes();
  }

  /** @param {string} name */
  get(name) {
    return this.values[name];
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  set(name, value) {
    if (Object.is(this.values[name], value)) return;
    this.values[name] = value;
    this.#emit(`change:${name}`, this, value);
  }

  /**
   * @param {string} event
   * @param {(...args: any[]) => void} callback
   */
  on(event, callback) {
    const known = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, known.add(callback));
  }

  /**
   * @param {string | null} [event]
   * @param {((...args: any[]) => void) | null} [callback]
   */
  off(event, callback) {
    if (!event) this.listeners.clear();
    else if (callback) this.listeners.get(event)?.delete(callback);
    else this.listeners.delete(event);
  }

  /**
   * @param {string} event
   * @param {...any} values
   */
  #emit(event, ...values) {
    for (const callback of [...(this.listeners.get(event) ?? [])]) callback(...values);
  }

  /** Answer what was chosen, from what is embedded. */
  save_changes() {
    const { choice, layer, head, word, word_b: other } = this.values;
    const steps = placesOf(this.values._facts, this.values.steps);
    const given = (/** @type {number} */ w) => JSON.stringify([w, choice, layer, head]);
    this.#give("_stack", "stacks", given(word));
    if (other >= 0) this.#give("_stack_b", "stacks", given(other));
    const exact = (/** @type {number} */ w) => JSON.stringify([w, choice, layer, head, ...steps]);
    this.#give("_exact", "exacts", exact(word));
    if (other >= 0) this.#give("_exact_b", "exacts", exact(other));
    const tiles = Object.keys(this.state.tiles ?? {});
    const present = JSON.stringify([word, ...steps]);
    const found = tiles.includes(present)
      ? present
      : tiles.find((key) => JSON.parse(key)[0] === word);
    if (found) this.#give("_tiles", "tiles", found);
  }

  /**
   * @param {string} trait
   * @param {"stacks" | "exacts" | "tiles"} from
   * @param {string} key
   */
  #give(trait, from, key) {
    const entry = this.#entry(from, key);
    if (!entry || this.values[`${trait}_meta`]?.key === key) return;
    const { data, ...meta } = entry;
    this.values[trait] = fromBase64(data);
    this.set(`${trait}_meta`, { ...meta, key });
  }

  /**
   * What does not depend on the choice of layers is embedded once, under no choice.
   *
   * @param {"stacks" | "exacts" | "tiles"} from
   * @param {string} key
   */
  #entry(from, key) {
    const entries = this.state[from] ?? {};
    if (entries[key] || from === "tiles") return entries[key];
    const [word, , layer, ...rest] = JSON.parse(key);
    return layer >= 0 ? entries[JSON.stringify([word, "", layer, ...rest])] : undefined;
  }

  /** @param {any} content */
  send(content) {
    const answer = this.#answer(content);
    setTimeout(() => this.#emit("msg:custom", { ...answer, id: content.id }, []), 0);
  }

  /** @param {any} content */
  #answer(content) {
    if (content.type !== "pixel" && content.type !== "region") {
      return { type: "error", text: "This page has no kernel to ask." };
    }
    const { choice, layer, head } = this.values;
    const steps = placesOf(this.values._facts, this.values.steps);
    const words = this.#embedded(choice, layer, head);
    const whole = words.length > 0 ? words : this.#embedded(choice, -1, -1);
    const note = words.length > 0 ? "" : "All heads: this selection is not embedded in this page.";
    const among =
      whole.length < this.values._facts.words.length
        ? `Among the ${whole.length} embedded words. `
        : "";
    const inside = (/** @type {number[]} */ shape) => {
      const [, height, width] = shape;
      if (content.type === "region") return cellsInside(content.polygon, height, width);
      const one = new Uint8Array(height * width);
      one[cellOf(content.y, height) * width + cellOf(content.x, width)] = 1;
      return one;
    };
    /** @type {Map<number, number[]>} */
    const bySteps = new Map();
    for (const { word, entry } of whole) bySteps.set(word, stepMeans(entry, inside(entry.shape)));
    const rows = ranking(bySteps, steps);
    const type = content.type === "pixel" ? "words" : "region";
    const by_step = bySteps.get(this.values.word);
    return { type, rows, by_step, by_layer: this.#byLayer(inside), note: among + note };
  }

  /**
   * The mean attention of the shown word inside, for each layer that is chosen and embedded.
   *
   * @param {(shape: number[]) => Uint8Array} inside
   * @returns {(number | null)[] | undefined}
   */
  #byLayer(inside) {
    /** @type {Facts} */
    const facts = this.values._facts;
    const { choice, layer, head, word } = this.values;
    const steps = placesOf(facts, this.values.steps);
    const found = facts.layers.map((_, i) => {
      const chosen = layer >= 0 ? i === layer : (facts.choices[choice] ?? []).includes(i);
      const entry = chosen && this.#entry("stacks", JSON.stringify([word, "", i, head]));
      if (!entry) return null;
      const means = stepMeans(entry, inside(entry.shape)).slice(...steps);
      return means.reduce((sum, mean) => sum + mean, 0) / means.length;
    });
    return found.some((value) => value !== null) ? found : undefined;
  }

  /**
   * @param {string} choice
   * @param {number} layer
   * @param {number} head
   */
  #embedded(choice, layer, head) {
    /** @type {Facts} */
    const facts = this.values._facts;
    const found = [];
    for (let word = 0; word < facts.words.length; word++) {
      const entry = this.#entry("stacks", JSON.stringify([word, choice, layer, head]));
      if (entry) found.push({ word, entry });
    }
    return found;
  }
}

/**
 * @param {{data: string, scales: number[], shape: number[]}} entry
 * @param {Uint8Array} inside (y, x)
 * @returns {number[]} mean attention inside, by step
 */
function stepMeans(entry, inside) {
  const counts = fromBase64(entry.data);
  const cells = Math.max(
    1,
    inside.reduce((sum, one) => sum + one, 0),
  );
  return entry.scales.map((unit, t) => {
    let sum = 0;
    for (let i = 0; i < inside.length; i++) if (inside[i]) sum += counts[t * inside.length + i];
    return (sum * unit) / cells;
  });
}

/**
 * @param {Map<number, number[]>} bySteps
 * @param {number[]} steps [lo, hi)
 * @returns {Row[]} the largest first
 */
function ranking(bySteps, steps) {
  const [lo, hi] = steps;
  const rows = [...bySteps].map(([word, means]) => {
    const chosen = means.slice(lo, hi);
    return { word, value: chosen.reduce((sum, mean) => sum + mean, 0) / chosen.length, share: 0 };
  });
  const sum = rows.reduce((total, row) => total + row.value, 0) || 1;
  for (const row of rows) row.share = row.value / sum;
  return rows.sort((p, q) => q.value - p.value);
}
