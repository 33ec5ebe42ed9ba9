// Light or dark: as asked, else as the page around, which is white where nothing is painted.

/**
 * @param {HTMLElement} root
 * @param {string} wish "auto", "light" or "dark"
 * @returns {"light" | "dark"}
 */
export function themeOf(root, wish) {
  if (wish === "light" || wish === "dark") return wish;
  const body = document.body;
  const jupyter = body.dataset.jpThemeLight;
  if (jupyter !== undefined) return jupyter === "false" ? "dark" : "light";
  if (body.classList.contains("vscode-dark") || body.classList.contains("vscode-high-contrast")) {
    return "dark";
  }
  if (body.classList.contains("vscode-light")) return "light";
  const colab = document.documentElement.getAttribute("theme");
  if (colab === "dark" || colab === "light") return colab;
  const around = darkness(above(root));
  return (around ?? isCanvasDark()) ? "dark" : "light";
}

/** Whether a page that paints no background is dark: it is white, unless it says otherwise. */
function isCanvasDark() {
  const schemes = getComputedStyle(document.documentElement).colorScheme.split(/\s+/);
  if (!schemes.includes("dark")) return false;
  return !schemes.includes("light") || matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * Whether the first painted background around is dark; null where nothing is painted.
 *
 * @param {Element | null} node
 * @returns {boolean | null}
 */
function darkness(node) {
  for (; node; node = above(node)) {
    const [red, green, blue, alpha] = painted(getComputedStyle(node).backgroundColor);
    if (alpha >= 128) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return null;
}

/** @type {CanvasRenderingContext2D | null} */
let pen = null;

/**
 * The bytes of a color, however CSS writes it: rgb(), color(srgb ...), oklch(), color-mix(), ...
 *
 * @param {string} color
 * @returns {Uint8ClampedArray} red, green, blue, alpha; clear where it is no color
 */
function painted(color) {
  if (!pen) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    pen = /** @type {CanvasRenderingContext2D} */ (
      canvas.getContext("2d", { willReadFrequently: true })
    );
  }
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = "transparent"; // what stays where the next is not understood
  pen.fillStyle = color;
  pen.fillRect(0, 0, 1, 1);
  return pen.getImageData(0, 0, 1, 1).data;
}

/**
 * The element around; some hosts put each widget into a shadow tree of its own.
 *
 * @param {Element} node
 * @returns {Element | null}
 */
function above(node) {
  const root = node.getRootNode();
  return node.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/** Milliseconds after which a background that fades into another has arrived there. */
const FADED = 400;

/**
 * Tell when another theme may be around, of the page or of the system. Pages change classes for
 * many reasons: who is told looks whether the theme is another.
 *
 * @param {() => void} look
 * @returns {() => void} stops watching
 */
export function watchTheme(look) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  const changed = () => {
    look();
    clearTimeout(later);
    later = setTimeout(look, FADED);
  };
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", changed);
  const watcher = new MutationObserver(changed);
  const attributeFilter = [
    "class",
    "theme",
    "data-jp-theme-light",
    "data-jp-theme-name",
    "data-vscode-theme-kind",
  ];
  for (const node of [document.documentElement, document.body]) {
    watcher.observe(node, { attributes: true, attributeFilter });
  }
  return () => {
    clearTimeout(later);
    scheme.removeEventListener("change", changed);
    watcher.disconnect();
  };
}

/**
 * Tell when a CSS pixel has another number of dots: the page is zoomed, or on another screen.
 *
 * @param {() => void} changed
 * @returns {() => void} stops watching
 */
export function watchDots(changed) {
  /** @type {MediaQueryList | undefined} */
  let query;
  const heard = () => {
    watch();
    changed();
  };
  const watch = () => {
    query?.removeEventListener("change", heard);
    query = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    query.addEventListener("change", heard);
  };
  watch();
  return () => query?.removeEventListener("change", heard);
}

/** Whether the person asked for less motion. */
export function lessMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
