// A page without a kernel: choices that are kept here, and a source that holds what was embedded.
/** @import { Facts, Head, Part, Question, Row, Sel } from "./types.js" */
import { fromBase64, inflated } from "./bytes.js";
import { unpackSmall } from "./container.js";
import { pairsIn } from "./heads.js";
import { cellOf, cellsInside } from "./measure.js";
import { Memory } from "./memory.js";
import { Player } from "./player.js";
import { Source } from "./source.js";
import { placesOf } from "./state.js";

/** @typedef {{key: string, counts: Uint8Array, scales: number[], shape: number[]}} Stack */

/**
 * @param {string} state base64 of a container
 * @returns {Promise<HandoutSource>}
 */
export async function opened(state) {
  const { header, parts } = (await unpackSmall(fromBase64(state))) ?? {};
  if (!header || !parts) throw new Error("it was written by another version");
  const source = new HandoutSource(header, parts);
  await source.begin();
  return source;
}

/** Imitates the model of a notebook: it keeps the choices. */
export class Shim {
  /** @param {Record<string, any>} values */
  constructor(values) {
    this.values = { ...values };
    /** @type {Map<string, Set<(...args: any[]) => void>>} */
    this.listeners = new Map();
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
    for (const callback of [...(this.listeners.get(`change:${name}`) ?? [])]) callback();
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

  save_changes() {}

  send() {}
}

/** Answers as the kernel does, from what is embedded; what is not there is not in the answer. */
export class HandoutSource extends Source {
  /**
   * @param {{facts: Facts, traits: Record<string, any>}} header
   * @param {Part[]} parts
   */
  constructor(header, parts) {
    super();
    this.facts = header.facts;
    this.run = header.facts.run;
    this.model = new Shim({ ...header.traits, _facts: header.facts });
    /** Only what was embedded can be asked for; masks are made by the page. */
    this.capabilities = { any: false, mask: false };
    this.memory = new Memory();
    this.player = new Player(this.model);
    this.trouble = "";
    /** @type {Map<string, Part>} */
    this.parts = new Map(parts.map((part) => [`${part.name} ${part.key}`, part]));
    /** @type {Record<string, Part>} */
    this.images = {};
  }

  /** Inflate the images. */
  async begin() {
    for (const name of ["image", "strip"]) {
      const part = await this.#part(name, "");
      if (part) this.images[name] = part;
    }
  }

  chosen() {}

  keep() {}

  /**
   * @param {Question} question
   * @returns {Promise<Part[]>}
   */
  async ask({ want, sel, at }) {
    const [lo, hi] = placesOf(this.facts, /** @type {[number, number]} */ (sel.steps));
    const { choice, layer, head, word } = sel;
    const parts = [];
    for (const name of want) {
      const of = name.endsWith("_b") ? sel.word_b : word;
      const key = [of, choice, layer, head];
      if (name.startsWith("stack")) parts.push(await this.#chosen("stack", key));
      else if (name.startsWith("exact")) parts.push(await this.#chosen("exact", [...key, lo, hi]));
      else if (name === "tiles") parts.push(await this.#tiles(word, lo, hi));
      else if (name === "words" || name === "region") parts.push(await this.#rank(name, sel, at));
    }
    const own = parts.filter((part) => part !== null);
    for (const part of own) this.memory.take(part);
    return own;
  }

  /**
   * @param {string} name
   * @param {string} key
   * @returns {Promise<Part | null>}
   */
  async #part(name, key) {
    const part = this.parts.get(`${name} ${key}`);
    if (!part) return null;
    if (part.deflated) {
      part.bytes = await inflated(/** @type {Uint8Array} */ (part.bytes));
      part.deflated = false;
    }
    return part;
  }

  /**
   * What does not depend on the choice of layers is embedded once, under no choice.
   *
   * @param {"stack" | "exact"} name
   * @param {any[]} key [word, choice, layer, head, ...]
   * @returns {Promise<Part | null>}
   */
  async #chosen(name, key) {
    const asked = JSON.stringify(key);
    const part = await this.#part(name, asked);
    if (part) return part;
    const [word, , layer, head, ...rest] = key;
    if (layer < 0 && pairsIn(head).length === 0) return null;
    const once = await this.#part(name, JSON.stringify([word, "", layer, head, ...rest]));
    return once && { ...once, key: asked };
  }

  /**
   * The grid of the steps chosen, else of other steps, which it names.
   *
   * @param {number} word
   * @param {number} lo
   * @param {number} hi
   */
  async #tiles(word, lo, hi) {
    const present = await this.#part("tiles", JSON.stringify([word, lo, hi]));
    if (present) return present;
    const keys = [...this.parts.values()].filter(({ name }) => name === "tiles").map((p) => p.key);
    const other = keys.find((key) => JSON.parse(key)[0] === word);
    return other ? this.#part("tiles", other) : null;
  }

  /**
   * @param {number} word
   * @param {string} choice
   * @param {number} layer
   * @param {Head} head
   * @returns {Promise<Stack | null>}
   */
  async #stack(word, choice, layer, head) {
    const key = JSON.stringify([word, choice, layer, head]);
    const part = await this.#chosen("stack", JSON.parse(key));
    if (!part) return null;
    const { scales, shape } = part;
    return { key, counts: /** @type {Uint8Array} */ (part.bytes), scales, shape };
  }

