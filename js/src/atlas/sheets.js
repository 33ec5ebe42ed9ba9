// The sheets that tiles are drawn from: one of all, and one for each layer that is looked at closely.
/** @import { Scope } from "../scope.js" */
/** @import { Tiles } from "../types.js" */
/** @import { Map8 } from "./sheet.js" */
import { largest } from "../measure.js";
import { Sheet, withMeans } from "./sheet.js";

const CLOSE = 24; // layers' own sheets, at most

export class Sheets {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    /** @type {Tiles | null} */
    this.tiles = null;
    /** @type {Map8[][]} */
    this.rows = [];
    /** @type {Sheet | null} */
    this.sheet = null;
    /** @type {Map<number, {sheet: Sheet, side: number}>} */
    this.closer = new Map();
    this.near = false;
    /** @type {{sheet: Sheet, row: number}} what `of` gives, so that nothing is made for each tile */
    this.found = /** @type {any} */ ({ sheet: null, row: 0 });
    /** @type {{colors: string, common: number, gray: (row: number) => boolean, key: string}} */
    this.how = { colors: "", common: 0, gray: () => false, key: "" };
  }

  /** @param {Tiles | null} tiles */
  use(tiles) {
    if (tiles === this.tiles) return;
    this.tiles = tiles;
    this.rows = tiles ? withMeans(tiles) : [];
    this.sheet = null;
    this.closer.clear();
  }

  /**
   * Color what is drawn next, for tiles of a size.
   *
   * @param {number} wanted device pixels of the longer side
   * @param {(row: number) => boolean} isOut layers that are gray
   */
  color(wanted, isOut) {
    if (!this.tiles) return;
    const { state } = this.scope;
    const { tiles } = this;
    const colors = tiles.signed ? "RdBu_r" : state.get("colormap");
    // Layers that are not in the choice do not darken those that are.
    const common =
      state.get("tile_scale") === "common" && !tiles.signed
        ? largest(tiles.scales.map((row, layer) => (isOut(layer) ? 0 : largest(row))))
        : 0;
    this.how = { colors, common, gray: isOut, key: `${colors} ${common} ${state.get("choice")}` };
    this.near = wanted > Math.max(...tiles.tile.map((size) => Math.max(...size)));
    if (!this.sheet || !this.sheet.fits(wanted)) this.sheet = new Sheet(this.rows, wanted);
    this.sheet.color(this.how);
  }

  /**
   * Where the maps of a layer are: larger ones where these are here and needed.
   *
   * @param {number} row
   * @returns {{sheet: Sheet, row: number} | null}
   */
  of(row) {
    if (!this.sheet) return null;
    const { found } = this;
    const own = this.near ? this.#close(row) : null;
    found.sheet = own ?? this.sheet;
    found.row = own ? 0 : row;
    return found;
  }

  /**
   * @param {number} row
   * @returns {Sheet | null}
   */
  #close(row) {
    const { tiles, closer } = this;
    const own = tiles && this.scope.source.memory.layerTiles.get(`${tiles.key} ${row}`);
    if (!own) return null;
    const known = closer.get(row);
    if (known && known.side === own.tile[0]) {
      known.sheet.color(this.#as(row));
      return known.sheet;
    }
    const one = { ...tiles, data: own.data, tile: [own.tile], offsets: [0], scales: [own.scales] };
    const sheet = new Sheet(withMeans(one), 64);
    closer.delete(row);
    closer.set(row, { sheet, side: own.tile[0] });
    if (closer.size > CLOSE) closer.delete(/** @type {number} */ (closer.keys().next().value));
    sheet.color(this.#as(row));
    return sheet;
  }

  /** @param {number} row */
  #as(row) {
    return { ...this.how, gray: () => this.how.gray(row) };
  }
}
