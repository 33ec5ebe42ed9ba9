// What layers and blocks are called where there is little room.
/** @import { Facts } from "../types.js" */
/** @import { Row } from "./plan.js" */

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
 * Layers as rows: each with its name within its block.
 *
 * @param {Facts} facts
 * @returns {Row[]}
 */
export function rowsOf(facts) {
  return facts.layers.map(({ label, block, stage, size, heads }, i) => {
    const short = shortBlock(block);
    const own = label.startsWith(short) ? label.slice(short.length) : label;
    const name = own.replace(/^[ ·]+/, "");
    return {
      label: name.length > 8 ? String(i) : name,
      block: short,
      stage,
      size: size.join("×"),
      columns: heads,
      layer: i,
    };
  });
}
