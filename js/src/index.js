// The explorer's front end: anywidget calls `initialize` and `render`, a page without a kernel
// calls `mount`.
/** @import { AnySource, Model } from "./types.js" */
import { opened } from "./handout.js";
import { KernelSource } from "./source.js";
import { Pair } from "./pair.js";
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
     * @returns {(() => void) | Promise<() => void>} takes the view away
     */
    render({ model, el }) {
      source ??= new KernelSource(model);
      const other = model.get("_other");
      return other ? showPair(source, String(other), el) : show(source, el);
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
 * Show two recordings.
 *
 * @param {KernelSource} source A's
 * @param {string} name of B's model, as it travels
 * @param {HTMLElement} el
 */
async function showPair(source, name, el) {
  const other = await source.model.widget_manager?.get_model(name.replace(/^IPY_MODEL_/, ""));
  if (!other) {
    const view = new View(source, el);
    view.status.fail("This page shows one recording alone: it cannot find the other one's model.");
    return () => view.destroy();
  }
  const second = new KernelSource(other);
  const pair = new Pair(source, second, el);
  return () => {
    pair.destroy();
    second.destroy();
  };
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
