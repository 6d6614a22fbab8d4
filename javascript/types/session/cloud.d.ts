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
export type Censorship = import("./censorship.js").Censorship;
export type Checked = import("./checker.js").Checked;
export type Client = import("./client.js").Client;
export type Place = import("./directory.js").Place;
export type CloudAnswer = import("./questions.js").CloudAnswer;
export type RequestContext = import("./session.js").RequestContext;
export type LogPlace = import("./told.js").LogPlace;
export type SignedOperation = import("./writer.js").SignedOperation;
export type Submitted = import("./writing.js").Submitted;
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
     * What `save` gave in an earlier session, which this one goes on with: whom it believed,
     * how far it had seen, which places it knew. Seeds may be left out then.
     */
    saved?: string | null;
    /**
     * Seconds that a call may take in all.
     */
    timeout?: number;
    /**
     * Told of each node that is left because it lied.
     */
    onLiar?: (accusation: Accusation) => unknown;
    /**
     * Told of each operation that a node took (`wait`
     * `accepted`) and that the log did not get: when it is overdue and is sent elsewhere, and when its expiry has passed.
     */
    onCensorship?: (censorship: Censorship) => unknown;
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
/** @typedef {import("./censorship.js").Censorship} Censorship */
/** @typedef {import("./checker.js").Checked} Checked */
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */
/** @typedef {import("./questions.js").CloudAnswer} CloudAnswer */
/** @typedef {import("./session.js").RequestContext} RequestContext */
/** @typedef {import("./told.js").LogPlace} LogPlace */
/** @typedef {import("./writer.js").SignedOperation} SignedOperation */
/** @typedef {import("./writing.js").Submitted} Submitted */
/**
 * @typedef {object} CloudOptions
 * @property {string | null} [network] The network's id (the genesis hash), 64 hex digits. Without it the first seed that
 *   answers is trusted to say which network it is.
 * @property {string} [verify] `proof`, `certificate`, `quorum:K` or `none`: see docs/client.md.
 * @property {number} [height] Of an earlier session that this one is not to be behind.
 * @property {string | null} [saved] What `save` gave in an earlier session, which this one goes on with: whom it believed,
 *   how far it had seen, which places it knew. Seeds may be left out then.
 * @property {number} [timeout] Seconds that a call may take in all.
 * @property {(accusation: Accusation) => unknown} [onLiar] Told of each node that is left because it lied.
 * @property {(censorship: Censorship) => unknown} [onCensorship] Told of each operation that a node took (`wait`
 *   `accepted`) and that the log did not get: when it is overdue and is sent elsewhere, and when its expiry has passed.
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
     * @param {Session} session
     * @param {object} options
     * @param {import("./policy.js").Policy} options.policy
     * @param {import("./clock.js").Clock} options.clock
     * @param {number} options.timeout
     * @param {(censorship: Censorship) => unknown} options.onCensorship
     */
    constructor(nodes: Nodes, session: Session, { policy, clock, timeout, onCensorship }: {
        policy: import("./policy.js").Policy;
        clock: import("./clock.js").Clock;
        timeout: number;
        onCensorship: (censorship: Censorship) => unknown;
    });
    /**
     * Begin a session.
     *
     * @param {Iterable<string>} [seeds] URLs of some nodes, by any transport; more are learned from them.
     * @param {CloudOptions} [options]
     * @returns {Promise<Cloud>}
     * @throws {import("./errors.js").AddressInvalid} A seed is no URL of a node, or of no use here.
     * @throws {RangeError} `verify` or `network` is none, or there is no seed.
     * @throws {import("./saved.js").StateInvalid} What was saved is damaged, of another format, or of another network.
     * @throws {ConnectionFailed} No seed answers.
     */
    static connect(seeds?: Iterable<string>, options?: CloudOptions): Promise<Cloud>;
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
     * @throws {import("./errors.js").ClientError} It answered with an error, or not.
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
     * @throws {import("./errors.js").RemoteError} The answer is this error; `Denied` if it is proven.
     * @throws {import("./errors.js").ClientError} No node gave a good answer in time: the last failure.
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
     *   is proven if answers are; `accepted` for one node's receipt, to which that node is held.
     * @returns {Promise<Submitted>}
     * @throws {import("./errors.js").Rejected} It was ordered and has no effect.
     * @throws {import("./errors.js").RemoteError} It was not taken.
     * @throws {import("./errors.js").ClientError} It is not known to be final in time; it may still become so before its
     *   expiry, and may be submitted again.
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
     * @throws {RangeError} There is no such topic, or no such filter of it.
     */
    subscribe(topic: string, wanted?: object, after?: LogPlace | null): CloudSubscription;
    /**
     * What a later session goes on with (`saved` of `connect`): a text of at most 256 KB, to be kept where nobody else
     * writes.
     *
     * @returns {Promise<string>}
     */
    save(): Promise<string>;
    /** End the session: what is under way fails with `SessionClosed`, and subscriptions end. */
    close(): void;
}
