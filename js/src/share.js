// What "More" has to hand a view on: the address of a page without a kernel.
/** @import { Scope } from "./scope.js" */
import { el, write } from "./dom.js";

const SECONDS = 2; // for which the button says that it worked

/**
 * @param {Scope} scope
 * @returns {HTMLElement[]}
 */
export function linkButton(scope) {
  const { address } = scope.source;
  if (!address || window.location.protocol === "about:") return [];
  const text = el("span", { text: "Copy link" });
  const button = el(
    "button",
    {
      class: "daam-button",
      type: "button",
      title: "The address of this page with all that is chosen",
      "data-testid": "copy-link",
    },
    text,
  );
  const field = el("input", {
    class: "daam-select",
    readonly: "",
    hidden: true,
    "aria-label": "Link to this view",
    "data-testid": "link",
  });
  button.addEventListener("click", async () => {
    address.write();
    const copied = await copy(address.link);
    scope.say(copied ? "Link copied" : "Copy the link from the field");
    field.hidden = copied;
    field.value = address.link;
    if (!copied) field.select();
    write(text, copied ? "Copied" : "Copy link");
    setTimeout(() => write(text, "Copy link"), SECONDS * 1000);
  });
  return [button, field];
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it is on the clipboard
 */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // an old browser, or a page that may not
  }
}
