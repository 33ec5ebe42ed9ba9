// Inputs for controls, made from Python's table: a slider, a switch or a list.
/** @import { Control } from "./types.js" */
/** @import { Scope } from "./scope.js" */
import CONTROLS from "./controls.data.js";
import { el, write } from "./dom.js";

/** @typedef {{label: HTMLElement, show: () => void}} Input an input with its name, and what brings
 *   it up to date */

/**
 * Inputs that there is nothing for at times, in any panel, and when that is.
 *
 * @type {Record<string, (scope: Scope) => boolean>}
 */
const HIDDEN = {
  colormap: ({ maps }) => maps.comparing,
  follow_step: ({ state }) => !state.facts.strip,
  view: ({ maps }) => !maps.comparing,
  difference_scale: ({ maps, state }) => !maps.comparing || state.get("view") !== "difference",
};

/**
 * The inputs that the table puts in a panel, in its order.
 *
 * @param {Scope} scope
 * @param {string} panel
 * @returns {Record<string, Input>} by the name of the control
 */
export function inputsOf(scope, panel) {
  const rows = Object.entries(CONTROLS).filter(([, control]) => control.panel === panel);
  return Object.fromEntries(rows.map(([name, control]) => [name, input(scope, name, control)]));
}

/**
 * @param {Scope} scope
 * @param {string} name
 * @param {Control} control
 * @returns {Input}
 */
function input(scope, name, control) {
  const { label, show } = make(scope, name, control);
  const hidden = HIDDEN[name];
  if (!hidden) return { label, show };
  return {
    label,
    show: () => {
      show();
      label.hidden = hidden(scope);
    },
  };
}

/**
 * @param {Scope} scope
 * @param {string} name
 * @param {Control} control
 * @returns {Input}
 */
function make(scope, name, control) {
  if (control.kind === "Share") return slider(scope, name, control);
  if (control.kind === "Flag") return toggle(scope, name, control);
  if (control.kind === "OneOf") return list(scope, name, control);
  throw new Error(`There is no input for the control ${name} of kind ${control.kind}.`);
}

/**
 * @param {Scope} scope
 * @param {string} name
 * @param {Control} control
 */
function slider({ state, input: timed }, name, { label: text, title }) {
  const range = el("input", {
    type: "range",
    min: "0",
    max: "1",
    step: "0.01",
    class: "daam-range",
    "data-testid": testId(name),
    "aria-label": text,
  });
  const value = el("output", { class: "daam-value" });
  range.addEventListener("input", () =>
    timed(name, () => state.set({ [name]: Number(range.value) }, "soon")),
  );
  range.addEventListener("change", () => state.set({}, "now"));
  const label = field({ class: "daam-field", title }, el("span", { text }), range, value);
  const show = () => {
    const now = Number(state.get(name));
    if (Number(range.value) !== now) range.value = String(now);
    range.style.setProperty("--daam-part", `${100 * now}%`);
    write(value, now.toFixed(2));
  };
  return { label, show };
}

/**
 * @param {Scope} scope
 * @param {string} name
 * @param {Control} control
 */
function toggle({ state, input: timed }, name, { label: text, title }) {
  const box = el("input", {
    type: "checkbox",
    class: "daam-check",
    role: "switch",
    "data-testid": testId(name),
  });
  box.addEventListener("change", () => timed(name, () => state.set({ [name]: box.checked })));
  const label = field({ class: "daam-field daam-switch", title }, box, el("span", { text }));
  const show = () => {
    box.checked = Boolean(state.get(name));
  };
  return { label, show };
}

/**
 * @param {Scope} scope
 * @param {string} name
 * @param {Control} control
 */
function list({ state, input: timed }, name, { label: text, title, panel, options = [] }) {
  const select = el("select", { class: "daam-select", "data-testid": testId(name) });
  for (const [value, read] of options) select.append(el("option", { value, text: read }));
  select.addEventListener("change", () => timed(name, () => state.set({ [name]: select.value })));
  // Elsewhere there is no room for names.
  const named = el("span", {
    class: panel === "look" || panel === "more" ? null : "daam-hidden",
    text,
  });
  const label = field({ class: "daam-field", title }, named, select);
  const show = () => {
    const now = String(state.get(name));
    if (![...select.options].some((option) => option.value === now))
      select.append(el("option", { value: now, text: now }));
    select.value = now;
  };
  return { label, show };
}

/**
 * A control may be called as any part of the page is: its input has an id of its own.
 *
 * @param {string} name
 */
function testId(name) {
  return `control-${name}`;
}

/**
 * @param {Record<string, string | undefined>} attributes those that are undefined are left out
 * @param {...HTMLElement} children
 */
function field(attributes, ...children) {
  const { title, ...others } = attributes;
  return el("label", title ? { ...others, title } : others, ...children);
}
