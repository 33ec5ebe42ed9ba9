// The view of a hand-out in its address: `page.html#word=2&steps=3-8&head=1.4&threshold=0.5`. It is read
// when the page opens and when the address changes, and written when the hand rests, in place of the
// one before, so that "Back" leaves the page. What differs from what the page opens with is in it.
/** @import { Control, Facts, Model } from "./types.js" */
import CONTROLS from "./controls.data.js";
import { counting, pairsIn } from "./heads.js";

/** @typedef {Record<string, any>} Values by the name of a control */
/** @typedef {(span: [number, number]) => number | string} Phrase makes a phrase of some characters:
 *   its number, or why there is none */

const LONGEST = 20_000; // letters of an address that are read
const MOST_HEADS = 4096;
const MOST_CORNERS = 2000;
const HEADS = ["layer", "head", "heads"];

/** The controls that an address names, in the order of the table. */
export const NAMES = Object.keys(CONTROLS).filter((name) => CONTROLS[name].address !== false);

/**
 * @param {Values} values of all controls
 * @param {Values} opening what the page opens with
 * @param {Facts | null} [facts] whose phrases are written by their words
 * @returns {string} what stands behind the #; empty where nothing differs
 */
export function written(values, opening, facts = null) {
  const terms = [];
  const differs = (/** @type {string} */ name) => !same(values[name], opening[name]);
  for (const name of NAMES) {
    if (name === HEADS[0] && HEADS.some(differs)) terms.push(...headTerms(values));
    if (HEADS.includes(name) || !differs(name)) continue;
    const kind = KINDS[CONTROLS[name].kind];
    if (kind) terms.push(`${name}=${escaped(kind.write(values[name], facts))}`);
  }
  return terms.join("&");
}

/**
 * Read an address. What it does not name is as the page opens; what cannot be is left out.
 *
 * @param {string} hash with or without #
 * @param {Facts} facts
 * @param {Phrase} [phrase]
 * @returns {{values: Values, ignored: string[]}} names of what was not read, as they stand there
 */
