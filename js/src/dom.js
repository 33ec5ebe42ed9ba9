// Small helpers for elements. Text goes in as text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props] attributes; `text` sets textContent, `class` the class,
 *   `on` event listeners by name, and a value of false or null leaves the attribute away
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  fill(node, props, children);
  return node;
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node | null)} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  fill(node, props, children);
  return node;
}

/**
 * @param {Element} node
 * @param {Record<string, any>} props
 * @param {(Node | string | null)[]} children
 */
function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (name === "text") node.textContent = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else attribute(node, name, value);
  }
  for (const child of children) if (child) node.append(child);
}

/**
 * Set an attribute where it differs; false, null and undefined take it away.
 *
 * @param {Element} node
 * @param {string} name
 * @param {unknown} value
 */
export function attribute(node, name, value) {
  if (value === false || value === null || value === undefined) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const text = value === true && !name.startsWith("aria-") ? "" : String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

/**
 * @param {Element} node
 * @param {string} text
 */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Write text in which each part at an odd place keeps its own direction: words of a prompt may be
 * right-to-left, or hold signs that turn what follows them.
 *
 * @param {Element} node
 * @param {string[]} parts ours, theirs, ours, theirs, ...
 */
export function writeMixed(node, parts) {
  if (node.textContent === parts.join("")) return;
  node.replaceChildren(...parts.map((text, i) => (i % 2 ? el("bdi", { text }) : text)));
}

const PATHS = {
  target:
    "M11 3h2v3.100a6 6 0 0 1 4.900 4.900H21v2h-3.100a6 6 0 0 1-4.900 4.900V21h-2v-3.100A6 6 0 0 1 6.100 13H3v-2h3.100A6 6 0 0 1 11 6.100Zm1 5a4 4 0 1 0 0 8 4 4 0 0 0 0-8Zm0 2.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3Z",
  star: "M12 3.5 14.6 9l6 .8-4.4 4.2 1.1 6L12 17.1 6.7 20l1.1-6L3.4 9.8l6-.8Z",
  play: "M7 5.2v13.6a.8.8 0 0 0 1.2.7l11-6.8a.8.8 0 0 0 0-1.4l-11-6.8a.8.8 0 0 0-1.2.7Z",
  pause: "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z",
  download: "M11 4h2v8.2l3-3 1.4 1.4-5.4 5.4-5.4-5.4L8 9.2l3 3zM5 18h14v2H5z",
  box: "M4 4h4v2H6v2H4zm12 0h4v4h-2V6h-2zM4 16h2v2h2v2H4zm14 0h2v4h-4v-2h2zM10 4h4v2h-4zm0 14h4v2h-4zM4 10h2v4H4zm14 0h2v4h-2z",
  lasso:
    "M12 4c5 0 9 2.600 9 6s-4 6-9 6c-.9 0-1.700-.1-2.500-.2.3.8.2 1.800-.5 2.600-.8.9-2 1.300-3.300 1.300v-1.900c.8 0 1.500-.2 1.800-.6.3-.3.2-.7-.1-1.200-.2-.3-.3-.6-.4-.9C4.600 14.100 3 12.200 3 10c0-3.400 4-6 9-6Zm0 2c-4 0-7 1.900-7 4s3 4 7 4 7-1.900 7-4-3-4-7-4Z",
  eye: "M12 5c5 0 9 4.500 10 7-1 2.500-5 7-10 7S3 14.500 2 12c1-2.500 5-7 10-7Zm0 2c-3.600 0-6.600 2.900-7.800 5 1.200 2.100 4.200 5 7.800 5s6.600-2.900 7.800-5C18.600 9.900 15.600 7 12 7Zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z",
  cells:
    "M4 4h16v16H4zm2 2v3.300h3.300V6zm5.300 0v3.300h3.400V6zm5.400 0v3.300H18V6zM6 11.300v3.400h3.300v-3.400zm5.300 0v3.400h3.400v-3.400zm5.400 0v3.400H18v-3.400zM6 16.700V18h3.300v-1.300zm5.300 0V18h3.400v-1.300zm5.400 0V18H18v-1.300z",
  close:
    "M6.400 5 12 10.600 17.600 5 19 6.400 13.400 12l5.600 5.600-1.400 1.400-5.600-5.600L6.400 19 5 17.600 10.600 12 5 6.400z",
  swap: "M7 4 3 8l4 4V9h10V7H7zm10 8v3H7v2h10v3l4-4z",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8Zm-1-5h2v3h-2zm0 15h2v3h-2zM3 11h3v2H3zm15 0h3v2h-3zM5.600 4.200l2.100 2.100-1.400 1.400-2.100-2.100zm10.700 10.700 2.100 2.100-1.400 1.400-2.100-2.100zM18.400 5.600l-2.100 2.100-1.400-1.400L17 4.200zM7.700 16.300l-2.100 2.100-1.400-1.400 2.100-2.100z",
};

/**
 * @param {keyof typeof PATHS} name
 */
export function icon(name) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: "daam-icon", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}

/**
 * @param {SVGElement} node from `icon`
 * @param {keyof typeof PATHS} name
 */
export function setIcon(node, name) {
  attribute(/** @type {Element} */ (node.firstElementChild), "d", PATHS[name]);
}

/**
 * @param {number} value
 * @returns {string} three digits that count, without an exponent
 */
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(value)));
  return size < -5 ? value.toExponential(1) : value.toFixed(Math.min(8, Math.max(0, 2 - size)));
}

/**
 * @param {number} value 0 to 1
 * @returns {string} two digits, for where there is little room
 */
export function brief(value) {
  if (value === 0 || value === 1) return String(value);
  return value < 0.01 ? "<.01" : value.toPrecision(2).replace(/^0/, "");
}
