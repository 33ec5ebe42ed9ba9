// Layers by heads: one canvas with all tiles, and over it what can be pointed at, focused, named.
/** @import { Scope } from "./scope.js" */
/** @import { GridRow } from "./rows.js" */
import { at, nearest } from "./cells.js";
import { brief, el, short, write } from "./dom.js";
import * as flags from "./flags.js";
import { headsOf, withColumn, withHeads } from "./heads.js";
import { mark } from "./gridmarks.js";
import { GridTools } from "./gridtools.js";
import { Mosaic } from "./mosaic.js";
import { stepsText } from "./naming.js";
import { rankable, ranked, rowsOf } from "./rows.js";

const GAP = 3;
const HEADER = 24;
const STAGE = 22;
const WIDEST = 64;
const NARROWEST = 20;
const CAPTION = 36; // height of two lines below a tile of the gallery, with the gap
const GALLERY = 240; // tiles of a ranked gallery, at most

/** @import { Cell } from "./cells.js" */
/** @import { Tiles } from "./types.js" */

export class Grid {
  /**
   * @param {Scope} scope
   * @param {{beside: () => number}} room height of what stands beside it, CSS pixels
   */
  constructor(scope, { beside }) {
    this.scope = scope;
    this.beside = beside;
    /** @type {Set<string>} */
    this.unfolded = new Set();
    /** @type {Cell[]} */
    this.cells = [];
    /** @type {HTMLElement[]} */
    this.nodes = [];
    this.layout = "";
    /** @type {Tiles | null} */
    this.drawn = null;
    this.focus = 0;
    this.mosaic = new Mosaic();
    this.overlay = el("div", {
      class: "daam-cells",
      role: "grid",
      "aria-label": "Layers by heads",
      "aria-multiselectable": "true",
      "data-testid": "grid",
      on: {
        pointerover: (/** @type {PointerEvent} */ event) => this.#over(event),
        pointerleave: () => this.#hover(null),
        click: (/** @type {MouseEvent} */ event) => this.#click(event),
        keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
        focusin: (/** @type {FocusEvent} */ event) => this.#focused(event),
        focusout: () => this.#hover(null),
      },
    });
    this.tools = new GridTools(scope);
    this.note = el("p", { class: "daam-hint", "data-testid": "grid-note" });
    this.scroller = el("div", { class: "daam-grid-scroll" }, this.mosaic.canvas, this.overlay);
    this.element = el("div", { class: "daam-grid" }, this.tools.element, this.scroller, this.note);
  }

  /** @param {number} what */
  update(what) {
    this.tools.update(what);
    // Other tiles may belong to what was chosen, and be here already.
    const other = this.scope.maps.tiles() !== this.drawn;
    if (other || what & (flags.GRID | flags.THEME)) this.#draw();
    if (other || what & (flags.GRID | flags.SELECTION | flags.THEME))
      mark(this.overlay, this.cells, this.nodes, this.scope.state.chosen);
    if (what & (flags.GRID | flags.STEPS)) this.#note();
  }

