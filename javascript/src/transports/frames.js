/** Messages on a byte stream, each with its length before it (four bytes, big-endian). Pure. */

import {AnswerMalformed} from "../session/errors.js";

const HEAD = 4;

/** @param {string} message @returns {Uint8Array} */
export function encodeFrame(message) {
  const text = new TextEncoder().encode(message);
  const framed = new Uint8Array(HEAD + text.length);
  new DataView(framed.buffer).setUint32(0, text.length);
  framed.set(text, HEAD);
  return framed;
}

/** Puts messages together from whatever pieces the stream comes in. */
export class FrameReader {
  /** What came and is not taken yet. @type {Uint8Array[]} */
  #pieces = [];
  #length = 0;
  #most;

  /** @param {number} most The longest message that is taken, in bytes. */
  constructor(most) {
    this.#most = most;
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {string[]} The messages that are complete now.
   * @throws {AnswerMalformed} A message is longer than is taken, or not UTF-8.
   */
  feed(bytes) {
    if (bytes.length) this.#pieces.push(bytes);
    this.#length += bytes.length;
    const messages = [];
    while (this.#length >= HEAD) {
      const head = this.#peek(HEAD);
      const size = new DataView(head.buffer, head.byteOffset).getUint32(0);
      if (size > this.#most) throw new AnswerMalformed(`The node announces a message of ${size} bytes.`);
      if (this.#length < HEAD + size) break;
      const framed = this.#peek(HEAD + size);
      this.#drop(HEAD + size);
      try {
        messages.push(new TextDecoder("utf-8", {fatal: true}).decode(framed.subarray(HEAD)));
      } catch {
        throw new AnswerMalformed("The node sent a message that is not UTF-8.");
      }
    }
    return messages;
  }

  /** The first bytes in one piece. @param {number} size */
  #peek(size) {
    if (this.#pieces[0].length < size) {
      // All that came, at once: a long message in many pieces is joined once, when its last one is there.
      const joined = new Uint8Array(this.#length);
      let at = 0;
      for (const piece of this.#pieces) {
        joined.set(piece, at);
        at += piece.length;
      }
      this.#pieces = [joined];
    }
    return this.#pieces[0].subarray(0, size);
  }

  /** @param {number} size Not more than the first piece has. */
  #drop(size) {
    this.#pieces[0] = this.#pieces[0].subarray(size);
    if (!this.#pieces[0].length) this.#pieces.shift();
    this.#length -= size;
  }
}
