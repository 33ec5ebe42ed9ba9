// Parts and what is said of them in one string of bytes; daam_nb/show/explorer/model/container.py writes it.
/** @import { Part } from "./types.js" */
import { inflated } from "./bytes.js";

export const VERSION = 1;
const START = 5; // bytes before the header: whether it is deflated, its length

/**
 * @param {Uint8Array} bytes
 * @returns {{header: any, parts: Part[]} | null} null where nothing was sent, or another version
 */
export function unpack(bytes) {
  if (bytes.length < START || bytes[0] !== 0) return null;
  return listed(bytes, JSON.parse(new TextDecoder().decode(headerOf(bytes))));
}

/**
 * As `unpack`, also where the header is deflated.
 *
 * @param {Uint8Array} bytes
 */
export async function unpackSmall(bytes) {
  if (bytes[0] === 0) return unpack(bytes);
  const text = new TextDecoder().decode(await inflated(headerOf(bytes)));
  return listed(bytes, JSON.parse(text));
}

/** @param {Uint8Array} bytes */
function headerOf(bytes) {
  return bytes.subarray(START, bodyOf(bytes));
}

/** @param {Uint8Array} bytes */
function bodyOf(bytes) {
  return START + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true);
}

/**
 * @param {Uint8Array} bytes
 * @param {any} header
 */
function listed(bytes, header) {
  if (header.v !== VERSION) return null;
  const body = bodyOf(bytes);
  /** @type {Part[]} */
  const parts = header.parts.map((/** @type {any} */ { at, bytes: count, ...part }) =>
    // The bytes may belong to the transport, which is free to use them again.
    ({ ...part, bytes: bytes.slice(body + at, body + at + count) }),
  );
  return { header, parts };
}
