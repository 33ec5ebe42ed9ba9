// The explorer's front end: anywidget calls `initialize` and `render`, a page without a kernel
// calls `mount`.
/** @import { Model } from "./types.js" */
import { Shim, unpacked } from "./handout.js";
import { View } from "./view.js";

/**
 * @param {{model: Model, el: HTMLElement}} context
 * @returns {() => void} takes the view away
 */
function render({ model, el }) {
  const view = new View(model, el);
  return () => view.destroy();
}

/** Nothing is shared between the views of a model but the model itself. */
function initialize() {}

/**
 * Show a saved explorer in a page of its own.
 *
 * @param {HTMLElement} root
 * @param {any} state an object, or base64 of gzip of its JSON
 * @returns {Promise<() => void>} takes it away
 */
export async function mount(root, state) {
  const model = new Shim(await unpacked(state));
  return render({ model, el: root });
}

export default { render, initialize };
