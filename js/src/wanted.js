// The maps that a view lacks: what belongs to its selection and has not arrived is asked for.
/** @import { Scope } from "./scope.js" */
/** @import { Part, Question } from "./types.js" */
import { Asker } from "./asker.js";
import * as flags from "./flags.js";

export class Wanted {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.asker = new Asker(scope.source, (question, parts) => this.#answered(question, parts));
    /** @type {Set<string>} parts that this source does not have */
    this.absent = new Set();
  }

  /** Names of the parts that are lacking, those that are needed first in front. */
  get lacking() {
    const { maps, state, source } = this.scope;
    const { memory } = source;
    const lacking = [];
    const places = /** @type {(0 | 1)[]} */ (maps.comparing ? [0, 1] : [0]);
    for (const which of places) {
      const end = which ? "_b" : "";
      if (maps.reduced(which)) continue;
      if (!memory.stacks.get(maps.stackKey(which))) lacking.push(`stack${end}`);
      if (!memory.exacts.get(maps.exactKey(which))) lacking.push(`exact${end}`);
    }
    if (state.get("tile_axes") === "steps" && !maps.stepTiles()) lacking.push("step_tiles");
    if (!state.get("playing") && !memory.tileSets.get(maps.tilesKey)) lacking.push("tiles");
    return lacking.filter((name) => !this.absent.has(this.#key(name)));
  }

  /** Ask for what is lacking; a hand that moves needs the maps of all steps alone. */
  update() {
    const { state } = this.scope;
    const { lacking } = this;
    const first = lacking.filter((name) => /^(stack|exact)/.test(name));
    const stacks = lacking.filter((name) => name.startsWith("stack"));
    const want = state.moving ? stacks : first.length > 0 ? first : lacking;
    this.asker.want(want.length > 0 ? { want, sel: state.sel } : null);
  }

  /**
   * @param {Question} question
   * @param {Part[] | null} parts
   */
  #answered(question, parts) {
    const { scope } = this;
    if (parts && JSON.stringify(question.sel) === JSON.stringify(scope.state.sel)) {
      const { lacking } = this;
      for (const name of question.want)
        if (lacking.includes(name)) this.absent.add(this.#key(name));
    }
    scope.invalidate(flags.MAP | flags.STRIP | flags.GRID | flags.STEPS | flags.LOOK);
  }

  /** @param {string} name of a part, under the present selection */
  #key(name) {
    const { maps } = this.scope;
    const which = name.endsWith("_b") ? 1 : 0;
    if (name.startsWith("stack")) return `stack ${maps.stackKey(which)}`;
    if (name.startsWith("exact")) return `exact ${maps.exactKey(which)}`;
    return name === "tiles" ? `tiles ${maps.tilesKey}` : `step_tiles ${maps.stepTilesKey}`;
  }

  /** Another recording, or another kernel. */
  forget() {
    this.absent.clear();
    this.asker.retry();
  }

  destroy() {
    this.asker.destroy();
  }
}
