// Which rows the grid of layers by heads has: layers, or blocks of layers that are folded.
/** @import { Facts, Tiles } from "./types.js" */
/** @import { Scope } from "./scope.js" */
import { overlapsOf } from "./measure.js";
import { overlapKey } from "./memory.js";

/** @typedef {{layers: number[], block: string, folded: boolean, head: boolean, label: string,
 *   short: string, size: string, stage: string, heads: number}} GridRow */

/** With more layers than this, blocks start folded. */
const MANY = 20;

/**
 * @param {Facts} facts
 * @param {Set<string>} unfolded names of blocks
 * @returns {GridRow[]}
 */
export function rowsOf(facts, unfolded) {
  const layers = facts.layers ?? [];
  /** @type {GridRow[]} */
  const rows = [];
  const foldable = layers.length > MANY;
  for (const [block, members] of blocksOf(facts)) {
    const fold = foldable && members.length > 1;
    if (fold) {
      const heads = Math.max(...members.map((i) => layers[i].heads));
      const label = shortBlock(block);
      const size = `${members.length} layers`;
      const stage = layers[members[0]].stage;
      rows.push({
        layers: members,
        block,
        folded: !unfolded.has(block),
        head: true,
        label,
        short: label,
        size,
        stage,
        heads,
      });
      if (!unfolded.has(block)) continue;
    }
    for (const i of members) {
      const { label, size, stage, heads } = layers[i];
      rows.push({
        layers: [i],
        block,
        folded: false,
        head: false,
        label,
        // The block stands above already.
        short: fold ? (label.split(" · ").at(-1) ?? label) : label,
        size: `${size[0]}×${size[1]}`,
        stage,
        heads,
      });
    }
  }
  return rows;
}

/**
 * "down_blocks.1" as "down 1".
 *
 * @param {string} block
 */
export function shortBlock(block) {
  return block
    .replace(/_blocks?\b/g, "")
    .replace(/[._]+/g, " ")
    .trim();
}

/**
 * Layers of a block and one size, in the order of the network.
 *
 * @param {Facts} facts
 * @returns {Map<string, number[]>}
 */
function blocksOf(facts) {
  /** @type {Map<string, number[]>} */
  const blocks = new Map();
  facts.layers.forEach((layer, i) => {
    const known = blocks.get(layer.block);
    if (known) known.push(i);
    else blocks.set(layer.block, [i]);
  });
  return blocks;
}

/**
 * Every (layer, head), the most telling first: the sharpest (least entropy), the strongest, or
 * the one that overlaps most with the mask.
 *
 * @param {Facts} facts
 * @param {Tiles} tiles
 * @param {"entropy" | "peak" | "overlap"} by
 * @returns {{layer: number, head: number, value: number | null}[]}
 */
export function ranked(facts, tiles, by) {
  const values = tiles[by];
  const all = [];
  for (let layer = 0; layer < facts.layers.length; layer++) {
    for (let head = 0; head < facts.layers[layer].heads; head++) {
      all.push({ layer, head, value: values?.[layer]?.[head] ?? null });
    }
  }
  const sign = by === "entropy" ? 1 : -1;
  const last = Infinity;
  return all.sort(
    (p, q) =>
      (p.value === null ? last : sign * p.value) - (q.value === null ? last : sign * q.value) || 0,
  );
}

/**
 * The tiles with what they can be ranked by. Overlap depends on the mask: until the source's own
 * numbers are there, it is worked out here from what is shown.
 *
 * @param {Scope} scope
 * @param {Tiles} tiles
 * @returns {Tiles}
 */
export function rankable(scope, tiles) {
  const { maps, source, state } = scope;
  if (state.get("tile_sort") !== "overlap") return tiles;
  const threshold = state.get("threshold");
  const overlap = source.memory.overlaps.get(overlapKey(maps.exactKey(0), threshold));
  if (overlap && tiles.key === maps.tilesKey) return { ...tiles, overlap };
  const { hover } = maps;
  maps.hover = null; // what is chosen counts, not the tile that is pointed at
  const shown = maps.shown(0);
  maps.hover = hover;
  if (!shown) return tiles;
  return { ...tiles, overlap: overlapsOf(tiles, shown, threshold) };
}
