// Colors as eyes see them: color blindness (Machado, Oliveira and Fernandes 2009, severity 1) and the
// distance of two colors (CIEDE2000, Sharma, Wu and Dalal 2005).

/** @typedef {number[]} Color red, green, blue, 0 to 1, as on a screen (sRGB) */

const KINDS = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [
    0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998,
  ],
  deuteranopia: [
    0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881,
  ],
  tritanopia: [
    1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039,
  ],
};

export const VISIONS = /** @type {(keyof typeof KINDS)[]} */ (Object.keys(KINDS));

/** @param {number} v */
const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);

/**
 * @param {Color} color
 * @param {keyof typeof KINDS} vision
 * @returns {number[]} linear red, green, blue as they are seen
 */
function seen(color, vision) {
  const light = color.map(linear);
  const m = KINDS[vision];
  return [0, 3, 6].map((i) => {
    const value = m[i] * light[0] + m[i + 1] * light[1] + m[i + 2] * light[2];
    return Math.min(1, Math.max(0, value));
  });
}

/** @param {number[]} light linear red, green, blue */
function lab([r, g, b]) {
  const x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047;
  const y = 0.2126729 * r + 0.7151522 * g + 0.072175 * b;
  const z = (0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883;
  const f = (/** @type {number} */ t) =>
    t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116;
  return [116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))];
}

/**
 * @param {Color} one
 * @param {Color} two
 * @param {keyof typeof KINDS} vision
 * @returns {number} CIEDE2000
 */
export function distance(one, two, vision) {
  return ciede2000(lab(seen(one, vision)), lab(seen(two, vision)));
}

/**
 * @param {number[]} p L, a, b
 * @param {number[]} q
 */
export function ciede2000([l1, a1, b1], [l2, a2, b2]) {
  const turn = Math.PI / 180;
  const c = (Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2;
  const g = 0.5 * (1 - Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7)));
  const [x1, x2] = [a1 * (1 + g), a2 * (1 + g)];
  const [c1, c2] = [Math.hypot(x1, b1), Math.hypot(x2, b2)];
  const angle = (/** @type {number} */ b, /** @type {number} */ a) =>
    a === 0 && b === 0 ? 0 : (Math.atan2(b, a) / turn + 360) % 360;
  const [h1, h2] = [angle(b1, x1), angle(b2, x2)];
  const gray = c1 * c2 === 0;
  let dh = h2 - h1;
  if (gray) dh = 0;
  else if (dh > 180) dh -= 360;
  else if (dh < -180) dh += 360;
  const dH = 2 * Math.sqrt(c1 * c2) * Math.sin((dh / 2) * turn);
  const l = (l1 + l2) / 2;
  const m = (c1 + c2) / 2;
  let h = h1 + h2;
  if (!gray) h = Math.abs(h1 - h2) > 180 ? (h + (h < 360 ? 360 : -360)) / 2 : h / 2;
  const cos = (/** @type {number} */ degrees) => Math.cos(degrees * turn);
  const t =
    1 - 0.17 * cos(h - 30) + 0.24 * cos(2 * h) + 0.32 * cos(3 * h + 6) - 0.2 * cos(4 * h - 63);
  const sl = 1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2);
  const sc = 1 + 0.045 * m;
  const sh = 1 + 0.015 * m * t;
  const rc = 2 * Math.sqrt(m ** 7 / (m ** 7 + 25 ** 7));
  const rt = -rc * Math.sin(60 * Math.exp(-(((h - 275) / 25) ** 2)) * turn);
  const [dl, dc, dhh] = [(l2 - l1) / sl, (c2 - c1) / sc, dH / sh];
  return Math.sqrt(dl * dl + dc * dc + dhh * dhh + rt * dc * dhh);
}