  #draw() {
    const { state, maps } = this.scope;
    const { facts } = state;
    if (!facts.layers) return;
    const tiles = maps.tiles();
    this.drawn = tiles;
    const sort = state.get("tile_sort");
    const across = this.scroller.clientWidth;
    if (across < 40) return;
    const gallery = sort !== "network" && tiles;
    const order = gallery ? ranked(facts, rankable(this.scope, tiles), sort) : [];
    const key = JSON.stringify([
      facts.layers,
      across,
      this.beside(),
      this.scope.dots,
      [...this.unfolded],
      state.get("projector"),
      gallery ? order : "network",
      state.get("choice"),
    ]);
    if (key !== this.layout) {
      this.layout = key;
      const focused = this.overlay.matches(":focus-within");
      this.overlay.replaceChildren();
      this.cells = [];
      this.nodes = [];
      const [wide, tall] = gallery ? this.#gallery(order, across) : this.#rows(across);
      this.mosaic.fit(wide, tall, this.scope.dots);
      this.overlay.style.width = `${wide}px`;
      this.overlay.style.height = `${tall}px`;
      this.#rove(Math.min(this.focus, this.cells.length - 1), focused);
    }
    const chosen = new Set(facts.choices?.[state.get("choice")] ?? facts.layers.map((_, i) => i));
    this.mosaic.draw(this.cells, tiles, {
      palette: state.get("colormap"),
      common: state.get("tile_scale") === "common",
      faded: (layers) => !layers.some((i) => chosen.has(i)),
    });
  }

  /**
   * @param {number} across CSS pixels
   * @returns {[number, number]} size of the grid
   */
  #rows(across) {
    const { state } = this.scope;
    const rows = rowsOf(state.facts, this.unfolded);
    const big = state.get("projector");
    const names = big ? 190 : Math.min(146, Math.max(128, across * 0.3));
    const left = STAGE + names;
    const heads = Math.max(1, ...rows.map((row) => row.heads));
    const fitting = (across - left - 10) / (heads + 1);
    // As high as its place, where the rows allow.
    const beside = (this.beside() - 4 - HEADER) / rows.length;
    const tile = Math.floor(
      Math.max(NARROWEST, Math.min(WIDEST, fitting, this.beside() ? beside : 34)),
    );
    const high = Math.max(tile, big ? 30 : 20);
    const x = (/** @type {number} */ head) => left + (head < 0 ? 0 : 8 + (head + 1) * tile);
    this.#header(heads, x, tile);
    rows.forEach((row, r) => this.#row(row, HEADER + r * high, high, tile, names, x));
    this.#stages(rows, high);
    return [x(heads - 1) + tile, HEADER + rows.length * high];
  }

  /**
   * @param {number} heads
   * @param {(head: number) => number} x
   * @param {number} tile
   */
  #header(heads, x, tile) {
    const row = el("div", { role: "row", class: "daam-grid-row" });
    row.append(
      at(
        this.#column(-1, "all", "All heads (Esc); below: the mean of each layer's heads"),
        x(-1),
        0,
        tile,
        HEADER,
      ),
    );
    for (let head = 0; head < heads; head++) {
      const label = this.#column(
        head,
        String(head),
        `Head ${head} of every chosen layer that has it`,
      );
      row.append(at(label, x(head), 0, tile, HEADER));
    }
    this.overlay.append(row);
  }

  /**
   * @param {number} head
   * @param {string} text
   * @param {string} title
   */
  #column(head, text, title) {
    return el(
      "div",
      { role: "columnheader", class: "daam-column" },
      el("button", {
        type: "button",
        class: "daam-label",
        "data-testid": "column-label",
        "data-column": head,
        title,
        text,
        "aria-label": head < 0 ? "All heads" : `Head ${head} of every layer`,
      }),
    );
  }

  /**
   * @param {GridRow} row
   * @param {number} y
   * @param {number} high
   * @param {number} tile
   * @param {number} names
   * @param {(head: number) => number} x
   */
  #row(row, y, high, tile, names, x) {
    const node = el("div", { role: "row", class: "daam-grid-row" });
    const chosen = this.scope.state.facts.choices?.[this.scope.state.get("choice")];
    const out = Boolean(chosen) && !row.layers.some((i) => chosen.includes(i));
    node.append(at(this.#label(row, out), STAGE, y, names, high));
    const size = tile - GAP;
    for (let head = -1; head < row.heads; head++) {
      const cell = { layers: row.layers, head, x: x(head), y: y + (high - size) / 2, size };
      node.append(this.#cell(cell, row));
    }
    this.overlay.append(node);
  }

  /**
   * @param {GridRow} row
   * @param {boolean} out whether the row is not in the choice of layers
   */
  #label(row, out) {
    const { facts } = this.scope.state;
    const title = row.head
      ? `${row.label}: ${row.folded ? "unfold its" : "fold its"} ${row.size}`
      : `${facts.layers[row.layers[0]].name}\n${row.size}, ${row.stage}${out ? ", not in this choice of layers" : ""}\nClick: the mean of this layer's heads`;
    const button = el(
      "button",
      {
        type: "button",
        class: "daam-label daam-row-label",
        title,
        "data-testid": row.head ? "block-label" : "row-label",
        "data-block": row.head ? row.block : null,
        "data-row": row.head ? null : row.layers[0],
        "data-out": out,
        "data-child": !row.head && facts.layers.length > 20,
        "aria-expanded": row.head ? String(!row.folded) : null,
        "aria-label": `${row.label}, ${row.size}, ${row.stage}${out ? ", not in this choice" : ""}`,
      },
      el("span", {
        class: "daam-row-name",
        text: row.head ? `${row.folded ? "▸" : "▾"} ${row.label}` : row.short,
      }),
      el("span", { class: "daam-row-size", text: row.size }),
    );
    return el("div", { role: "rowheader", class: "daam-row-head" }, button);
  }

  /**
   * @param {GridRow[]} rows
   * @param {number} high
   */
  #stages(rows, high) {
    let first = 0;
    for (let r = 1; r <= rows.length; r++) {
      if (r < rows.length && rows[r].stage === rows[first].stage) continue;
      const mark = el(
        "div",
        { class: "daam-stage", "data-stage": rows[first].stage, "aria-hidden": "true" },
        el("span", { text: rows[first].stage }),
      );
      this.overlay.append(
        at(mark, 0, HEADER + first * high + 2, STAGE - 6, (r - first) * high - 4),
      );
      first = r;
    }
  }

  /**
   * @param {{layer: number, head: number, value: number | null}[]} order
   * @param {number} across
   * @returns {[number, number]}
   */
  #gallery(order, across) {
    const { state } = this.scope;
    const tile = state.get("projector") ? 84 : 58;
    const columns = Math.max(1, Math.floor((across + GAP) / (tile + 6)));
    const step = Math.floor((across + 6) / columns);
    const shown = order.slice(0, GALLERY);
    shown.forEach(({ layer, head, value }, i) => {
      const facts = state.facts.layers[layer];
      const x = (i % columns) * step;
      const y = Math.floor(i / columns) * (tile + CAPTION);
      const cell = { layers: [layer], head, x, y, size: tile };
      const node = el(
        "div",
        { role: "row", class: "daam-grid-row" },
        this.#cell(cell, facts, value),
      );
      const caption = el("span", {
        class: "daam-caption",
        "aria-hidden": "true",
      });
      const which = value === null ? `head ${head}` : `head ${head}: ${brief(value)}`;
      caption.append(el("span", { text: facts.label }), el("span", { text: which }));
      node.append(at(caption, x, y + tile + 1, step - 4, CAPTION - 4));
      this.overlay.append(node);
    });
    return [across, Math.ceil(shown.length / columns) * (tile + CAPTION)];
  }

  /**
   * @param {Cell} cell
   * @param {{label: string, size: string | [number, number], stage: string}} facts
   * @param {number | null} [value] what it is ranked by
   */
  #cell(cell, facts, value) {
    const size = Array.isArray(facts.size) ? facts.size.join("×") : facts.size;
    const which = cell.head < 0 ? "mean of the heads" : `head ${cell.head}`;
    const by =
      value === undefined || value === null
        ? ""
        : `, ${this.scope.state.get("tile_sort")} ${short(value)}`;
    const node = el("div", {
      class: "daam-cell",
      role: "gridcell",
      tabindex: "-1",
      title: `${facts.label}, ${which} (${size}, ${facts.stage}${by})`,
      "aria-label": `${facts.label}, ${size}, ${facts.stage}, ${which}${by}`,
      "data-testid": "tile",
      "data-cell": this.cells.length,
      "data-layer": cell.layers.length === 1 ? cell.layers[0] : null,
      "data-head": cell.head,
    });
    this.cells.push(cell);
    this.nodes.push(node);
    return at(node, cell.x, cell.y, cell.size, cell.size);
  }

  /** @param {Event} event */
  #cellOf(event) {
    const node = /** @type {Element} */ (event.target).closest("[data-cell]");
    return node ? this.cells[Number(node.getAttribute("data-cell"))] : null;
  }

  /** @param {PointerEvent} event */
  #over(event) {
    if (event.pointerType !== "touch") this.#hover(this.#cellOf(event));
  }

  /** @param {FocusEvent} event */
  #focused(event) {
    const cell = this.#cellOf(event);
    if (!cell) return;
    this.#rove(this.cells.indexOf(cell), false);
    // A click focuses too, and must not turn what it locked into a preview.
    if (/** @type {Element} */ (event.target).matches(":focus-visible")) this.#hover(cell);
  }

  /** @param {Cell | null} cell */
  #hover(cell) {
    const { maps, state } = this.scope;
    const same =
      cell &&
      cell.layers.length === 1 &&
      cell.layers[0] === state.chosen.layer &&
      cell.head === state.chosen.head;
    if (!cell && !maps.hover) return;
    this.scope.input("hover", () => {
      maps.hover = cell && !same ? { layers: cell.layers, head: cell.head } : null;
      this.scope.invalidate(flags.MAP);
    });
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const target = /** @type {Element} */ (event.target);
    const label = target.closest("[data-block], [data-row], [data-column]");
    const cell = this.#cellOf(event);
    const more = event.shiftKey || event.ctrlKey || event.metaKey;
    if (cell) this.scope.input("head", () => this.#lock(cell, more));
    else if (label)
      this.scope.input("head", () => this.#label2(/** @type {HTMLElement} */ (label), more));
  }

  /**
   * @param {HTMLElement} label
   * @param {boolean} more whether its heads are added to those chosen, or taken away
   */
  #label2(label, more) {
    const { state } = this.scope;
    const { block, row, column } = label.dataset;
    if (block !== undefined) this.#fold(block);
    else if (row !== undefined) this.#lockHead(Number(row), -1, more);
    else if (column !== undefined && more && Number(column) >= 0)
      this.#set(withColumn(state.facts, state.layers, state.chosen, Number(column)));
    else if (column !== undefined) {
      const { layer, head } = state.chosen;
      this.#choose(-1, Number(column) === head && layer < 0 ? -1 : Number(column));
    }
  }

  /** @param {string} block */
  #fold(block) {
    if (!this.unfolded.delete(block)) this.unfolded.add(block);
    this.scope.invalidate(flags.GRID);
  }

  /**
   * @param {Cell} cell
   * @param {boolean} more whether its heads are added to those chosen, or taken away
   */
  #lock(cell, more) {
    if (cell.layers.length > 1) this.#fold(this.scope.state.facts.layers[cell.layers[0]].block);
    else this.#lockHead(cell.layers[0], cell.head, more);
  }

  /**
   * @param {number} layer
   * @param {number} head -1: all of the layer
   * @param {boolean} more whether they are added to those chosen, or taken away
   */
  #lockHead(layer, head, more) {
    const { state } = this.scope;
    if (!more) {
      this.#choose(layer, head);
      return;
    }
    /** @type {[number, number][]} */
    const heads = head < 0 ? headsOf(state.facts, layer) : [[layer, head]];
    this.#set(withHeads(state.facts, state.layers, state.chosen, heads));
  }

  /**
   * Lock a layer and head; what is locked already is let go.
   *
   * @param {number} layer
   * @param {number} head
   */
  #choose(layer, head) {
    const { chosen } = this.scope.state;
    const same = chosen.layer === layer && chosen.head === head;
    this.#set({ ...(same ? { layer: -1, head: -1 } : { layer, head }), heads: [] });
  }

  /** @param {import("./heads.js").Choice} choice */
  #set(choice) {
    const { state, maps } = this.scope;
    maps.hover = null;
    state.set(choice);
    this.scope.invalidate(flags.MAP | flags.SELECTION);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const cell = this.#cellOf(event);
    if (!cell) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.scope.input("head", () => this.#lock(cell, event.shiftKey));
      return;
    }
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      event.key
    ];
    if (!way) return;
    event.preventDefault();
    const next = nearest(this.cells, cell, way[0], way[1]);
    if (next >= 0) this.#rove(next, true);
  }

  /**
   * @param {number} index of the one cell that Tab reaches
   * @param {boolean} focus
   */
  #rove(index, focus) {
    if (this.nodes[this.focus]) this.nodes[this.focus].tabIndex = -1;
    this.focus = Math.max(0, index);
    const node = this.nodes[this.focus];
    if (!node) return;
    node.tabIndex = 0;
    if (focus) node.focus();
  }

  #note() {
    const { state, maps } = this.scope;
    const tiles = maps.tiles();
    const parts = [];
    if (!tiles) {
      const lost = !this.scope.source.capabilities.any;
      parts.push(
        lost ? "The grid of this word was left out of this page." : "The tiles are on their way.",
      );
    } else {
      const [lo, hi] = state.steps;
      if (tiles.lo !== lo || tiles.hi !== hi)
        parts.push(`Tiles of ${stepsText(state.facts, tiles.lo, tiles.hi)}.`);
      const count = state.facts.layers.reduce((sum, layer) => sum + layer.heads, 0);
      if (state.get("tile_sort") !== "network" && count > GALLERY)
        parts.push(`The first ${GALLERY} of ${count}.`);
    }
    write(this.note, parts.join(" "));
  }
}
