/** From a place to a client of it, by whichever transport its URL names. */
import { Client } from "../session/client.js";
export type Means = {
    /**
     * For instance that of the package `ws`.
     */
    WebSocket?: import("./websocket.js").WebSocketClass;
    WebTransport?: import("./webtransport.js").WebTransportClass;
    fetch?: import("./http.js").Fetch;
};
/**
 * What transports are made of. Left out: what the browser or Node.js has under these names.
 *
 * @typedef {object} Means
 * @property {import("./websocket.js").WebSocketClass} [WebSocket] For instance that of the package `ws`.
 * @property {import("./webtransport.js").WebTransportClass} [WebTransport]
 * @property {import("./http.js").Fetch} [fetch]
 */
/** @param {Means} means @returns {Means} */
export declare function findMeans(means: Means): Means;
/**
 * @param {Means} means As found.
 * @returns {import("../session/address.js").Surroundings}
 */
export declare function surroundings({ WebTransport }: Means): import("../session/address.js").Surroundings;
/**
 * @param {import("../session/directory.js").Place} place
 * @param {Means} means
 * @param {import("../session/clock.js").Clock} clock
 * @param {AbortSignal} signal Gives it up.
 * @returns {Promise<Client>}
 * @throws {ConnectionFailed} It can't be reached (over HTTP this shows with the first call).
 */
export declare function connect(place: import("../session/directory.js").Place, means: Means, clock: import("../session/clock.js").Clock, signal: AbortSignal): Promise<Client>;
