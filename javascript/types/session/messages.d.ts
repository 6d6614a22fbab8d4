/** JSON-RPC 2.0 as a client speaks it. */
import { RemoteError } from "./errors.js";
/** A call's result. */
export declare class Answer {
    #private;
    result: unknown;
    /** @param {string} message The whole answer. @param {unknown} result */
    constructor(message: string, result: unknown);
    /** The result's exact JSON text, equal byte for byte between nodes at one height. */
    get raw(): string;
    /** The exact text of what it says of itself, with proof and signature if they were asked for; empty for nothing. */
    get rawContext(): string;
}
/**
 * @param {number} id
 * @param {string} method
 * @param {unknown} [params]
 * @param {object} [context]
 */
export declare function encodeRequest(id: number, method: string, params?: unknown, context?: object): string;
export type Incoming = {
    id: number | null;
    answer?: Answer;
    error?: RemoteError;
    notification?: import("./told.js").Told;
};
/**
 * @typedef {object} Incoming An answer, an error, or the parameters of a notification.
 * @property {number | null} id
 * @property {Answer} [answer]
 * @property {RemoteError} [error]
 * @property {import("./told.js").Told} [notification]
 */
/**
 * @param {string} message
 * @returns {Incoming}
 * @throws {AnswerMalformed} It is no JSON-RPC answer or notification.
 */
export declare function decodeIncoming(message: string): Incoming;
/** @param {import("./told.js").Told} error @param {string} [message] The whole answer, if it is one. */
export declare function readError(error: import("./told.js").Told, message?: string): RemoteError;