  /**
   * @param {"words" | "region"} name
   * @param {Sel} sel
   * @param {Question["at"]} at
   * @returns {Promise<Part>}
   */
  async #rank(name, sel, at) {
    const place = /** @type {any} */ (at);
    const { choice, layer, head } = sel;
    const steps = placesOf(this.facts, /** @type {[number, number]} */ (sel.steps));
    const own = await this.#embedded(choice, layer, head);
    const whole = own.size > 0 ? own : await this.#embedded(choice, -1, -1);
    const note = own.size > 0 ? "" : "All heads: this selection is not embedded in this page.";
    const few = whole.size < this.facts.words.length;
    const among = few ? `Among the ${whole.size} embedded words. ` : "";
    const inside = (/** @type {number[]} */ [, height, width]) => {
      if (name === "region") return cellsInside(place.polygon, height, width);
      const one = new Uint8Array(height * width);
      one[cellOf(place.y, height) * width + cellOf(place.x, width)] = 1;
      return one;
    };
    /** @type {Map<number, number[]>} */
    const bySteps = new Map();
    for (const [word, stack] of whole) bySteps.set(word, stepMeans(stack, inside(stack.shape)));
    return {
      name,
      key: "",
      rows: ranking(bySteps, steps),
      bars_of: sel.word,
      by_step: bySteps.get(sel.word),
      by_layer: await this.#byLayer(sel, steps, inside),
      note: among + note,
    };
  }

  /**
   * The mean of the shown word's map inside, for each layer that is chosen and embedded.
   *
   * @param {Sel} sel
   * @param {[number, number]} steps
   * @param {(shape: number[]) => Uint8Array} inside
   * @returns {Promise<(number | null)[] | undefined>}
   */
  async #byLayer({ choice, layer, head, word }, steps, inside) {
    const { facts } = this;
    const values = [];
    for (let i = 0; i < facts.layers.length; i++) {
      const chosen = layer >= 0 ? i === layer : (facts.choices[choice] ?? []).includes(i);
      const stack = chosen ? await this.#stack(word, "", i, head) : null;
      const means = stack && stepMeans(stack, inside(stack.shape)).slice(...steps);
      values.push(means && means.reduce((sum, mean) => sum + mean, 0) / means.length);
    }
    return values.some((value) => value !== null) ? values : undefined;
  }

  /**
   * @param {string} choice
   * @param {number} layer
   * @param {Head} head
   * @returns {Promise<Map<number, Stack>>} by word
   */
  async #embedded(choice, layer, head) {
    const stacks = new Map();
    for (let word = 0; word < this.facts.words.length; word++) {
      const stack = await this.#stack(word, choice, layer, head);
      if (stack) stacks.set(word, stack);
    }
    return stacks;
  }
}

/**
 * @param {Stack} stack
 * @param {Uint8Array} inside (y, x)
 * @returns {number[]} mean inside, by step
 */
function stepMeans({ counts, scales }, inside) {
  const cells = Math.max(
    1,
    inside.reduce((sum, one) => sum + one, 0),
  );
  return scales.map((unit, t) => {
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
