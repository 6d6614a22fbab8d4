/**
 * Bytes: hex, UTF-8, fields of fixed width read from the front and written to the end. Integers are big-endian. A u64
 * is a BigInt, since a number can't hold it; what is smaller is a number.
 */

import {LedgerError, LocalError} from "./formats/errors.js";

/**
 * Bytes of a buffer that is not shared, which is what WebCrypto takes.
 *
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */

const encoder = new TextEncoder();
// A byte order mark stays and is refused by whoever reads on; without `ignoreBOM` it would vanish.
const decoder = new TextDecoder("utf-8", {fatal: true, ignoreBOM: true});

const HEX = Array.from({length: 256}, (_, byte) => byte.toString(16).padStart(2, "0"));

/** @param {Uint8Array} bytes @returns {string} Lower-case hex digits, two a byte. */
export function toHex(bytes) {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/**
 * @param {unknown} text Lower-case hex digits, two a byte.
 * @param {string} code The error's, if it is something else; a text of another length is no error of this.
 * @returns {Bytes}
 * @throws {LedgerError} With that code.
 */
export function fromHex(text, code) {
  if (typeof text !== "string" || text.length % 2 || !/^[0-9a-f]*$/.test(text)) throw new LedgerError(code);
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = digit(text, 2 * at) * 16 + digit(text, 2 * at + 1);
  return bytes;
}

/** @param {string} text @param {number} at */
function digit(text, at) {
  const code = text.charCodeAt(at);
  return code < 58 ? code - 48 : code - 87;
}

/** @param {string} text @returns {Bytes} Its UTF-8. @throws {LocalError} It has a lone surrogate, so it has none. */
export function utf8(text) {
  if (hasLoneSurrogate(text)) throw new LocalError("a text has a lone surrogate");
  return encoder.encode(text);
}

/** @param {Uint8Array} bytes @returns {string | null} The text that they are the UTF-8 of; null if they are not UTF-8. */
export function fromUtf8(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** @param {string} text @returns {boolean} Whether it has half of a surrogate pair, so that it has no UTF-8. */
export function hasLoneSurrogate(text) {
  return /\p{Surrogate}/u.test(text);
}

/** @param {readonly Uint8Array[]} parts @returns {Bytes} */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export function equal(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/**
 * @param {Uint8Array} one @param {Uint8Array} other
 * @returns {number} Below 0, 0 or above 0, as the first comes before, is, or comes after the second.
 */
export function compare(one, other) {
  const both = Math.min(one.length, other.length);
  for (let at = 0; at < both; at += 1) {
    const difference = /** @type {number} */ (one[at]) - /** @type {number} */ (other[at]);
    if (difference) return difference;
  }
  return one.length - other.length;
}

/** @param {number} value @returns {Bytes} */
export function u8(value) {
  return unsigned(BigInt(value), 1);
}

/** @param {number} value @returns {Bytes} */
export function u16(value) {
  return unsigned(BigInt(value), 2);
}

/** @param {number} value @returns {Bytes} */
export function u32(value) {
  return unsigned(BigInt(value), 4);
}

/** @param {number | bigint} value @returns {Bytes} */
export function u64(value) {
  return unsigned(BigInt(value), 8);
}

/** @param {number | bigint} value Signed. @returns {Bytes} */
export function i64(value) {
  const signed = BigInt(value);
  if (BigInt.asIntN(64, signed) !== signed) throw new LocalError(`${value} does not fit its field of 8 bytes`);
  return unsigned(BigInt.asUintN(64, signed), 8);
}

/** @param {bigint} value @param {number} size @returns {Bytes} */
function unsigned(value, size) {
  if (value < 0n || value >> BigInt(8 * size)) throw new LocalError(`${value} does not fit its field of ${size} bytes`);
  const bytes = new Uint8Array(size);
  let left = value;
  for (let at = size - 1; at >= 0; at -= 1) {
    bytes[at] = Number(left & 0xffn);
    left >>= 8n;
  }
  return bytes;
}

/** Takes fields off the front of bytes from anywhere. What it gives are views of them, which are not to be changed. */
export class Reader {
  #bytes;
  #view;
  #at = 0;
  #code;

  /** @param {Uint8Array} bytes @param {string} code The error's, where there are too few bytes, or too many. */
  constructor(bytes, code) {
    this.#bytes = /** @type {Bytes} */ (bytes);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#code = code;
  }

  /** How many bytes are left. */
  get left() {
    return this.#bytes.length - this.#at;
  }

  /** @param {number} size @returns {number} Where those bytes begin. */
  #skip(size) {
    if (size > this.left) throw new LedgerError(this.#code);
    this.#at += size;
    return this.#at - size;
  }

  /** @param {number} size @returns {Bytes} */
  take(size) {
    const begin = this.#skip(size);
    return this.#bytes.subarray(begin, begin + size);
  }

  /** All that is left. */
  rest() {
    return this.take(this.left);
  }

  /** Bytes behind their number, a u16. */
  counted() {
    return this.take(this.u16());
  }

  u8() {
    return this.#view.getUint8(this.#skip(1));
  }

  u16() {
    return this.#view.getUint16(this.#skip(2));
  }

  u32() {
    return this.#view.getUint32(this.#skip(4));
  }

  u64() {
    return this.#view.getBigUint64(this.#skip(8));
  }

  /** @throws {LedgerError} Something is left. */
  end() {
    if (this.left) throw new LedgerError(this.#code);
  }
}
