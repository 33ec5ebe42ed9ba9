// What a hand chooses in the atlas: one head, a layer, a column, a block, a set.
/** @import { Scope } from "../scope.js" */
/** @import { Choice } from "../heads.js" */
/** @import { Row } from "./plan.js" */
import * as flags from "../flags.js";
import { headsOf, withColumn, withHeads, withSet } from "../heads.js";

export class Chooser {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
  }

  /**
   * @param {number} row -1: of every layer
   * @param {number} column -1: all heads
   * @param {boolean} more whether heads are added to those chosen, or taken away
   */
  choose(row, column, more) {
    const { state } = this.scope;
    const { layer, head } = state.chosen;
    if (more && row < 0 && column >= 0) {
      this.#set(withColumn(state.facts, state.layers, state.chosen, column));
    } else if (more && row >= 0) {
      /** @type {[number, number][]} */
      const heads = column < 0 ? headsOf(state.facts, row) : [[row, column]];
      this.#set(withHeads(state.facts, state.layers, state.chosen, heads));
    } else {
      // What is chosen already is let go.
      const same = layer === row && head === column;
      this.#set({ ...(same ? { layer: -1, head: -1 } : { layer: row, head: column }), heads: [] });
    }
  }

  /**
   * All heads of a block's layers.
   *
   * @param {Row[]} rows
   * @param {number} row one of its layers
   * @param {boolean} more whether those chosen before stay
   */
  block(rows, row, more) {
    const own = rows.flatMap(({ block }, i) => (block === rows[row].block ? [i] : []));
    const { facts } = this.scope.state;
    this.add(
      own.flatMap((i) => headsOf(facts, i)),
      more,
    );
  }

  /**
   * @param {[number, number][]} pairs
   * @param {boolean} more whether those chosen before stay
   */
  add(pairs, more) {
    const { state } = this.scope;
    this.#set(withSet(state.facts, state.layers, state.chosen, pairs, more));
  }

  /** @param {Choice} choice */
  #set(choice) {
    const { state, maps } = this.scope;
    maps.hover = null;
    state.set(choice);
    this.scope.invalidate(flags.MAP | flags.SELECTION);
  }
}
