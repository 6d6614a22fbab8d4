/** One question to many nodes, whose answers count when they were checked: what all that a session does is made of. */
import { ConnectionFailed } from "./errors.js";
export type Checked = import("./checker.js").Checked;
export type Checker = import("./checker.js").Checker;
export type Client = import("./client.js").Client;
export type Place = import("./directory.js").Place;
export type RequestContext = import("./session.js").RequestContext;
export type CloudAnswer = {
    result: any;
    /**
     * The result's exact JSON text, the same on every node at one height.
     */
    raw: string;
    /**
     * What the answer says of itself: `network`, `height`, `hash`, `time`; null if nothing.
     */
    context: any;
    /**
     * How far it was checked.
     */
    checked: Checked;
    /**
     * Where it holds; 0 for what holds at no height.
     */
    height: number;
    /**
     * Who answered.
     */
    url: string;
    /**
     * Its key in hex, as far as it is known.
     */
    node: string;
};
export type Question = {
    method: string;
    params: unknown;
    context: RequestContext;
    deadline: number;
    proof: boolean;
};
export type Blame = {
    method: string;
    params: unknown;
    /**
     * Where the answer was to hold.
     */
    height: number;
};
export type AskOptions = {
    /**
     * Whether a second place is asked when the first is slow.
     */
    hedges: boolean;
    /**
     * Seconds after which it is slow, at least.
     */
    leastHedge?: number;
    /**
     * Whether the place must keep its connection.
     */
    keeping?: boolean;
    /**
     * Never ask these.
     */
    without?: Set<Place>;
    /**
     * Gives it up.
     */
    signal?: AbortSignal;
};
/** @typedef {import("./checker.js").Checked} Checked */
/** @typedef {import("./checker.js").Checker} Checker */
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./session.js").RequestContext} RequestContext */
/**
 * A result.
 *
 * @typedef {object} CloudAnswer
 * @property {any} result
 * @property {string} raw The result's exact JSON text, the same on every node at one height.
 * @property {any} context What the answer says of itself: `network`, `height`, `hash`, `time`; null if nothing.
 * @property {Checked} checked How far it was checked.
 * @property {number} height Where it holds; 0 for what holds at no height.
 * @property {string} url Who answered. @property {string} node Its key in hex, as far as it is known.
 *
 * @typedef {object} Question
 * @property {string} method
 * @property {unknown} params
 * @property {RequestContext} context
 * @property {number} deadline
 * @property {boolean} proof
 *
 * @typedef {object} Blame What a place is accused of having answered falsely.
 * @property {string} method @property {unknown} params @property {number} height Where the answer was to hold.
 *
 * @typedef {object} AskOptions
 * @property {boolean} hedges Whether a second place is asked when the first is slow.
 * @property {number} [leastHedge] Seconds after which it is slow, at least.
 * @property {boolean} [keeping] Whether the place must keep its connection.
 * @property {Set<Place>} [without] Never ask these.
 * @property {AbortSignal} [signal] Gives it up.
 */
export declare class Questions {
    #private;
    /**
     * @param {import("./nodes.js").Nodes} nodes
     * @param {import("./policy.js").Policy} policy
     * @param {import("./session.js").Session} session
     * @param {import("./clock.js").Clock} clock
     */
    constructor(nodes: import("./nodes.js").Nodes, policy: import("./policy.js").Policy, session: import("./session.js").Session, clock: import("./clock.js").Clock);
    /** Ask no more; what is under way fails. */
    close(): void;
    /**
     * Call a method; the session does not see yet what is shown.
     *
     * @param {string} method
     * @param {unknown} params
     * @param {RequestContext | undefined} wanted What the caller wants of the answer.
     * @param {number} seconds Over all nodes that are asked.
     * @returns {Promise<CloudAnswer>} Fails as `Cloud.call` says.
     */
    call(method: string, params: unknown, wanted: RequestContext | undefined, seconds: number): Promise<CloudAnswer>;
    /**
     * Ask the best places until one answers.
     *
     * @template T
     * @param {(place: Place, signal: AbortSignal) => Promise<T>} ask
     * @param {number | null} deadline In seconds of the clock; null for no end.
     * @param {AskOptions} options
     * @returns {Promise<{answer: T, place: Place}>} What `ask` gave, and the place; fails with the last failure.
     */
    ask<T>(ask: (place: Place, signal: AbortSignal) => Promise<T>, deadline: number | null, { hedges, leastHedge, keeping, without, signal }: AskOptions): Promise<{
        answer: T;
        place: Place;
    }>;
    /**
     * Have something done at a place that checks by itself what it is told.
     *
     * @template T
     * @param {Place} place
     * @param {Blame} blame What the place is accused of, if `work` fails with a `LedgerError`.
     * @param {(client: Client) => Promise<T>} work
     * @returns {Promise<T>}
     * @throws {ClientError} It failed, or the place lied and is left.
     */
    workAt<T>(place: Place, blame: Blame, work: (client: Client) => Promise<T>): Promise<T>;
    /** A place, and the others of the same node as far as that is proven. @param {Place} place @returns {Set<Place>} */
    sameNode(place: Place): Set<Place>;
}
/** A node that answers, and does not bring what its answer is checked with: no lie, and of no use. @param {Place} place @param {Error} error */
export declare function notShown(place: Place, error: Error): ConnectionFailed;
