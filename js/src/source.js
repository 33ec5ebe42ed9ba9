// Where the maps come from: the kernel. Choices are traits; everything else is asked for, and each
// answer is one message that says which recording and which selection it is about.
/** @import { Facts, Model, Part, Question } from "./types.js" */
import { asBytes } from "./bytes.js";
import { unpack, VERSION } from "./container.js";
import { Memory } from "./memory.js";
import { Player } from "./player.js";
import { times } from "./times.js";

/** @typedef {{resolve: (parts: Part[]) => void, reject: (error: Error) => void}} Waiter */
/** @typedef {{text: string, message: any, since: number, tries: number, waiters: Set<Waiter>,
 *   timer: ReturnType<typeof setTimeout> | undefined}} Open a question that is not answered yet */

const SILENT =
  "The kernel has not answered yet: it is busy, or gone (then run the cell again). What is shown is what is here already.";
const GONE = "There is no kernel behind this page: run the cell again.";

/** Nothing can be asked at all. */
export class NoKernel extends Error {}

/** What was asked is wanted by nobody any more, or is of another recording than the present. */
export class Moot extends Error {}

/** Events, recordings and what has arrived: what all sources have. */
export class Source {
  constructor() {
    this.memory = new Memory();
    /** @type {import("./address.js").Address | null} of a page whose address says what it shows */
    this.address = null;
    /** @type {Map<string, Set<() => void>>} */
    this.listeners = new Map();
  }

  /**
   * @param {"facts" | "parts" | "trouble"} event another recording; something arrived; a problem
   *   between page and kernel came or went
   * @param {() => void} callback
   * @returns {() => void} stops
   */
  on(event, callback) {
    const known = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, known.add(callback));
    return () => known.delete(callback);
  }

  /** @param {"facts" | "parts" | "trouble"} event */
  emit(event) {
    for (const callback of [...(this.listeners.get(event) ?? [])]) callback();
  }
}

/** One for each model, shared by its views. */
export class KernelSource extends Source {
  /** @param {Model} model */
  constructor(model) {
    super();
    this.model = model;
    /** What can be asked: any selection there is; masks as files. */
    this.capabilities = { any: true, mask: true };
    /** @type {string | undefined} the recording that is shown */
    this.run = undefined;
    /** @type {Record<string, Part>} */
    this.images = {};
    /** @type {Map<string, Open>} by number */
    this.open = new Map();
    this.next = 1;
    // Other pages may have the same kernel: the numbers carry a name of their own.
    this.name = Math.random().toString(36).slice(2, 8);
    this.refused = "";
    this.gone = false;
    this.kept = "";
    this.player = new Player(model);
    const read = () => this.#read();
    /** @type {[string, (...args: any[]) => void][]} */
    this.listening = [
      ["change:_facts", read],
      ["change:_first", read],
      ["change:_images", read],
      ["msg:custom", (content, buffers) => this.#heard(content, buffers ?? [])],
    ];
    for (const [event, callback] of this.listening) model.on(event, callback);
    this.#read();
  }

  /** @returns {Facts} */
  get facts() {
    return this.model.get("_facts") ?? {};
  }

  /** What is wrong between page and kernel now; empty where nothing is. */
  get trouble() {
    if (this.refused) return this.refused;
    if (this.gone) return GONE;
    const now = performance.now();
    const late = [...this.open.values()].some(({ since }) => now - since >= times.patience[0]);
    return late ? SILENT : "";
  }

  /** Take what came with the traits, in whichever order they arrive. */
  #read() {
    const { run } = this.facts;
    if (run !== this.run) {
      this.run = run;
      this.memory = new Memory();
      this.images = {};
      this.kept = "";
      for (const id of [...this.open.keys()]) this.#close(id)?.forEach(stale);
      this.emit("facts");
    }
    const first = unpack(asBytes(this.model.get("_first")));
    if (first && first.header.run === run) {
      for (const part of first.parts) this.memory.take(part);
      this.kept = first.parts.find((part) => part.name === "exact")?.key ?? "";
    }
    const images = unpack(asBytes(this.model.get("_images")));
    if (images && images.header.run === run) {
      this.images = Object.fromEntries(images.parts.map((part) => [part.name, part]));
    }
    this.emit("parts");
  }

