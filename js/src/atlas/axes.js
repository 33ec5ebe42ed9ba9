// What the tiles are: the heads of every layer, or every layer at every step.
/** @import { Scope } from "../scope.js" */
/** @import { Maps } from "../maps.js" */
/** @import { Tiles } from "../types.js" */
/** @import { Chooser } from "./choosing.js" */
/** @import { Values } from "./measures.js" */
/** @import { Row } from "./plan.js" */
import * as flags from "../flags.js";
import { headsOf, holds, numbersIn, pairsIn } from "../heads.js";
import { measureOf, orderOf, valuesOf } from "./measures.js";
import { rowsOf } from "./naming.js";

/** @typedef {HeadAxes | StepAxes} Axes */

/** Heads of layers: a row for each layer, a column for each head; column -1: all heads. */
export class HeadAxes {
  /**
   * @param {Scope} scope
   * @param {Chooser} chooser
   */
  constructor(scope, chooser) {
    this.scope = scope;
    this.chooser = chooser;
    this.name = "heads";
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Set<number>} layers that are in the choice */
    this.within = new Set();
    this.pairs = new Set();
  }

  /** Take what is chosen now. */
  read() {
    const { state } = this.scope;
    this.rows = rowsOf(state.facts);
    this.within = new Set(state.layers);
    this.pairs = new Set(pairsIn(state.chosen.head).map((pair) => String(pair)));
  }

  /** Whether there is a column of all heads. */
  get all() {
    return this.scope.state.facts.layers.some((layer) => layer.heads > 1);
  }

  tiles() {
    return this.scope.maps.tiles();
  }

  values() {
    return valuesOf(this.scope, this.measure, this.tiles());
  }

  /** @returns {string} the name of the measure that counts here */
  get measure() {
    return this.scope.state.get("tile_measure");
  }

  order() {
    return orderOf(this.scope);
  }

  /** @param {number} row */
  isOut(row) {
    return !this.within.has(row);
  }

  /**
   * @param {number} row
   * @param {number} column
   */
  isChosen(row, column) {
    if (this.pairs.size > 0) return this.pairs.has(String([row, column]));
    return row >= 0 && holds(this.scope.state.chosen, row, column);
  }

  /** @param {number} row */
  isRow(row) {
    const { chosen } = this.scope.state;
    return row === chosen.layer || pairsIn(chosen.head).some(([layer]) => layer === row);
  }

  /** @param {number} column */
  isColumn(column) {
    const { chosen } = this.scope.state;
    return column >= 0 && chosen.layer < 0 && holds(chosen, -2, column);
  }

  /** @param {number} column */
  columnName(column) {
    return column < 0 ? "all" : String(column);
  }

  /**
   * @param {number} row -1: a column
   * @param {number} column -1: all heads
   */
  describe(row, column) {
    if (row < 0) return column < 0 ? "All heads of all layers" : `Head ${column} of every layer`;
    const { label, size } = this.scope.state.facts.layers[row];
    return `${label} (${size.join("×")}), ${column < 0 ? "all heads" : `head ${column}`}`;
  }

  /**
   * As short as it can be said.
   *
   * @param {number} column
   */
  shortly(column) {
    return this.columnName(column);
  }

  /**
   * @param {number} row
   * @param {number} column
   * @returns {Maps["hover"]} the tile whose map is shown; null where that is shown already
   */
  hover(row, column) {
    const { layer, head } = this.scope.state.chosen;
    return row === layer && column === head ? null : { layers: [row], head: column };
  }

  /**
   * @param {number} row
   * @param {number} column
   * @param {boolean} more
   */
  choose(row, column, more) {
    this.chooser.choose(row, column, more);
  }

  /**
   * All heads of a block.
   *
   * @param {number} row one of its layers
   * @param {boolean} more
   */
  block(row, more) {
    this.chooser.block(this.rows, row, more);
  }

  /**
   * @param {{row: number, column: number}[]} tiles that a lasso goes around
   * @param {boolean} more
   */
  encircled(tiles, more) {
    const { facts } = this.scope.state;
    /** @type {[number, number][]} */
    const pairs = tiles.flatMap(({ row, column }) =>
      column < 0 ? headsOf(facts, row) : [/** @type {[number, number]} */ ([row, column])],
    );
    if (pairs.length > 0) this.chooser.add(pairs, more);
  }
}

/**
 * Layers by steps: a row for each layer, a column for each step that was kept; column -1: all steps. Where
 * heads are chosen, a layer's tiles are theirs, and layers without one are not there.
 */
