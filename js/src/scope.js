// What a part may use of its view: what is chosen, the maps of it, and ways to say that something
// changed. What else it needs, the view hands to its constructor.
/** @import { AnySource } from "./types.js" */
/** @import { Maps } from "./maps.js" */
/** @import { State } from "./state.js" */
import { Images } from "./images.js";

export class Scope {
  /**
   * @param {{source: AnySource, state: State, maps: Maps,
   *   invalidate: (what: number) => void,
   *   input: (what: string, handler: () => void) => void,
   *   say: (text: string) => void,
   *   fail: (text: string) => void,
   *   lingering: () => boolean}} view `invalidate` asks for drawing (flags), `input` handles and times
   *   what a hand does, `say` tells a screen reader, `fail` shows what went wrong
   */
  constructor({ source, state, maps, invalidate, input, say, fail, lingering }) {
    this.source = source;
    this.state = state;
    this.maps = maps;
    this.invalidate = invalidate;
    this.input = input;
    this.say = say;
    this.fail = fail;
    this.lingering = lingering;
    this.images = new Images(this);
  }

  /** Whether the last drawing may stay although its question is an old one. */
  get mayLinger() {
    return this.lingering();
  }

  /** Whether a map that is not there will not come: the page has no kernel, and does not hold it. */
  get isAbsent() {
    return !this.source.capabilities.any && !this.mayLinger;
  }

  /** Device pixels per CSS pixel, at most 2. */
  get dots() {
    return Math.min(2, window.devicePixelRatio || 1);
  }
}
