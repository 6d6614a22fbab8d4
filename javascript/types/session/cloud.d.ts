/**
 * One session with a network: calls, writes and subscriptions on whichever nodes answer.
 *
 *     const cloud = await Cloud.connect(["ws://one.example:38082", "https://two.example:38081"], {network});
 *     const record = (await cloud.call("getrecord", {account, collection: "film", key: "metropolis"})).result;
 *     for await (const item of cloud.subscribe("ratings", {record})) ...
 *
 * `Nodes` knows where to ask, `Asking` asks elsewhere what fails or is slow, `Session` says how old an answer may be,
 * `Checker` what is believed. Here they are put together: a call is one question to many nodes, and only an answer that
 * was checked is shown to the caller.
 */
import { CloudSubscription } from "./cloudsubscription.js";
import { Nodes } from "./nodes.js";
import { Session } from "./session.js";
import { Writer } from "./writer.js";
export type Accusation = import("./accusing.js").Accusation;
export type Checked = import("./checker.js").Checked;
export type Client = import("./client.js").Client;
export type Place = import("./directory.js").Place;
export type Item = import("./nodesubscription.js").Item;
export type RequestContext = import("./session.js").RequestContext;
export type LogPlace = import("./told.js").LogPlace;
export type SignedOperation = import("./writer.js").SignedOperation;
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
export type Submitted = {
    /**
     * The operation's, in hex.
     */
    id: string;
    /**
     * Its place in the log; null as long as it is not final.
     */
    cursor: LogPlace | null;
    /**
     * What the ledger's rules made of it, `ok`; null as long as it is not final.
     */
    result: string | null;
    /**
     * The node's signed promise to pass it on, or null.
     */
    receipt: any;
    /**
     * How far its place and result were checked.
     */
    checked: Checked;
};
export type Question = {
    method: string;
    params: unknown;
    context: RequestContext;
    deadline: number;
    proof: boolean;
};
export type CloudOptions = {
    /**
     * The network's id (the genesis hash), 64 hex digits. Without it the first seed that
     * answers is trusted to say which network it is.
     */
    network?: string | null;
    /**
     * `proof`, `certificate`, `quorum:K` or `none`: see docs/client.md.
     */
    verify?: string;
    /**
     * Of an earlier session that this one is not to be behind.
     */
    height?: number;
    /**
     * Seconds that a call may take in all.
     */
    timeout?: number;
    /**
     * Told of each node that is left because it lied.
     */
    onLiar?: (accusation: Accusation) => unknown;
    /**
     * Told of each newer proven state.
     */
    onState?: (state: import("./checker.js").State) => unknown;
    /**
     * In place of the one that there is.
     */
    WebSocket?: import("../transports/websocket.js").WebSocketClass;
    WebTransport?: import("../transports/webtransport.js").WebTransportClass;
    fetch?: import("../transports/http.js").Fetch;
    /**
     * For tests.
     */
    clock?: import("./clock.js").Clock;
    /**
     * From 0 to 1, for tests.
     */
    random?: () => number;
    /**
     * Makes connections, in place of the
     * transports.
     */
    connect?: (place: Place, signal: AbortSignal) => Promise<Client>;
};
/** @typedef {import("./accusing.js").Accusation} Accusation */
/** @typedef {import("./checker.js").Checked} Checked */
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./nodesubscription.js").Item} Item */
/** @typedef {import("./session.js").RequestContext} RequestContext */
/** @typedef {import("./told.js").LogPlace} LogPlace */
/** @typedef {import("./writer.js").SignedOperation} SignedOperation */
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
 * @typedef {object} Submitted
 * @property {string} id The operation's, in hex.
 * @property {LogPlace | null} cursor Its place in the log; null as long as it is not final.
 * @property {string | null} result What the ledger's rules made of it, `ok`; null as long as it is not final.
 * @property {any} receipt The node's signed promise to pass it on, or null.
 * @property {Checked} checked How far its place and result were checked.
 *
 * @typedef {object} Question
 * @property {string} method
 * @property {unknown} params
 * @property {RequestContext} context
 * @property {number} deadline
 * @property {boolean} proof
 */
/**
 * @typedef {object} CloudOptions
 * @property {string | null} [network] The network's id (the genesis hash), 64 hex digits. Without it the first seed that
 *   answers is trusted to say which network it is.
 * @property {string} [verify] `proof`, `certificate`, `quorum:K` or `none`: see docs/client.md.
 * @property {number} [height] Of an earlier session that this one is not to be behind.
 * @property {number} [timeout] Seconds that a call may take in all.
 * @property {(accusation: Accusation) => unknown} [onLiar] Told of each node that is left because it lied.
 * @property {(state: import("./checker.js").State) => unknown} [onState] Told of each newer proven state.
 * @property {import("../transports/websocket.js").WebSocketClass} [WebSocket] In place of the one that there is.
 * @property {import("../transports/webtransport.js").WebTransportClass} [WebTransport]
 * @property {import("../transports/http.js").Fetch} [fetch]
 * @property {import("./clock.js").Clock} [clock] For tests.
 * @property {() => number} [random] From 0 to 1, for tests.
 * @property {(place: Place, signal: AbortSignal) => Promise<Client>} [connect] Makes connections, in place of the
 *   transports.
 */