export class StepAxes {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.name = "steps";
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Set<number>} */
    this.within = new Set();
    this.count = 1;
    this.ofHeads = false; // with their layers
    this.narrowed = false; // heads are chosen, with layers or by number
  }

  read() {
    const { state } = this.scope;
    const { layer, head } = state.chosen;
    const numbers = numbersIn(head);
    const pairs = pairsIn(head).map(([of]) => of);
    this.count = state.facts.summed ? 1 : Math.max(1, state.facts.steps?.length ?? 1);
    this.narrowed = head !== -1;
    this.ofHeads = pairs.length > 0 || (layer >= 0 && numbers.length > 0);
    const has = (/** @type {number} */ of, /** @type {number} */ heads) => {
      if (pairs.length > 0) return pairs.includes(of);
      if (this.ofHeads) return of === layer;
      return numbers.length === 0 || numbers.some((number) => number < heads);
    };
    this.rows = rowsOf(state.facts)
      .filter((row) => has(row.layer, row.columns))
      .map((row) => ({ ...row, columns: this.count }));
    this.within = new Set(this.ofHeads ? this.rows.map((row) => row.layer) : state.layers);
  }

  get all() {
    return this.count > 1;
  }

  /** @returns {Tiles | null} */
  tiles() {
    const tiles = this.scope.maps.stepTiles();
    const same = tiles?.layers?.length === this.rows.length;
    return same && tiles.lo === 0 && tiles.hi === this.count ? tiles : null;
  }

  /** @returns {Values | null} */
  values() {
    return valuesOf(this.scope, this.measure, this.tiles());
  }

  /** Of a tile at a step are only those measures that are of a map alone. */
  get measure() {
    const name = this.scope.state.get("tile_measure");
    return measureOf(this.scope, name)?.of === "tile" ? name : "mean";
  }

  /** One layer's steps take the whole room, one after the other. */
  order() {
    if (this.rows.length !== 1) return null;
    return Array.from({ length: this.count }, (_, column) => ({ row: 0, column }));
  }

  /** @param {number} row */
  isOut(row) {
    return !this.within.has(this.rows[row]?.layer);
  }

  /** Whether all steps are chosen. */
  get whole() {
    const [lo, hi] = this.scope.state.steps;
    return lo === 0 && hi === this.count;
  }

  /**
   * @param {number} row
   * @param {number} column
   */
  isChosen(row, column) {
    if (row < 0) return false;
    const own = this.rows[row].layer === this.scope.state.chosen.layer;
    if (column < 0) return own && this.whole;
    return (own || this.narrowed) && this.isColumn(column);
  }

  /** @param {number} row */
  isRow(row) {
    return this.ofHeads || this.rows[row].layer === this.scope.state.chosen.layer;
  }

  /** @param {number} column */
  isColumn(column) {
    const [lo, hi] = this.scope.state.steps;
    return !this.whole && column >= lo && column < hi;
  }

  /** @param {number} column */
  columnName(column) {
    return column < 0 ? "all" : String(this.scope.state.facts.steps?.[column]?.place ?? column);
  }

  /**
   * @param {number} row -1: a column
   * @param {number} column -1: all steps
   */
  describe(row, column) {
    const name = this.columnName(column);
    if (row < 0) return column < 0 ? "All steps of all layers" : `Step ${name} of every layer`;
    const { label, size } = this.scope.state.facts.layers[this.rows[row].layer];
    return `${label} (${size.join("×")}), ${column < 0 ? "all steps" : `step ${name}`}`;
  }

  /** @param {number} column */
  shortly(column) {
    return column < 0 ? "all steps" : `step ${this.columnName(column)}`;
  }

  /**
   * @param {number} row
   * @param {number} column
   * @returns {Maps["hover"]}
   */
  hover(row, column) {
    return { layers: [this.rows[row].layer], head: -1, step: column };
  }

  /**
   * Choose a layer and a step; where heads are chosen these stay, and the steps alone are.
   *
   * @param {number} row -1: the layers stay as they are
   * @param {number} column -1: all steps
   * @param {boolean} more whether the range of steps is extended to this one
   */
  choose(row, column, more) {
    const { state, maps, invalidate } = this.scope;
    const [lo, hi] = state.steps;
    const of = row < 0 || this.narrowed ? null : this.rows[row].layer;
    const same =
      (of === null || of === state.chosen.layer) &&
      (column < 0 ? this.whole : !this.whole && lo === column && hi === column + 1);
    const all = state.stepsAt(0, this.count);
    /** @type {Record<string, unknown>} */
    let steps = column < 0 ? all : state.stepsAt(column, column + 1);
    if (more && column >= 0 && !this.whole)
      steps = state.stepsAt(Math.min(lo, column), Math.max(hi, column + 1));
    else if (same) steps = all; // what is chosen already is let go
    const layer = of === null ? {} : { layer: same && !more ? -1 : of };
    maps.hover = null;
    state.set({ ...layer, ...steps });
    invalidate(flags.MAP | flags.SELECTION | flags.STEPS);
  }

  block() {}

  /**
   * The steps from the first to the last of the tiles that a lasso goes around.
   *
   * @param {{row: number, column: number}[]} tiles
   */
  encircled(tiles) {
    const columns = tiles.map(({ column }) => column).filter((column) => column >= 0);
    if (columns.length === 0) return;
    this.scope.maps.hover = null;
    this.scope.state.set(this.scope.state.stepsAt(Math.min(...columns), Math.max(...columns) + 1));
    this.scope.invalidate(flags.MAP | flags.SELECTION | flags.STEPS);
  }
}
