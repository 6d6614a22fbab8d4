/** Messages on a byte stream, each with its length before it (four bytes, big-endian). Pure. */
/** @param {string} message @returns {Uint8Array} */
export declare function encodeFrame(message: string): Uint8Array;
/** Puts messages together from whatever pieces the stream comes in. */
export declare class FrameReader {
    #private;
    /** @param {number} most The longest message that is taken, in bytes. */
    constructor(most: number);
    /**
     * @param {Uint8Array} bytes
     * @returns {string[]} The messages that are complete now.
     * @throws {AnswerMalformed} A message is longer than is taken, or not UTF-8.
     */
    feed(bytes: Uint8Array): string[];
}
