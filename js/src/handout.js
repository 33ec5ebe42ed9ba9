// A page without a kernel: choices that are kept here, and a source that holds what was embedded.
/** @import { Facts, Head, Part, Question, Sel, Whole } from "./types.js" */
/** @import { Maps } from "./lift.js" */
import { Address } from "./address.js";
import { fromBase64, inflated } from "./bytes.js";
import { composed, meanPart } from "./composed.js";
import { unpackSmall } from "./container.js";
import { restore } from "./filters.js";
import { inEveryLayer, pairsIn } from "./heads.js";
import { backgroundOf, rankable, rowsIn, sharesOf } from "./lift.js";
import { cellOf, cellsInside } from "./measure.js";
import { Memory } from "./memory.js";
import { Player } from "./player.js";
import { reducedMap } from "./reduced.js";
import { Source } from "./source.js";
import { placesOf } from "./state.js";

/** @typedef {{key: string, maps: Maps, stacks: Map<number, Stack>, height: number, width: number,
 *   note: string, background: Whole[] | null}} Ranking maps of all words that are here */
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
    /** @type {Map<number, [number, number][]>} phrases that were made here, of which words and their
     *  weights */
    this.made = new Map();
    this.address = new Address(this.model, this.facts, {
      phrase: (span) => this.#phrase(span),
    });
    /** @type {Record<string, Part>} */
    this.images = {};
    /** @type {Ranking | null} */
    this.ranking = null;
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

  destroy() {
    this.address.destroy();
  }

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
      if (name.startsWith("stack"))
        parts.push((await this.#chosen("stack", key)) ?? (await this.#reduced(key)));
      else if (name.startsWith("exact")) parts.push(await this.#chosen("exact", [...key, lo, hi]));
      else if (name === "step_tiles")
        parts.push(await this.#part(name, JSON.stringify([word, inEveryLayer(sel)])));
      else if (name === "measure") parts.push(await this.#measure(word, lo, hi, at));
      else if (name === "likeness")
        parts.push(await this.#part(name, JSON.stringify([word, lo, hi])));
      else if (name === "tiles") parts.push(await this.#tiles(word, lo, hi));
      else if (name === "words") parts.push(await this.#words(sel, at));
      else if (name === "background") parts.push(await this.#background(sel));
      else if (name === "region") parts.push(await this.#region(sel, at));
      else if (name === "entry") parts.push(this.#entry(at));
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
    const part = this.parts.get(`${name} ${key}`) ?? (await this.#composed(name, key));
    if (!part) return null;
    if (part.deflated) {
      part.bytes = await inflated(/** @type {Uint8Array} */ (part.bytes));
      restore(part.bytes, part);
      part.deflated = false;
    }
    return part;
  }

  /**
   * @param {Question["at"]} at
   * @returns {Part}
   */
  #entry(at) {
    const { span } = /** @type {{span: [number, number]}} */ (at);
    const word = this.#phrase(span);
    if (typeof word === "string") throw new Error(word);
    return { name: "entry", key: "", word };
  }

  /**
   * List a phrase, whose maps are the means of those of its words.
   *
   * @param {[number, number]} span characters
   * @returns {number | string} its number; or why there is none
   */
  #phrase(span) {
    const { words, prompt, of_tokens } = this.facts;
    const known = words.findIndex(
      ({ kind, start, end }) => kind === "phrase" && start === span[0] && end === span[1],
    );
    if (known >= 0) return known;
    if (!of_tokens) return "Of this kind of map, a phrase is not the mean of its words.";
    const phrase = composed(words, span, prompt);
    if (typeof phrase === "string") return phrase;
    this.facts = { ...this.facts, words: [...words, phrase.word] };
    this.made.set(words.length, phrase.of);
    this.model.set("_facts", this.facts);
    return words.length;
  }

  /**
   * A part of a phrase that was made here, from those of its words.
   *
   * @param {string} name
   * @param {string} key that begins with the number of a word
   * @returns {Promise<Part | null>}
   */
  async #composed(name, key) {
    if (!["stack", "exact", "tiles", "step_tiles"].includes(name)) return null;
    const [word, ...rest] = JSON.parse(key);
    const of = this.made.get(word);
    if (!of) return null;
    /** @type {[Part, number][]} */
    const parts = [];
    for (const [part, weight] of of) {
      const own = await this.#part(name, JSON.stringify([part, ...rest]));
      if (!own) return null;
      parts.push([own, weight]);
    }
    const mean = meanPart(key, parts);
    if (mean) this.parts.set(`${name} ${key}`, mean);
    return mean;
  }

  /**
   * The map over all steps of heads whose single steps are not embedded.
   *
   * @param {any[]} key [word, choice, layer, head]
   * @returns {Promise<Part | null>}
   */
  async #reduced([word, choice, layer, head]) {
    const { facts } = this;
    if (!facts.from_tiles || (layer < 0 && head === -1)) return null;
    const range = [0, facts.summed ? 1 : facts.steps.length];
    const tiles = await this.#part("tiles", JSON.stringify([word, ...range]));
    const layers = facts.choices[choice] ?? [];
    const map = tiles && reducedMap(tiles, facts, layers, { layer, head });
    return (
      map && { name: "reduced", key: JSON.stringify([word, choice, layer, head]), map, over: range }
    );
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
   * A number for each head: of the model, or of a word and steps.
   *
   * @param {number} word
   * @param {number} lo
   * @param {number} hi
   * @param {Question["at"]} at
   */
  async #measure(word, lo, hi, at) {
    const { measure } = /** @type {{measure: string}} */ (at);
    const ofWord = await this.#part("measure", `${measure} ${JSON.stringify([word, lo, hi])}`);
    return ofWord ?? (await this.#part("measure", measure));
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
    const first = this.made.get(word)?.[0][0] ?? word;
    const others = keys.map((key) => JSON.parse(key)).filter(([of]) => of === first);
    for (const [, ...range] of others) {
      const other = await this.#part("tiles", JSON.stringify([word, ...range]));
      if (other) return other;
    }
    return null;
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
   * The maps of all words that are here over the chosen steps, kept until others are chosen.
   *
   * @param {Sel} sel
   * @returns {Promise<Ranking>}
   */
  async #maps({ choice, layer, head, steps, special }) {
    const [lo, hi] = placesOf(this.facts, /** @type {[number, number]} */ (steps));
    const key = JSON.stringify([choice, layer, head, lo, hi, special]);
    if (this.ranking?.key === key) return this.ranking;
    const words = rankable(this.facts.words, special);
    const own = await this.#embedded(words, choice, layer, head);
    const stacks = own.size > 0 ? own : await this.#embedded(words, choice, -1, -1);
    const note = own.size > 0 ? "" : "All heads: this selection is not embedded in this page.";
    const among = stacks.size < words.length ? `Among the ${stacks.size} embedded words. ` : "";
    const maps = new Map([...stacks].map(([word, stack]) => [word, meanMap(stack, lo, hi)]));
    const [, height, width] = [...stacks.values()][0]?.shape ?? [0, 1, 1];
    this.ranking = { key, maps, stacks, height, width, note: among + note, background: null };
    return this.ranking;
  }

  /**
   * @param {Sel} sel
   * @param {Question["at"]} at
   * @returns {Promise<Part>}
   */
  async #words(sel, at) {
    const { y, x } = /** @type {{y: number, x: number}} */ (at);
    const { maps, height, width, note } = await this.#maps(sel);
    const cell = cellOf(y, height) * width + cellOf(x, width);
    const values = new Map([...maps].map(([word, map]) => [word, map[cell]]));
    const rows = [...sharesOf(values)].map(([word, share]) => ({
      word,
      value: values.get(word) ?? 0,
      share,
    }));
    return { name: "words", key: "", rows, note };
  }

  /**
   * @param {Sel} sel
   * @returns {Promise<Part>}
   */
  async #background(sel) {
    const ranking = await this.#maps(sel);
    ranking.background ??= backgroundOf(ranking.maps);
    return { name: "background", key: "", rows: ranking.background };
  }

  /**
   * @param {Sel} sel
   * @param {Question["at"]} at
   * @returns {Promise<Part>}
   */
  async #region(sel, at) {
    const { polygon } = /** @type {{polygon: [number, number][]}} */ (at);
    const steps = placesOf(this.facts, /** @type {[number, number]} */ (sel.steps));
    const { maps, stacks, height, width, note } = await this.#maps(sel);
    const inside = (/** @type {number[]} */ [, high, wide]) => cellsInside(polygon, high, wide);
    const shown =
      stacks.get(sel.word) ?? (await this.#stack(sel.word, sel.choice, sel.layer, sel.head));
    return {
      name: "region",
      key: "",
      rows: rowsIn(maps, cellsInside(polygon, height, width), width),
      bars_of: sel.word,
      by_step: shown && stepMeans(shown, inside(shown.shape)),
      by_layer: await this.#byLayer(sel, steps, inside),
      note,
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
   * @param {number[]} words
   * @param {string} choice
   * @param {number} layer
   * @param {Head} head
   * @returns {Promise<Map<number, Stack>>} by word
   */
  async #embedded(words, choice, layer, head) {
    const stacks = new Map();
    for (const word of words) {
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
 * The mean over some steps.
 *
 * @param {Stack} stack
 * @param {number} lo
 * @param {number} hi
 * @returns {Float64Array} (y, x)
 */
function meanMap({ counts, scales, shape }, lo, hi) {
  const size = shape[1] * shape[2];
  const mean = new Float64Array(size);
  for (let t = lo; t < hi; t++) {
    const unit = scales[t] / (hi - lo);
    for (let i = 0; i < size; i++) mean[i] += counts[t * size + i] * unit;
  }
  return mean;
}
