// The front end of a page that asks people about images: anywidget calls `render`.
/** @import { Model } from "../types.js" */
import { Page } from "./page.js";

/**
 * @param {{model: Model, el: HTMLElement}} context
 * @returns {() => void} takes the page away
 */
function render({ model, el }) {
  const page = new Page(model, el);
  return () => page.destroy();
}

export default { render };
