/**
 * Calls of one node, pipelined over whatever carries them.
 *
 * Each call gets a number and a promise. As many calls as `outstanding` allows are on their way at once; those above
 * wait in order and go out as answers come in.
 *
 * What carries them moves whole messages and knows nothing of JSON-RPC but the id of a request, which it needs to say
 * which one failed: over HTTP each request can fail by itself.
 *
 * @typedef {object} Receiver Whom a carrier delivers to; never throws.
 * @property {(message: string) => void} messageReceived One whole message: an answer or a notification.
 * @property {(id: number, error: import("./errors.js").ClientError) => void} requestFailed No answer to this request.
 * @property {(error: ConnectionFailed) => void} connectionLost No answer to any. Called at most once, last.
 *
 * @typedef {object} Carrier A connection to a node (over HTTP, a way to make as many as are needed).
 * @property {boolean} keepsConnection Whether the node can send by itself, which subscriptions need.
 * @property {(receiver: Receiver) => void} start Deliver from now on; called at once when the carrier is there.
 * @property {(id: number, message: string) => void} send Send one request. Does nothing once the connection is lost.
 * @property {(id: number) => void} [forget] Nobody waits for this request's answer any more.
 * @property {() => void} close Tells nothing any more.
 */
export type Receiver = {
    /**
     * One whole message: an answer or a notification.
     */
    messageReceived: (message: string) => void;
    /**
     * No answer to this request.
     */
    requestFailed: (id: number, error: import("./errors.js").ClientError) => void;
    /**
     * No answer to any. Called at most once, last.
     */
    connectionLost: (error: ConnectionFailed) => void;
};
export type Carrier = {
    /**
     * Whether the node can send by itself, which subscriptions need.
     */
    keepsConnection: boolean;
    /**
     * Deliver from now on; called at once when the carrier is there.
     */
    start: (receiver: Receiver) => void;
    /**
     * Send one request. Does nothing once the connection is lost.
     */
    send: (id: number, message: string) => void;
    /**
     * Nobody waits for this request's answer any more.
     */
    forget?: (id: number) => void;
    /**
     * Tells nothing any more.
     */
    close: () => void;
};
import { ConnectionFailed } from "./errors.js";
import { NodeSubscription } from "./nodesubscription.js";
/** Seconds that a call waits for its answer unless it says otherwise. */
export declare const TIMEOUT = 30;
export type Answer = import("./messages.js").Answer;
export type Pending = {
    message: string;
    resolve: (answer: Answer) => void;
    reject: (error: unknown) => void;
    /**
     * Forget its timer, and whoever may give it up.
     */
    forget: () => void;
};
/** @typedef {import("./messages.js").Answer} Answer */
/**
 * @typedef {object} Pending
 * @property {string} message
 * @property {(answer: Answer) => void} resolve
 * @property {(error: unknown) => void} reject
 * @property {() => void} forget Forget its timer, and whoever may give it up.
 */
/** One node. */
export declare class Client {
    #private;
    /** Where it is, for messages to people. */
    url: string;
    /** Who is called with the notifications of each subscription, by its id. @type {Map<string, (told: import("./told.js").Told, size: number) => void>} */
    subscribers: Map<string, (told: import("./told.js").Told, size: number) => void>;
    /** Who is called when the connection is lost: with the reason, or null when it was closed here. @type {Set<(reason: ConnectionFailed | null) => void>} */
    onLost: Set<(reason: ConnectionFailed | null) => void>;
    /**
     * @param {Carrier} carrier
     * @param {import("./clock.js").Clock} clock
     * @param {{url?: string, timeout?: number}} [options] `timeout`: seconds to wait for an answer.
     */
    constructor(carrier: Carrier, clock: import("./clock.js").Clock, { url, timeout }?: {
        url?: string;
        timeout?: number;
    });
    /** Whether subscriptions are possible. */
    get keepsConnection(): boolean;
    /** Whether calls may still be answered. */
    get isConnected(): boolean;
    /** Whether nothing waits for it: no call, no subscription. */
    get isIdle(): boolean;
    /**
     * Call a method.
     *
     * @param {string} method
     * @param {unknown} [params] An object or array; left out for none.
     * @param {import("./session.js").RequestContext} [context] The request's `context`.
     * @param {{timeout?: number, signal?: AbortSignal, taken?: (answer: Answer) => void}} [options] `timeout`: seconds from
     *   now. `signal`: gives up the answer, not what the node does. `taken`: called with the answer before any message
     *   behind it is looked at, which the promise's `then` is not.
     * @returns {Promise<Answer>} Fails with `RemoteError`, `ConnectionFailed` or `TimedOut`.
     */
    call(method: string, params?: unknown, context?: import("./session.js").RequestContext, { timeout, signal, taken }?: {
        timeout?: number;
        signal?: AbortSignal;
        taken?: (answer: Answer) => void;
    }): Promise<Answer>;
    /**
     * Be told of changes.
     *
     * @param {string} topic
     * @param {object} wanted The node's `filter`.
     * @param {import("./told.js").LogPlace | null} after Go on after this cursor; from now on if null.
     */
    subscribe(topic: string, wanted: object, after: import("./told.js").LogPlace | null): Promise<NodeSubscription>;
    /** Close the connection; calls without an answer fail. */
    close(): void;
}
