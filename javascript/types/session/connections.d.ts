/** The connections that a session has: one for each place, made when it is first asked, shared by all who ask. */
export type Client = import("./client.js").Client;
export type Place = import("./directory.js").Place;
/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */
/** Clients by place. */
export declare class Connections {
    #private;
    /**
     * @param {(place: Place, signal: AbortSignal) => Promise<Client>} connect Makes a connection.
     * @param {(place: Place, reason: Error) => void} lost Told of each that broke, or was dropped.
     */
    constructor(connect: (place: Place, signal: AbortSignal) => Promise<Client>, lost: (place: Place, reason: Error) => void);
    /** Those that are there now. */
    get open(): Map<import("./directory.js").Place, import("./client.js").Client>;
    /**
     * @param {Place} place
     * @returns {Promise<Client>} Fails with `ConnectionFailed`.
     */
    get(place: Place): Promise<Client>;
    /** @param {Place} place Calls under way there fail, and the next one makes another. @param {Error} reason */
    drop(place: Place, reason: Error): void;
    /** Close a connection that nobody uses. @param {Place} place @returns {boolean} Whether there was one. */
    closeOne(place: Place): boolean;
    /** Close all; those under way are given up. */
    close(): void;
}
