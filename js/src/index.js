// The explorer's front end: anywidget calls `initialize` and `render`, a page without a kernel
// calls `mount`.
/** @import { AnySource, Model } from "./types.js" */
import { opened } from "./handout.js";
import { KernelSource } from "./source.js";
import { View } from "./view.js";

export { times } from "./times.js"; // tests wait less

/** For each model: its views share one source. */
function widget() {
  /** @type {KernelSource | undefined} */
  let source;
  return {
    /** @param {{model: Model}} context */
    initialize({ model }) {
      const own = (source = new KernelSource(model));
      return () => own.destroy();
    },
    /**
     * @param {{model: Model, el: HTMLElement}} context
     * @returns {() => void} takes the view away
     */
    render({ model, el }) {
      source ??= new KernelSource(model);
      return show(source, el);
    },
  };
}

/**
 * @param {AnySource} source
 * @param {HTMLElement} el
 */
function show(source, el) {
  const view = new View(source, el);
  return () => view.destroy();
}

/**
 * Show a saved explorer in a page of its own.
 *
 * @param {HTMLElement} root
 * @param {string} state base64 of a container
 * @returns {Promise<() => void>} takes it away
 */
export async function mount(root, state) {
  const source = await opened(state);
  const takeAway = show(source, root);
  return () => {
    takeAway();
    source.destroy();
  };
}

export default widget;
