// One number for each head: its mean, how peaked it is, how much of it lies in the mask, and so on.
/** @import { Scope } from "../scope.js" */
/** @import { Measure, Tiles } from "../types.js" */
import { overlapsOf } from "../measure.js";
import { overlapKey } from "../memory.js";

/** @typedef {(number | null)[][]} Values by layer and head */

/**
 * @param {Scope} scope
 * @returns {Measure[]} those that this recording has
 */
export function measuresOf({ state }) {
  return state.facts.measures ?? [];
}

/**
 * @param {Scope} scope
 * @param {string} name
 * @returns {Measure | undefined}
 */
export function measureOf(scope, name) {
  return measuresOf(scope).find((measure) => measure.name === name);
}

/**
 * The values of a measure; those that depend on the mask are worked out here from what is shown
 * until the source's own numbers are there.
 *
 * @param {Scope} scope
 * @param {string} name
 * @param {Tiles | null} tiles
 * @returns {Values | null} null where they have not arrived
 */
export function valuesOf(scope, name, tiles) {
  const measure = measureOf(scope, name);
  if (!measure) return null;
  const { source } = scope;
  if (measure.of === "tile")
    return tiles?.[/** @type {"mean" | "peak" | "entropy"} */ (name)] ?? null;
  if (measure.of === "model" || measure.of === "word")
    return source.memory.measures.get(measureKey(scope, name))?.values ?? null;
  const overlap = overlapOf(scope, tiles);
  if (!overlap) return null;
  if (name === "overlap") return overlap.values;
  const { chance } = overlap;
  return overlap.values.map((row) =>
    row.map((value) => (value === null || !(chance > 0) ? null : value / chance)),
  );
}

/**
 * What the values of a measure depend on, beside its name.
 *
 * @param {Scope} scope
 * @param {string} name
 */
export function measureKey(scope, name) {
  const of = measureOf(scope, name)?.of;
  return of === "model" ? name : `${name} ${scope.maps.tilesKey}`;
}

/**
 * @param {Scope} scope
 * @returns {string} what shares of tiles in the mask, or in the region that is drawn, depend on
 */
export function shareKey({ maps, state }) {
  const region = state.get("region");
  if (region?.length > 0) return overlapKey(maps.tilesKey, JSON.stringify(region));
  return overlapKey(maps.exactKey(0), state.get("threshold"));
}

/**
 * @param {Scope} scope
 * @param {Tiles | null} tiles
 * @returns {{values: Values, chance: number} | null}
 */
function overlapOf(scope, tiles) {
  const { maps, source, state } = scope;
  const overlap = source.memory.overlaps.get(shareKey(scope));
  if (overlap && (!tiles || tiles.key === maps.tilesKey)) return overlap;
  if (!tiles) return null;
  const { hover } = maps;
  maps.hover = null; // what is chosen counts, not the tile that is pointed at
  const shown = maps.shown(0);
  maps.hover = hover;
  const region = state.get("region");
  if (!shown && !(region?.length > 0)) return null;
  const [height, width] = shown ? [shown.height, shown.width] : state.facts.grid;
  return overlapsOf(tiles, shown ?? { values: [], height, width, max: 0 }, {
    threshold: state.get("threshold"),
    region: region?.length > 0 ? region : null,
  });
}

/**
 * The smallest and the largest of those that are known.
 *
 * @param {Values} values
 * @param {(row: number) => boolean} counts whether a layer does
 * @returns {[number, number]}
 */
export function rangeOf(values, counts) {
  let [low, high] = [Infinity, -Infinity];
  values.forEach((row, r) => {
    if (!counts(r)) return;
    for (const value of row) {
      if (value === null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  });
  return low <= high ? [low, high] : [0, 0];
}

/**
 * Every (layer, head), the most telling first, those without a number last, equals in the order of
 * the network.
 *
 * @param {Values | null} values
 * @param {number[]} heads of each layer
 * @param {boolean} lowFirst
 * @returns {{row: number, column: number}[]}
 */
export function ranked(values, heads, lowFirst) {
  const all = heads.flatMap((count, row) =>
    Array.from({ length: count }, (_, column) => ({ row, column })),
  );
  const sign = lowFirst ? 1 : -1;
  const by = (/** @type {{row: number, column: number}} */ { row, column }) => {
    const value = values?.[row]?.[column] ?? null;
    return value === null ? Infinity : sign * value;
  };
  const keys = new Map(all.map((place) => [place, by(place)]));
  return all.sort((p, q) => {
    const [a, b] = [keys.get(p) ?? 0, keys.get(q) ?? 0];
    return a === b ? 0 : a - b;
  });
}

/**
 * The chosen order of all heads.
 *
 * @param {Scope} scope
 * @returns {{row: number, column: number}[] | null} null: that of the network, also where another has not
 *   arrived
 */
export function orderOf(scope) {
  const { maps, source, state } = scope;
  const sort = state.get("tile_sort");
  const tiles = maps.tiles();
  if (sort === "network" || !tiles) return null;
  const heads = state.facts.layers.map((layer) => layer.heads);
  if (sort === "likeness") {
    const order = source.memory.orders.get(tiles.key);
    const all = ranked(null, heads, false);
    return order?.length === all.length ? order.map((i) => all[i]) : null;
  }
  const values = valuesOf(scope, sort, tiles);
  return values && ranked(values, heads, measureOf(scope, sort)?.low_first ?? false);
}
