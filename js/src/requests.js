// Questions to the kernel that are answered once, by their number.
/** @import { State } from "./state.js" */

const PATIENCE = 6000;

/** @typedef {{content: any, buffers: any[]}} Answer */

export class Requests {
  /**
   * @param {State} state
   * @param {(alive: boolean) => void} heard told whether the kernel answers
   */
  constructor(state, heard) {
    this.state = state;
    this.heard = heard;
    this.next = 1;
    /** @type {Map<string, {resolve: (answer: Answer) => void, reject: (error: Error) => void}>} */
    this.open = new Map();
    // Several views of one model hear every answer: the numbers carry a name of their own.
    this.name = Math.random().toString(36).slice(2, 8);
    state.on("msg:custom", (content, buffers) => this.#answer(content, buffers ?? []));
  }

  /**
   * @param {any} content
   * @param {any[]} buffers
   */
  #answer(content, buffers) {
    const waiting = this.open.get(content?.id);
    if (!waiting) return;
    this.open.delete(content.id);
    this.heard(true);
    if (content.type === "error") waiting.reject(new Error(String(content.text)));
    else waiting.resolve({ content, buffers });
  }

  /**
   * @param {Record<string, unknown>} content
   * @returns {Promise<Answer>}
   */
  ask(content) {
    const id = `${this.name}-${this.next++}`;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        if (!this.open.delete(id)) return;
        this.heard(false);
        reject(new Error("The kernel does not answer."));
      }, PATIENCE);
      const settle = (/** @type {(value: any) => void} */ done) => (/** @type {any} */ value) => {
        clearTimeout(late);
        done(value);
      };
      this.open.set(id, { resolve: settle(resolve), reject: settle(reject) });
      try {
        this.state.model.send({ ...content, id });
      } catch {
        this.open.delete(id);
        settle(reject)(new Error("There is no kernel behind this page: run the cell again."));
      }
    });
  }

  destroy() {
    this.open.clear();
  }
}