export function read(hash, facts, phrase = () => "no phrases") {
  /** @type {Values} */
  const values = {};
  const ignored = [];
  /** @type {Values} */
  const heads = {};
  const text = hash.replace(/^#/, "");
  if (text.length > LONGEST) return { values, ignored: ["an address of that length"] };
  for (const term of text.split("&").filter(Boolean)) {
    const [name, value] = halves(term);
    if (HEADS.includes(name) && !(name in heads)) heads[name] = value;
    else {
      const control = NAMES.includes(name) && !(name in values) ? CONTROLS[name] : undefined;
      const found = control && KINDS[control.kind]?.read(value, facts, control, phrase);
      if (found === undefined) ignored.push(short(term));
      else values[name] = found;
    }
  }
  if (Object.keys(heads).length > 0) {
    const found = readHeads(heads, facts, values.choice);
    if (found) Object.assign(values, found);
    else ignored.push(...Object.entries(heads).map(([name, value]) => short(`${name}=${value}`)));
  }
  return { values, ignored };
}

/** Keeps the address and the choices of a page the same. */
export class Address {
  /**
   * @param {Model} model
   * @param {Facts} facts
   * @param {{rest?: number, phrase?: Phrase}} [options] milliseconds without a change after which it
   *   is written; what makes a phrase
   */
  constructor(model, facts, { rest = 500, phrase } = {}) {
    this.model = model;
    this.opened = facts;
    this.phrase = phrase;
    this.rest = rest;
    this.opening = this.#values();
    /** What the address names and the page does not know, in words. */
    this.problem = "";
    /** @type {(problem: string) => void} */
    this.said = () => {};
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.stop = new AbortController();
    if (typeof window === "undefined") return; // no page, so no address
    this.open();
    window.addEventListener("hashchange", () => this.open(), { signal: this.stop.signal });
    for (const name of NAMES) model.on(`change:${name}`, () => this.#later());
    model.on("change:playing", () => this.#later());
  }

  /** @returns {Facts} with the phrases that were made since the page was opened */
  get facts() {
    return this.model.get("_facts") ?? this.opened;
  }

  /** Take over what the address says. */
  open() {
    const { values, ignored } = read(window.location.hash, this.facts, this.phrase);
    clearTimeout(this.timer);
    for (const [name, value] of Object.entries({ ...this.opening, ...values })) {
      if (!same(this.model.get(name), value)) this.model.set(name, value);
    }
    clearTimeout(this.timer); // it says so already
    this.problem = ignored.length
      ? `Not understood in the address, and left out: ${ignored.slice(0, 5).join(", ")}.`
      : "";
    this.said(this.problem);
  }

  /** The address of what is shown. */
  get link() {
    const [page] = window.location.href.split("#");
    const text = written(this.#values(), this.opening, this.facts);
    return text ? `${page}#${text}` : page;
  }

  #values() {
    return Object.fromEntries(NAMES.map((name) => [name, this.model.get(name)]));
  }

  #later() {
    clearTimeout(this.timer);
    if (this.model.get("playing")) return;
    this.timer = setTimeout(() => this.write(), this.rest);
  }

  write() {
    const { link } = this;
    if (this.stop.signal.aborted || link === window.location.href) return;
    try {
      window.history.replaceState(window.history.state, "", link);
    } catch {
      // A frame without an address of its own, or a browser that counts changes: the button is there.
    }
  }

  destroy() {
    clearTimeout(this.timer);
    this.stop.abort();
  }
}

/**
 * How the values of a kind of control stand in an address; undefined: not a value of it.
 *
 * @type {Record<string, {write: (value: any, facts: Facts | null) => string,
 *   read: (text: string, facts: Facts, control: Control, phrase: Phrase) => any}>}
 */
const KINDS = {
  EntryNumber: {
    write: (value, facts) =>
      value < 0 ? "none" : (facts?.words?.[value]?.between ?? [value]).join("-"),
    read: (text, facts, control, phrase) => {
      if (text === "none") return control.default === -1 ? -1 : undefined;
      const [, ...ends] = /^(\d{1,6})-(\d{1,6})$/.exec(text) ?? [];
      if (ends.length > 0) {
        const [first, last] = ends.map((end) => facts.words[Number(end)]);
        if (first?.kind !== "word" || last?.kind !== "word" || first.start >= last.start)
          return undefined;
        const number = phrase([first.start, last.end]);
        return typeof number === "number" ? number : undefined;
      }
      const number = /^\d{1,6}$/.test(text)
        ? Number(text)
        : facts.words.findIndex((word) => word.kept && word.text === text);
      return facts.words[number]?.kept ? number : undefined;
    },
  },
  ChoiceName: {
    write: String,
    read: (text, facts) => (Object.hasOwn(facts.choices, text) ? text : undefined),
  },
  MeasureName: {
    write: String,
    read: (text, facts, control) => {
      const known = [...(control.options ?? []), .../** @type {any} */ (facts.measures ?? [])];
      const names = known.map((one) => (Array.isArray(one) ? one[0] : one.name));
      return names.includes(text) ? text : undefined;
    },
  },
  Steps: {
    write: ([first, end]) => (end - first === 1 ? String(first) : `${first}-${end - 1}`),
    read: (text, facts) => {
      const [, first, last = first] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(text) ?? [];
      if (first === undefined) return undefined;
      const [lo, hi] = [Number(first), Number(last) + 1];
      const kept = facts.steps.some(({ place }) => place >= lo && place < hi);
      if (lo >= hi || hi > facts.num_steps || !(kept || facts.summed)) return undefined;
      return [lo, hi];
    },
  },
  Share: {
    write: String,
    read: (text) =>
      /^(0|1|[01]?\.\d{1,20})$/.test(text) && Number(text) <= 1 ? Number(text) : undefined,
  },
  Whole: {
    write: String,
    read: (text, _, { low = 0, high = null }) => {
      if (!/^-?\d{1,9}$/.test(text)) return undefined;
      const number = Number(text);
      return number >= low && (high === null || number <= high) ? number : undefined;
    },
  },
  Flag: {
    write: (value) => (value ? "on" : "off"),
    read: (text) => ({ __proto__: null, on: true, off: false })[text],
  },
  OneOf: {
    write: String,
    read: (text, _, { options = [] }) =>
      options.some(([value]) => value === text) ? text : undefined,
  },
  Region: {
    write: (corners) =>
      corners
        .map((/** @type {number[]} */ corner) => corner.map((at) => +at.toFixed(4)).join(","))
        .join(";") || "none",
    read: (text) => {
      if (text === "none") return [];
      const corners = text.split(";").map((corner) => corner.split(",").map(share));
      const fits = corners.length >= 3 && corners.length <= MOST_CORNERS;
      return fits && corners.every((one) => one.length === 2 && !one.includes(-1))
        ? corners
        : undefined;
    },
  },
};

/** @param {string} text */
function share(text) {
  const none = /** @type {any} */ (null);
  return KINDS.Share.read(text, none, none, none) ?? -1;
}

/**
 * Layer, head and heads as one: `layer=2`, `head=4`, `head=2.4`, `heads=0,3`, `heads=1.3,5.0`.
 *
 * @param {Values} values
 */
function headTerms({ layer, head, heads }) {
  const chosen = counting({ layer, head, heads });
  if (typeof chosen.head !== "number") {
    const several = chosen.head.map((one) => (Array.isArray(one) ? one.join(".") : one));
    const of = chosen.layer >= 0 && pairsIn(chosen.head).length === 0;
    return [...(of ? [`layer=${chosen.layer}`] : []), `heads=${several.join(",")}`];
  }
  if (chosen.layer >= 0 && chosen.head >= 0) return [`head=${chosen.layer}.${chosen.head}`];
  if (chosen.layer >= 0) return [`layer=${chosen.layer}`];
  return [chosen.head >= 0 ? `head=${chosen.head}` : "head=all"];
}

/**
 * @param {Values} texts
 * @param {Facts} facts
 * @param {string | undefined} choice
 * @returns {Values | null} null where there are no such heads, or they do not go together
 */
function readHeads(texts, facts, choice) {
  const { layers } = facts;
  const whole = (/** @type {string} */ text) => (/^\d{1,6}$/.test(text) ? Number(text) : NaN);
  const layer = texts.layer === undefined ? -1 : whole(texts.layer);
  if (texts.layer !== undefined && !layers[layer]) return null;
  const numbers = facts.choices[choice ?? ""] ?? layers.map((_, i) => i);
  const most = layer >= 0 ? layers[layer].heads : Math.max(...numbers.map((i) => layers[i].heads));
  const pair = (/** @type {string} */ text) => {
    const [l, h, more] = text.split(".").map(whole);
    return more === undefined && h < layers[l]?.heads
      ? /** @type {[number, number]} */ ([l, h])
      : null;
  };
  if (texts.heads !== undefined) {
    const listed = texts.heads.split(",");
    if (texts.head !== undefined || listed.length < 2 || listed.length > MOST_HEADS) return null;
    const named = listed.every((/** @type {string} */ text) => text.includes("."));
    const heads = listed.map((/** @type {string} */ text) => (named ? pair(text) : whole(text)));
    const fits = named
      ? layer < 0 && heads.every(Boolean)
      : heads.every((/** @type {number} */ head) => head < most);
    const sorted = heads.every(
      (/** @type {any} */ one, /** @type {number} */ i) => i === 0 || before(heads[i - 1], one),
    );
    return fits && sorted ? { layer, head: -1, heads } : null;
  }
  if (texts.head === undefined) return { layer, head: -1, heads: [] };
  if (texts.head === "all") return { layer, head: -1, heads: [] };
  if (texts.head.includes(".")) {
    const found = layer < 0 ? pair(texts.head) : null;
    return found && { layer: found[0], head: found[1], heads: [] };
  }
  const head = whole(texts.head);
  return head < most ? { layer, head, heads: [] } : null;
}

/**
 * @param {any} one
 * @param {any} other
 */
function before(one, other) {
  if (typeof one === "number") return one < other;
  return one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);
}

/** @param {string} term */
function halves(term) {
  const at = term.indexOf("=");
  const [name, value] = at < 0 ? [term, ""] : [term.slice(0, at), term.slice(at + 1)];
  try {
    return [name, decodeURIComponent(value)];
  } catch {
    return [name, ""]; // a % that begins nothing
  }
}

/** @param {string} text */
function escaped(text) {
  return encodeURIComponent(text).replace(/%2C/g, ",").replace(/%3B/g, ";");
}

/** @param {string} term */
function short(term) {
  return `“${term.length > 40 ? `${term.slice(0, 39)}…` : term}”`;
}

/**
 * @param {unknown} a
 * @param {unknown} b
 */
function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
