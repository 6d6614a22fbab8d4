/**
 * The nodes behind a session: visited, watched, left when they are slow, stale or lie.
 *
 * Each seed is visited: which network it is of, what other places it knows. Every few seconds each connection that is
 * used, and more seldom each other one, is tried by the question that tells most: the node's signed and proven state. Its
 * answer measures latency, proves how far the node is, and is evidence if the node signed another state than the
 * validators. A node that gives none in time is dropped, which moves all that waits for it elsewhere. A few connections
 * are kept ready for that, to the best places known.
 */
import { LedgerError } from "../formats/errors.js";
import { AnswerFalse } from "./errors.js";
/** Seconds between two looks at each connection that is used. */
export declare const REFRESH = 2;
/** The same of one that is only kept ready: many sessions that do nothing else would be a burden to their nodes. */
export declare const REST = 10;
/** Seconds between two questions for further places. */
export declare const LEARN = 30;
/** Seconds that a node may take to tell its state before its connection is dropped. */
export declare const PATIENCE = 4;
/** Connections that are kept ready. */
export declare const READY = 3;
/** Seconds for which another one is kept after it was used. */
export declare const IDLE = 15;
export type Accusation = import("./accusing.js").Accusation;
export type Checker = import("./checker.js").Checker;
export type Client = import("./client.js").Client;
export type Place = import("./directory.js").Place;
/** @typedef {import("./accusing.js").Accusation} Accusation */
/** @typedef {import("./checker.js").Checker} Checker */
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */
/** Where a session can ask. */
export declare class Nodes {
    #private;
    directory: import("./directory.js").Directory;
    /** The network's id in hex; null until it is known. */
    network: string | null;
    /** What is believed; null until a node has brought the genesis, or if nothing is checked. @type {Checker | null} */
    checker: Checker | null;
    /** Who lied, and what shows it. @type {Accusation[]} */
    accusations: Accusation[];
    /** What may be asked; null for all. @type {((place: Place) => boolean) | null} */
    pinned: ((place: Place) => boolean) | null;
    /**
     * @param {import("./directory.js").Directory} directory
     * @param {import("./clock.js").Clock} clock
     * @param {object} options
     * @param {(place: Place, signal: AbortSignal) => Promise<Client>} options.connect Makes a connection.
     * @param {string | null} options.network The network's id in hex; null to learn it from the first node.
     * @param {((client: Client, network: string | null) => Promise<Checker>) | null} options.learn Makes what checks
     *   answers, with what a node brings; null if nothing is checked.
     * @param {import("./telling.js").Reader} options.reader Reads what is signed of what nodes tell of places.
     * @param {(place: Place) => void} options.left Told of each place whose subscriptions are to go elsewhere.
     * @param {(accusation: Accusation) => void} options.accused Told of each liar.
     */
    constructor(directory: import("./directory.js").Directory, clock: import("./clock.js").Clock, options: {
        connect: (place: Place, signal: AbortSignal) => Promise<Client>;
        network: string | null;
        learn: ((client: Client, network: string | null) => Promise<Checker>) | null;
        reader: import("./telling.js").Reader;
        left: (place: Place) => void;
        accused: (accusation: Accusation) => void;
    });
    /**
     * Visit the seeds and the best of the places that an earlier session knew; done when the first has answered.
     *
     * @throws {ConnectionFailed} None does; the message has what each did instead.
     */
    begin(): Promise<void>;
    /** Close all connections. */
    close(): void;
    /** The newest height that is known. */
    get newest(): number;
    /** The newest height whose state was proven; as told if nothing is checked. */
    get newestProven(): number;
    /** Whether a place failed just now, and there is no connection with it. @param {Place} place */
    isResting(place: Place): boolean;
    /** All places but those of liars, the best first. */
    ranked(): import("./directory.js").Place[];
    /** The places that there are connections with. */
    get connected(): import("./directory.js").Place[];
    /**
     * The place to ask next: the best that there is a connection with, unless it fails or lags.
     *
     * @param {{without?: Set<Place>, keeping?: boolean}} [options] As of `Directory.rank`.
     * @returns {Place | null}
     */
    choose(options?: {
        without?: Set<Place>;
        keeping?: boolean;
    }): Place | null;
    /**
     * @param {Place} place
     * @returns {Promise<Client>} Fails with `ConnectionFailed`.
     */
    connect(place: Place): Promise<Client>;
    /** A place did not answer. @param {Place} place @param {unknown} error */
    failed(place: Place, error: unknown): void;
    /** A place did not answer a call: that it tells its state all the same does not make up for it. @param {Place} place @param {unknown} error */
    failedCall(place: Place, error: unknown): void;
    /**
     * Have a node tell, and if answers are checked sign and prove, its newest state: the place has what came of it.
     *
     * @param {Place} place
     * @throws {ClientError} It does not, or lies.
     */
    look(place: Place): Promise<void>;
    /**
     * Leave a node that answered what is not so, and report it.
     *
     * @param {Place} place
     * @param {Client | null} client Null if it may be gone.
     * @param {LedgerError} lie
     * @param {{method: string, params: unknown, height: number}} question What it was asked; the height is where the
     *   answer was to hold.
     * @returns {AnswerFalse} For whoever asked.
     */
    accuse(place: Place, client: Client | null, lie: LedgerError, question: {
        method: string;
        params: unknown;
        height: number;
    }): AnswerFalse;
    /** Hand evidence to a node that keeps it, and passes it on. @param {string} evidence In hex. */
    handIn(evidence: string): Promise<void>;
}
