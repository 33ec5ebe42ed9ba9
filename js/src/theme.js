// Light or dark: as asked, else as the page around, else as the system prefers.

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
  if (around !== null) return around ? "dark" : "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/**
 * Whether the first painted background around is dark; null where nothing is painted.
 *
 * @param {Element | null} node
 * @returns {boolean | null}
 */
function darkness(node) {
  for (; node; node = above(node)) {
    const parts = getComputedStyle(node)
      .backgroundColor.match(/[\d.]+/g)
      ?.map(Number);
    if (!parts || parts.length < 3 || (parts.length > 3 && parts[3] < 0.5)) continue;
    return 0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2] < 128;
  }
  return null;
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

/**
 * @param {() => void} changed
 * @returns {() => void} stops watching
 */
export function watchTheme(changed) {
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
    scheme.removeEventListener("change", changed);
    watcher.disconnect();
  };
}

/** Whether the person asked for less motion. */
export function lessMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
