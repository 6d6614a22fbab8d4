/**
 * HTTP by `fetch`: each request is a POST of its own. Where nothing else is possible, for there are no subscriptions.
 */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;
/** @typedef {(url: string, init: RequestInit) => Promise<Response>} Fetch */
/**
 * @param {string} url `http://` or `https://`; whether a node listens there shows with the first request.
 * @param {Fetch} fetch
 * @returns {import("../session/client.js").Carrier}
 */
export declare function openHttp(url: string, fetch: Fetch): import("../session/client.js").Carrier;
