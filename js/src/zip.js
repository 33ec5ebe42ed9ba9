// Files in one file, not compressed: PNGs are that already.

const encoder = new TextEncoder();
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
const DATE = (1 << 5) | 1; // the first day that a zip can name

/**
 * @param {{name: string, bytes: Uint8Array}[]} files
 * @returns {Uint8Array[]} a zip, in pieces
 */
export function zipped(files) {
  const pieces = [];
  const listed = [];
  let at = 0;
  for (const { name, bytes } of files) {
    const text = encoder.encode(name);
    const common = numbers([
      [20, 2], [0x800, 2], [0, 2], [0, 2], [DATE, 2], // version, names are UTF-8, stored, time, date
      [crc(bytes), 4], [bytes.length, 4], [bytes.length, 4], [text.length, 2], [0, 2],
    ]); // prettier-ignore
    pieces.push(numbers([[0x04034b50, 4]]), common, text, bytes);
    const where = numbers([[0, 2], [0, 2], [0, 2], [0, 4], [at, 4]]); // prettier-ignore
    listed.push(numbers([[0x02014b50, 4], [20, 2]]), common, where, text); // prettier-ignore
    at += 4 + common.length + text.length + bytes.length;
  }
  const size = listed.reduce((sum, piece) => sum + piece.length, 0);
  const end = numbers([
    [0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [at, 4], [0, 2],
  ]); // prettier-ignore
  return [...pieces, ...listed, end];
}

/** @param {Uint8Array} bytes */
function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** @param {number[][]} values each with its number of bytes, the lowest first */
function numbers(values) {
  return Uint8Array.from(
    values.flatMap(([value, size]) =>
      Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 255),
    ),
  );
}