  /**
   * @param {any} content
   * @param {any[]} buffers
   */
  #heard(content, buffers) {
    if (content?.v !== VERSION) return;
    if (content.type === "refused") {
      this.refused = `Not possible: ${content.error} What is shown stands.`;
      this.emit("trouble");
    }
    if (content.type !== "answer") return;
    const before = this.trouble;
    this.gone = false;
    const asked = this.open.get(content.id)?.message;
    const own = content.run === this.run;
    /** @type {Part[]} */
    const parts = (content.parts ?? []).map((/** @type {any} */ { buffer, ...part }) => ({
      ...part,
      // The bytes may belong to the transport, which is free to use them again.
      bytes: buffer === undefined ? undefined : asBytes(buffers[buffer]).slice(),
    }));
    // Each says what it is: also one that comes late may be wanted again.
    const kept = own && parts.filter((part) => this.memory.take(part)).length > 0;
    if (asked && own && same(asked.sel, content.sel)) {
      const waiters = this.#close(content.id) ?? [];
      for (const { resolve, reject } of waiters) {
        if (content.error) reject(new Error(String(content.error)));
        else resolve(parts);
      }
    }
    if (kept) this.emit("parts");
    if (this.trouble !== before) this.emit("trouble");
  }

  /**
   * Ask the kernel. Two views that ask the same ask once.
   *
   * @param {Question} question
   * @param {{signal?: AbortSignal}} [options] ends the wait; the answer is no longer wanted
   * @returns {Promise<Part[]>}
   */
  ask(question, { signal } = {}) {
    const text = JSON.stringify(question);
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const [known] = [...this.open].find(([, one]) => one.text === text) ?? [];
      const id = known ?? this.#begin(text, question);
      if (id === null) {
        reject(new NoKernel(GONE));
        return;
      }
      this.open.get(id)?.waiters.add(waiter);
      signal?.addEventListener("abort", () => {
        const waiters = this.open.get(id)?.waiters;
        if (waiters?.delete(waiter) && waiters.size === 0) this.#close(id);
        reject(new Moot("no longer wanted"));
        this.emit("trouble");
      });
    });
  }

  /**
   * @param {string} text
   * @param {Question} question
   * @returns {string | null} its number; null where there is nobody to ask
   */
  #begin(text, question) {
    const id = `${this.name}-${this.next++}`;
    const message = { v: VERSION, type: "ask", id, run: this.run, ...question };
    if (!this.#send(message)) return null;
    /** @type {Open} */
    const open = {
      text,
      message,
      since: performance.now(),
      tries: 0,
      waiters: new Set(),
      timer: undefined,
    };
    this.open.set(id, open);
    this.#wait(open);
    return id;
  }

  /**
   * A question may be lost on its way, or its answer: it is asked again, under its own number.
   *
   * @param {Open} open
   */
  #wait(open) {
    const wait = times.patience[open.tries++];
    if (wait === undefined) return;
    open.timer = setTimeout(() => {
      this.emit("trouble");
      this.#send(open.message);
      this.#wait(open);
    }, wait);
  }

  /** @param {any} message */
  #send(message) {
    try {
      const sent = /** @type {any} */ (this.model.send(message));
      sent?.catch?.(() => this.#lost());
      return true;
    } catch {
      this.#lost();
      return false;
    }
  }

  #lost() {
    this.gone = true;
    this.emit("trouble");
  }

  /** @param {string} id */
  #close(id) {
    const open = this.open.get(id);
    clearTimeout(open?.timer);
    this.open.delete(id);
    return open?.waiters;
  }

  /** The hand chose again: what was refused before is no matter any more. */
  chosen() {
    if (!this.refused) return;
    this.refused = "";
    this.emit("trouble");
  }

  /**
   * Let a page without a kernel show what is shown now.
   *
   * @param {string} key of the exact map
   */
  keep(key) {
    if (key === this.kept || this.gone) return;
    this.kept = key;
    this.#send({ v: VERSION, type: "keep", run: this.run });
  }

  destroy() {
    this.player.destroy();
    for (const id of [...this.open.keys()]) this.#close(id);
    for (const [event, callback] of this.listening) this.model.off(event, callback);
    this.listeners.clear();
  }
}

/** @param {Waiter} waiter */
function stale({ reject }) {
  reject(new Moot("another recording is shown"));
}

/**
 * @param {unknown} a
 * @param {unknown} b
 */
function same(a, b) {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** @param {any} sel */
function sorted(sel) {
  return sel && typeof sel === "object"
    ? Object.entries(sel).sort(([p], [q]) => (p < q ? -1 : 1))
    : sel;
}
