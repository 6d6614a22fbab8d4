/**
 * Bytes: hex, UTF-8, fields of fixed width read from the front and written to the end. Integers are big-endian. A u64
 * is a BigInt, since a number can't hold it; what is smaller is a number.
 */
export type Bytes = Uint8Array<ArrayBuffer>;
/** @param {Uint8Array} bytes @returns {string} Lower-case hex digits, two a byte. */
export declare function toHex(bytes: Uint8Array): string;
/**
 * @param {unknown} text Lower-case hex digits, two a byte.
 * @param {string} code The error's, if it is something else; a text of another length is no error of this.
 * @returns {Bytes}
 * @throws {LedgerError} With that code.
 */
export declare function fromHex(text: unknown, code: string): Bytes;
/** @param {string} text @returns {Bytes} Its UTF-8. @throws {LocalError} It has a lone surrogate, so it has none. */
export declare function utf8(text: string): Bytes;
/** @param {Uint8Array} bytes @returns {string | null} The text that they are the UTF-8 of; null if they are not UTF-8. */
export declare function fromUtf8(bytes: Uint8Array): string | null;
/** @param {string} text @returns {boolean} Whether it has half of a surrogate pair, so that it has no UTF-8. */
export declare function hasLoneSurrogate(text: string): boolean;
/** @param {readonly Uint8Array[]} parts @returns {Bytes} */
export declare function concat(...parts: readonly Uint8Array[]): Bytes;
/** @param {Uint8Array} one @param {Uint8Array} other */
export declare function equal(one: Uint8Array, other: Uint8Array): boolean;
/**
 * @param {Uint8Array} one @param {Uint8Array} other
 * @returns {number} Below 0, 0 or above 0, as the first comes before, is, or comes after the second.
 */
export declare function compare(one: Uint8Array, other: Uint8Array): number;
/** @param {number} value @returns {Bytes} */
export declare function u8(value: number): Bytes;
/** @param {number} value @returns {Bytes} */
export declare function u16(value: number): Bytes;
/** @param {number} value @returns {Bytes} */
export declare function u32(value: number): Bytes;
/** @param {number | bigint} value @returns {Bytes} */
export declare function u64(value: number | bigint): Bytes;
/** @param {number | bigint} value Signed. @returns {Bytes} */
export declare function i64(value: number | bigint): Bytes;
/** Takes fields off the front of bytes from anywhere. What it gives are views of them, which are not to be changed. */
export declare class Reader {
    #private;
    /** @param {Uint8Array} bytes @param {string} code The error's, where there are too few bytes, or too many. */
    constructor(bytes: Uint8Array, code: string);
    /** How many bytes are left. */
    get left(): number;
    /** @param {number} size @returns {Bytes} */
    take(size: number): Bytes;
    /** All that is left. */
    rest(): Bytes;
    /** Bytes behind their number, a u16. */
    counted(): Bytes;
    u8(): number;
    u16(): number;
    u32(): number;
    u64(): bigint;
    /** @throws {LedgerError} Something is left. */
    end(): void;
}
