// How high an explorer may be, so that all of it is in sight at once.

/** Of a page's window, what a heading above may take and still be in sight with the explorer. */
const ABOVE = 160;

/**
 * The height of the window that is there for an explorer: that of the notebook's scrolling panel, or of the
 * page. In a frame of its own nothing can be said: many frames are as high as what they hold.
 *
 * @param {HTMLElement} root
 * @returns {number | null} CSS pixels
 */
export function roomOf(root) {
  if (window !== window.parent) return null;
  const panel = panelOf(root);
  if (panel) return panel.clientHeight;
  const top = root.getBoundingClientRect().top + window.scrollY;
  const above = top > 0 && top < ABOVE ? top : 0;
  return window.innerHeight - above - Math.min(above, 24);
}

/**
 * The outermost element around that scrolls up and down; null where the page itself does.
 *
 * @param {Element} root
 * @returns {Element | null}
 */
function panelOf(root) {
  let outermost = null;
  for (let node = parentOf(root); node && node !== document.body; node = parentOf(node)) {
    if (!/auto|scroll/.test(getComputedStyle(node).overflowY)) continue;
    if (node.clientHeight > 0 && node.clientHeight <= window.innerHeight) outermost = node;
  }
  return outermost;
}

/**
 * @param {Element} node
 * @returns {Element | null}
 */
function parentOf(node) {
  const tree = node.getRootNode();
  return node.parentElement ?? (tree instanceof ShadowRoot ? tree.host : null);
}

/**
 * Keep `--daam-room` of an explorer true.
 *
 * @param {HTMLElement} root
 * @returns {() => void} stops
 */
export function watchRoom(root) {
  const look = () => {
    const room = roomOf(root);
    if (room === null) return; // the style sheet's own guess
    const text = `${Math.round(room)}px`;
    if (root.style.getPropertyValue("--daam-room") !== text)
      root.style.setProperty("--daam-room", text);
  };
  window.addEventListener("resize", look);
  const panel = panelOf(root);
  const sizes = new ResizeObserver(look);
  if (panel) sizes.observe(panel);
  const placed = requestAnimationFrame(look); // some hosts put it into the page later
  look();
  return () => {
    cancelAnimationFrame(placed);
    window.removeEventListener("resize", look);
    sizes.disconnect();
  };
}
