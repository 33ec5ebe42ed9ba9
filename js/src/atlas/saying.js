// Tiles in words, and where they are, for tests.
/** @import { Axes } from "./axes.js" */
/** @import { Values } from "./measures.js" */
import { short } from "../dom.js";
import { measureOf } from "./measures.js";
import { indexOf } from "./plan.js";

/**
 * A tile or a column in words, with the number by which it is measured.
 *
 * @param {Axes} axes
 * @param {number} row -1: a column
 * @param {number} column -1: all of the row
 * @param {Values | null} values
 */
export function describe(axes, row, column, values) {
  const name = axes.describe(row, column);
  const measure = measureOf(axes.scope, axes.measure);
  if (row < 0 || column < 0 || !measure || !values) return name;
  const value = values[row]?.[column] ?? null;
  return `${name}: ${measure.label} ${value === null ? "not known" : short(value)}`;
}

/**
 * What stands on a large tile, the longest first.
 *
 * @param {Axes} axes
 * @param {number} row
 * @param {number} column
 * @param {Values | null} values
 * @returns {string[]}
 */
export function captions(axes, row, column, values) {
  const { label } = axes.scope.state.facts.layers[axes.rows[row].layer];
  const value = values?.[row]?.[column];
  const number = value === null || value === undefined ? "" : short(value);
  const name = axes.shortly(column);
  const both = axes.rows.length > 1 || axes.name === "heads" ? `${label}, ${name}` : name;
  return [`${both}: ${number}`, both, number, axes.columnName(column)].filter(Boolean);
}

/**
 * What tests read.
 *
 * @param {import("./atlas.js").Atlas} atlas
 */
export function exposed(atlas) {
  return {
    /**
     * Where a tile is on the canvas.
     *
     * @param {number} row -1: the numbers of the columns
     * @param {number} column
     */
    place: (row, column) => {
      const { plan, zoom } = atlas;
      const i = plan ? indexOf(plan, row, column) : -1;
      if (!plan || i < 0) return null;
      return {
        x: zoom.k * plan.x[i] + zoom.x,
        y: zoom.k * plan.y[i] + zoom.y,
        width: zoom.k * plan.w[i],
        height: zoom.k * plan.h[i],
        chosen: Boolean(atlas.chosen[i]),
      };
    },
    /** The tiles in their order, and what is seen of them. */
    seen: () => {
      const { plan, zoom, room } = atlas;
      if (!plan) return null;
      const places = Array.from({ length: plan.count }, (_, i) => [plan.row[i], plan.column[i]]);
      return {
        tiles: places.filter(([row]) => row >= 0),
        chosen: places.filter((_, i) => atlas.chosen[i]),
        active: places[atlas.active],
        maps: atlas.showsMaps,
        tile: plan.tile.map((side) => side * zoom.k),
        zoom: zoom.k,
        room,
        size: [plan.width, plan.height],
        panels: plan.panels.length,
        drawn: atlas.drawn,
        values: atlas.values,
        range: atlas.range,
      };
    },
    /**
     * Bring the keys to a tile.
     *
     * @param {number} row
     * @param {number} column
     */
    go: (row, column) => atlas.plan && atlas.go(indexOf(atlas.plan, row, column)),
    draw: () => atlas.draw(),
  };
}
