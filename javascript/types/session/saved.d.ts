/**
 * What a session leaves for a later one: whom it believes, how far it has seen, and which places it knows.
 *
 * The newest epoch that was verified stands for all before it, so a light start needs no walk from the genesis, and a chain
 * that leads elsewhere (old validators' keys may be stolen years later) is refused. Nothing in it is secret, and all of it
 * has to be kept from others' hands: whoever can change it can make the next session believe him. A digest tells damage,
 * not forgery.
 */
import { Epoch } from "../formats/epoch.js";
import { ClientError } from "./errors.js";
export type Place = import("./directory.js").Place;
export type SavedPlace = {
    url: string;
    isSeed: boolean;
    node: string;
    latency: number | null;
    suspicions: number;
    lie: string | null;
    /**
     * Unix seconds.
     */
    liedAt: number;
    certificates: string[];
};
export type SavedSession = {
    /**
     * In hex.
     */
    network: string;
    /**
     * The newest that its caller was shown.
     */
    height: number;
    /**
     * The newest that it verified, open-ended; null if it verified nothing.
     */
    epoch: Epoch | null;
    /**
     * The newest final one that it verified.
     */
    header: import("../formats/block.js").Header | null;
    places: SavedPlace[];
};
/** @typedef {import("./directory.js").Place} Place */
/**
 * @typedef {object} SavedPlace
 * @property {string} url @property {boolean} isSeed @property {string} node @property {number | null} latency
 * @property {number} suspicions @property {string | null} lie @property {number} liedAt Unix seconds.
 * @property {string[]} certificates
 *
 * @typedef {object} SavedSession
 * @property {string} network In hex.
 * @property {number} height The newest that its caller was shown.
 * @property {Epoch | null} epoch The newest that it verified, open-ended; null if it verified nothing.
 * @property {import("../formats/block.js").Header | null} header The newest final one that it verified.
 * @property {SavedPlace[]} places
 */
/** A saved session that can't be used; the message says why, and what to do. */
export declare class StateInvalid extends ClientError {
    name: string;
    /** @param {string} why */
    constructor(why: string);
}
/**
 * @param {Place[]} ranked The best first.
 * @param {number} now Unix seconds.
 * @returns {SavedPlace[]} Those that are worth saving.
 */
export declare function savePlaces(ranked: Place[], now: number): SavedPlace[];
/** @param {SavedSession} session @returns {Promise<string>} */
export declare function encodeSession({ network, height, epoch, header, places }: SavedSession): Promise<string>;
/**
 * Read what `encodeSession` wrote.
 *
 * @param {string} text
 * @param {number} now Unix seconds: what is too old is left out.
 * @returns {Promise<SavedSession>}
 * @throws {StateInvalid} It is damaged, of another format, or no saved session at all.
 */
export declare function decodeSession(text: string, now: number): Promise<SavedSession>;
