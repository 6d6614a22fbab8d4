/**
 * The named errors of the network's formats and rules; the table of them is `codes.js`, made from the node's.
 */
/** Something that another's bytes or answer did wrong. `code` is a name from the table, `message` one sentence. */
export declare class LedgerError extends Error {
    code: string;
    name: string;
    /** @param {string} code @param {string} [message] The code's own sentence unless a better one is given. */
    constructor(code: string, message?: string);
}
/** A value of our own that a format can't carry: a programming or input mistake on this side. */
export declare class LocalError extends Error {
    name: string;
}
/**
 * @param {string} code
 * @returns {string} The documented sentence of a code.
 * @throws {LocalError} No such code is documented.
 */
export declare function sentence(code: string): string;
/**
 * @param {number} number Of an executor's result, as the state has it.
 * @returns {string} Its code, such as `ok` for 0.
 * @throws {LocalError} No such result exists.
 */
export declare function resultCode(number: number): string;