/** A session. Made by `connect`. */
export declare class Cloud {
    #private;
    /**
     * @param {Nodes} nodes
     * @param {import("./policy.js").Policy} policy
     * @param {Session} session
     * @param {import("./clock.js").Clock} clock
     * @param {number} timeout
     */
    constructor(nodes: Nodes, policy: import("./policy.js").Policy, session: Session, clock: import("./clock.js").Clock, timeout: number);
    /**
     * Begin a session.
     *
     * @param {Iterable<string>} seeds URLs of some nodes, by any transport; more are learned from them.
     * @param {CloudOptions} [options]
     * @returns {Promise<Cloud>}
     * @throws {import("./errors.js").AddressInvalid} A seed is no URL of a node, or of no use here.
     * @throws {RangeError} `verify` or `network` is none, or there is no seed.
     * @throws {ConnectionFailed} No seed answers.
     */
    static connect(seeds: Iterable<string>, options?: CloudOptions): Promise<Cloud>;
    /** The network's id in hex. */
    get network(): string;
    /**
     * The newest height that this session was shown: no later answer is older. Of an empty block, which changed nothing,
     * it is the height before.
     */
    get height(): number;
    /** All places that are known, the best first; liars last. */
    get places(): import("./directory.js").Place[];
    /** The places that there are connections with. */
    get connected(): import("./directory.js").Place[];
    /** The nodes that lied so far. @returns {Accusation[]} */
    get accusations(): Accusation[];
    /**
     * The newest state that was proven, and the nodes that proved one: null as long as none was, or if nothing is checked.
     *
     * @returns {import("./checker.js").State | null}
     */
    get state(): import("./checker.js").State | null;
    /**
     * Ask these places alone from now on; all without a name.
     *
     * @param {...string} names URLs, or `node:` and a key for all places of a node that it has proven to be.
     * @throws {import("./errors.js").AddressInvalid} One is none.
     */
    pin(...names: string[]): void;
    /**
     * Compare all nodes that are known: each signs and proves its newest state, which must be what the validators signed.
     *
     * @param {{most?: number, onEach?: (compared: import("./comparing.js").Compared) => void}} [options] `most`: nodes that
     *   are asked at most. `onEach`: told of each as soon as it is known.
     * @returns {Promise<import("./comparing.js").Compared[]>} Each node once.
     */
    compare({ most, onEach }?: {
        most?: number;
        onEach?: (compared: import("./comparing.js").Compared) => void;
    }): Promise<import("./comparing.js").Compared[]>;
    /**
     * Ask one place what it tells of itself. That is its own word: nothing is checked, and no other is asked.
     *
     * @param {string} url
     * @param {string} method
     * @param {unknown} [params]
     * @param {{timeout?: number}} [options] Seconds.
     * @returns {Promise<any>} The result.
     * @throws {ClientError} It answered with an error, or not.
     */
    ask(url: string, method: string, params?: unknown, { timeout }?: {
        timeout?: number;
    }): Promise<any>;
    /**
     * Call a method.
     *
     * @param {string} method
     * @param {unknown} [params] An object or array.
     * @param {{context?: RequestContext, timeout?: number}} [options] `context`: the request's, such as `at`. `timeout`:
     *   seconds, over all nodes that are asked.
     * @returns {Promise<CloudAnswer>}
     * @throws {RemoteError} The answer is this error; `Denied` if it is proven.
     * @throws {ClientError} No node gave a good answer in time: the last failure.
     */
    call(method: string, params?: unknown, { context, timeout }?: {
        context?: RequestContext;
        timeout?: number;
    }): Promise<CloudAnswer>;
    /**
     * Submit a signed operation, to as many nodes as it takes. The same bytes take effect once.
     *
     * @param {SignedOperation} operation
     * @param {{wait?: "accepted" | "final", timeout?: number}} [options] `wait`: `final` for its place in the log, which
     *   is proven if answers are; `accepted` for one node's receipt.
     * @returns {Promise<Submitted>}
     * @throws {import("./errors.js").Rejected} It was ordered and has no effect.
     * @throws {RemoteError} It was not taken.
     * @throws {ClientError} It is not known to be final in time; it may still become so before its expiry, and may be
     *   submitted again.
     */
    submit(operation: SignedOperation, { wait, timeout }?: {
        wait?: "accepted" | "final";
        timeout?: number;
    }): Promise<Submitted>;
    /**
     * What makes operations for a key on this network.
     *
     * @param {import("../formats/keys.js").SigningKey} key
     * @returns {Promise<Writer>}
     */
    writer(key: import("../formats/keys.js").SigningKey): Promise<Writer>;
    /**
     * Be told of changes, each once and in order, as long as it takes. What happens once its `ready` is done is told.
     *
     * @param {string} topic `records`, `ratings` or `blocks`.
     * @param {object} [wanted] The method's `filter`.
     * @param {LogPlace | null} [after] Go on after this cursor; from now on if null.
     * @returns {CloudSubscription} Iterating fails with `RemoteError` (`cursor_pruned`) if no node has the log from there
     *   on.
     */
    subscribe(topic: string, wanted?: object, after?: LogPlace | null): CloudSubscription;
    /** End the session: what is under way fails, and subscriptions end. */
    close(): void;
}
