// Choices in words that people read.
/** @import { Facts, Head } from "./types.js" */
/** @import { State } from "./state.js" */
import { numbersIn, pairsIn } from "./heads.js";

/**
 * What the numbers are.
 *
 * @param {Facts} facts
 */
export function unitText(facts) {
  return facts.unit ?? "attention probability";
}

/**
 * The same with a capital, to begin a sentence.
 *
 * @param {Facts} facts
 */
export function unitTitle(facts) {
  const unit = unitText(facts);
  return unit.charAt(0).toUpperCase() + unit.slice(1);
}

/**
 * @param {Facts} facts
 * @param {number} lo place of the first among the kept steps
 * @param {number} hi one after the last
 */
export function stepsText(facts, lo, hi) {
  if (facts.summed) return "all steps";
  const first = facts.steps?.[lo]?.place ?? lo;
  const last = facts.steps?.[hi - 1]?.place ?? hi - 1;
  return first === last ? `step ${first}` : `steps ${first}–${last}`;
}

/**
 * @param {Facts} facts
 * @param {number} step place among the kept steps
 */
export function timestepText(facts, step) {
  const time = facts.steps?.[step]?.timestep;
  return time === undefined ? "" : `t = ${Math.round(time * 100) / 100}`;
}

/**
 * @param {Facts} facts
 * @param {number[]} layers of a tile; several where a folded block is one row
 * @param {Head} head
 */
export function tileText(facts, layers, head) {
  const labels = layers.map((layer) => facts.layers?.[layer]?.label ?? String(layer));
  const where = labels.length > 1 ? `${labels[0]} to ${labels[labels.length - 1]}` : labels[0];
  const numbers = numbersIn(head);
  return `${where}, ${numbers.length === 0 ? "mean of the heads" : headsText(numbers)}`;
}

/** @param {State} state */
export function layersText(state) {
  const { facts } = state;
  const { layer, head } = state.chosen;
  const label = (/** @type {number} */ i) => facts.layers?.[i]?.label ?? "";
  const pairs = pairsIn(head);
  const of = new Set(pairs.map(([i]) => i));
  if (of.size > 1) return `${pairs.length} heads of ${of.size} layers`;
  if (of.size === 1) return `${label(pairs[0][0])}, ${headsText(pairs.map(([, h]) => h))}`;
  const where = layer < 0 ? `${state.get("choice")} layers` : label(layer);
  return `${where}, ${head === -1 ? "all heads" : headsText(numbersIn(head))}`;
}

/** @param {number[]} heads */
function headsText(heads) {
  const last = heads.at(-1);
  return heads.length > 1 ? `heads ${heads.slice(0, -1).join(", ")} and ${last}` : `head ${last}`;
}

/**
 * A word; where the text is there more than once, with a number.
 *
 * @param {Facts} facts
 * @param {number} number
 */
export function wordText(facts, number) {
  const word = facts.words?.[number];
  if (!word) return String(number);
  const same = facts.words.filter(
    ({ text, kind }) => kind === word.kind && text.toLowerCase() === word.text.toLowerCase(),
  );
  return same.length > 1 ? `${word.text} (${same.indexOf(word) + 1})` : word.text;
}
