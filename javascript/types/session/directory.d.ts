/**
 * What is known of the nodes: where they are, how fast and fresh they answer, and whether they lied. Pure.
 *
 * An entry is a place, that is one URL: a node that serves three transports has three. Places fail one by one, and
 * which node is behind one is only its own word until it has signed something. Nothing that a node says of another is
 * believed: places learned from nodes are tried like any other, and only so many of each teller are kept.
 *
 * Places are ranked by what was seen of them: those that answered last before those that failed, those that keep up
 * before those that lag, those that kept their promises before those that did not, then by latency. Each directory has
 * its own taste, up to a half more than measured, so that the clients of nodes that are equally near spread over them.
 */
/** Places that are kept at most; seeds always are. */
export declare const PLACES_MAX = 256;
/** Places that are learned from one node's answer. */
export declare const TOLD_MAX = 32;
/** Heights that a node may be behind the newest one and still count as fresh. */
export declare const LAG = 5;
/** Where a node can be asked. */
export declare class Place {
    url: string;
    isSeed: boolean;
    taste: number;
    /** The key of the node there in hex, as it or another says; empty if it is not known. */
    node: string;
    /** Whether it has signed with that key. */
    isProven: boolean;
    /** Hashes of the certificates that may be shown there, in hex; of `ws+udp` alone. @type {string[]} */
    certificates: string[];
    /** Whether it was the caller who named them. */
    isVouched: boolean;
    /** Seconds to an answer and back, averaged; null if not measured. @type {number | null} */
    latency: number | null;
    /** The newest height that it told. */
    height: number;
    /** How many heights that was below the newest known then. */
    behind: number;
    /** In a row. */
    failures: number;
    /** Whether it was a call that failed last, and none was answered since. */
    failsCalls: boolean;
    /** How often its node took an operation that the log did not get. */
    suspicions: number;
    /** When it was last asked something for the caller, in seconds of the session's clock. */
    usedAt: number;
    /** When its connection was last tried, likewise. */
    lookedAt: number;
    /** Until then it comes last, in seconds of the session's clock. */
    retryAt: number;
    /** What it told that is not so; null as long as nothing was. @type {string | null} */
    lie: string | null;
    /** When its lie was saved first, in unix seconds; 0 before that. */
    liedAt: number;
    /** What its last failure was. */
    trouble: string;
    /**
     * @param {string} url As given or learned.
     * @param {boolean} isSeed Whether the caller named it.
     * @param {number} taste What its latency is multiplied by.
     */
    constructor(url: string, isSeed: boolean, taste: number);
    /** Whether subscriptions are possible there. */
    get keepsConnection(): boolean;
    /** Whether it lags. */
    get isStale(): boolean;
}
/** The places, by URL. */
export declare class Directory {
    #private;
    /**
     * @param {Iterable<string>} seeds
     * @param {import("./address.js").Surroundings} surroundings What can be reached from here.
     * @param {() => number} [random] From 0 to 1.
     * @throws {AddressInvalid} A seed is no URL of a node, or can't be reached from here.
     */
    constructor(seeds: Iterable<string>, surroundings: import("./address.js").Surroundings, random?: () => number);
    get size(): number;
    [Symbol.iterator](): ArrayIterator<Place>;
    /** @param {string} url */
    find(url: string): Place | undefined;
    /**
     * Take up a place that the caller names.
     *
     * @param {string} url
     * @returns {Place}
     * @throws {AddressInvalid} It is no URL of a node, or can't be reached from here.
     */
    name(url: string): Place;
    /**
     * Take up what an earlier session saved. A seed that lied is not asked either.
     *
     * @param {import("./saved.js").SavedPlace[]} places
     */
    restore(places: import("./saved.js").SavedPlace[]): void;
    /** @param {string} url In its one form. @param {boolean} [isSeed] @returns {Place | null} Null: there is no room. */
    learn(url: string, isSeed?: boolean): Place | null;
    /**
     * Take up what a node tells of itself or of another (see `telling.js`).
     *
     * @param {import("./telling.js").ToldPlace[]} told
     */
    told(told: import("./telling.js").ToldPlace[]): void;
    /** A place answered a call. @param {Place} place */
    answered(place: Place): void;
    /**
     * A place told its state: nothing is held against it but that it leaves calls without an answer.
     *
     * @param {Place} place
     * @param {number} [seconds] How long it took; left out if the answer had to wait for something.
     */
    watched(place: Place, seconds?: number): void;
    /** @param {Place} place @param {number} height Its newest. @param {number} newest That is known to be true now. */
    toldHeight(place: Place, height: number, newest: number): void;
    /**
     * A place did not answer, or not in time: it comes last for a while.
     *
     * @param {Place} place
     * @param {number} now
     * @param {string} trouble
     */
    failed(place: Place, now: number, trouble: string): void;
    /** @param {Place} place It answered what is not so, and is not asked again. @param {string} lie */
    lied(place: Place, lie: string): void;
    /** A place's node took an operation that the log did not get. @param {Place} place */
    suspected(place: Place): void;
    /**
     * The places that there should be a connection with: of different nodes as far as there are, since each may be killed.
     * Those that fail are among them, to be tried again, and count for nothing meanwhile.
     *
     * One that there is a connection with stays among them unless another is clearly better: where latencies are nearly
     * equal, each new one would change the order, and so the connections, for ever.
     *
     * @param {number} now
     * @param {Iterable<Place>} connected
     * @param {number} count
     * @returns {Set<Place>}
     */
    ready(now: number, connected: Iterable<Place>, count: number): Set<Place>;
    /**
     * The places that may be asked, the best first.
     *
     * @param {number} now
     * @param {{without?: Set<Place>, keeping?: boolean, favoured?: Set<Place>}} [options] `without`: leave these out.
     *   `keeping`: only those where subscriptions are possible. `favoured`: these count as several times as fast.
     * @returns {Place[]}
     */
    rank(now: number, { without, keeping, favoured }?: {
        without?: Set<Place>;
        keeping?: boolean;
        favoured?: Set<Place>;
    }): Place[];
}
/**
 * What may be pinned, in its one form: a place's URL, or `node:` with a node's key for all of its places.
 *
 * @param {string} name
 * @returns {{node: string} | {url: string}}
 * @throws {AddressInvalid} It is neither.
 */
export declare function readPin(name: string): {
    node: string;
} | {
    url: string;
};
