// One thing that a view wants to know: asked for once at a time, and always about the present.
/** @import { AnySource, Part, Question } from "./types.js" */
import { Moot, NoKernel } from "./source.js";
import { times } from "./times.js";

export class Asker {
  /**
   * @param {AnySource} source
   * @param {(question: Question, parts: Part[] | null) => void} answered told what was asked and
   *   answered; null where it could not be
   */
  constructor(source, answered) {
    this.source = source;
    this.answered = answered;
    /** @type {{text: string, since: number, stop: AbortController} | null} */
    this.asking = null;
    this.text = ""; // what is wanted now
    this.failed = { text: "", error: "" };
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** Why what is wanted now cannot be had; empty where it can. It goes when something else is. */
  get problem() {
    return this.text !== "" && this.text === this.failed.text ? this.failed.error : "";
  }

  /**
   * Want something, or nothing. While a question is open the next one waits: the kernel answers one
   * after the other, and by then something else may be wanted.
   *
   * @param {Question | null} question
   */
  want(question) {
    clearTimeout(this.timer);
    this.text = question ? JSON.stringify([this.source.run, question]) : "";
    if (this.asking) {
      if (this.asking.text === this.text) return;
      const wait = question ? this.asking.since + times.stale - performance.now() : 0;
      if (wait > 0) {
        this.timer = setTimeout(() => this.want(question), wait);
        return;
      }
      this.asking.stop.abort();
      this.asking = null;
    }
    if (question && this.text !== this.failed.text) this.#ask(question, this.text);
  }

  /**
   * @param {Question} question
   * @param {string} text
   */
  async #ask(question, text) {
    const asking = { text, since: performance.now(), stop: new AbortController() };
    this.asking = asking;
    /** @type {Part[] | null} */
    let parts = null;
    try {
      parts = await this.source.ask(question, { signal: asking.stop.signal });
    } catch (error) {
      if (asking.stop.signal.aborted) return;
      const told = error instanceof NoKernel ? "" : /** @type {Error} */ (error).message;
      if (!(error instanceof Moot)) this.failed = { text, error: told };
    }
    if (this.asking === asking) this.asking = null;
    this.answered(question, parts);
  }

  /** Ask again what could not be answered: another kernel may be there. */
  retry() {
    this.failed = { text: "", error: "" };
  }

  destroy() {
    clearTimeout(this.timer);
    this.asking?.stop.abort();
    this.asking = null;
  }
}
