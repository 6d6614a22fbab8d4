/** From a place to a client of it, by whichever transport its URL names. */

import {obstacle, parseUrl} from "../session/address.js";
import {Client} from "../session/client.js";
import {ConnectionFailed} from "../session/errors.js";
import {openHttp} from "./http.js";
import {openWebSocket} from "./websocket.js";
import {openWebTransport} from "./webtransport.js";

/** Seconds to connect. */
const CONNECT_TIMEOUT = 5;

/**
 * What transports are made of. Left out: what the browser or Node.js has under these names.
 *
 * @typedef {object} Means
 * @property {import("./websocket.js").WebSocketClass} [WebSocket] For instance that of the package `ws`.
 * @property {import("./webtransport.js").WebTransportClass} [WebTransport]
 * @property {import("./http.js").Fetch} [fetch]
 */

/** @param {Means} means @returns {Means} */
export function findMeans(means) {
  const here = /** @type {any} */ (globalThis);
  return {
    WebSocket: means.WebSocket ?? here.WebSocket,
    WebTransport: means.WebTransport ?? here.WebTransport,
    fetch: means.fetch ?? here.fetch?.bind(here),
  };
}

/**
 * @param {Means} means As found.
 * @returns {import("../session/address.js").Surroundings}
 */
export function surroundings({WebTransport}) {
  const {location} = /** @type {any} */ (globalThis);
  return {isSecurePage: location?.protocol === "https:", hasWebTransport: WebTransport !== undefined};
}

/**
 * @param {import("../session/directory.js").Place} place
 * @param {Means} means
 * @param {import("../session/clock.js").Clock} clock
 * @param {AbortSignal} signal Gives it up.
 * @returns {Promise<Client>}
 * @throws {ConnectionFailed} It can't be reached (over HTTP this shows with the first call).
 */
export async function connect(place, means, clock, signal) {
  const address = parseUrl(place.url);
  const limits = {clock, timeout: CONNECT_TIMEOUT, signal};
  const reason = obstacle(address, surroundings(means));
  if (reason) throw new ConnectionFailed(`${place.url}: ${reason}`);
  const {WebSocket, WebTransport, fetch} = means;
  let carrier;
  if (address.scheme.startsWith("http") && fetch) carrier = openHttp(place.url, fetch);
  else if (address.scheme === "ws+udp" && WebTransport) {
    carrier = await openWebTransport(address, place.certificates, WebTransport, limits);
  } else if (WebSocket && address.scheme !== "ws+udp" && !address.scheme.startsWith("http")) {
    carrier = await openWebSocket(place.url, WebSocket, limits);
  } else {
    throw new ConnectionFailed(`There is no ${address.scheme} here: give connect() a WebSocket class or fetch.`);
  }
  return new Client(carrier, clock, {url: place.url});
}
