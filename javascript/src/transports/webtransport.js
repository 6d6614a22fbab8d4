/**
 * WebTransport: how a page reaches a node that has neither a domain nor an authority's certificate, behind a NAT too.
 *
 * The browser takes the certificate whose hash the page names. One bidirectional stream of the session is one connection
 * to the API; see docs/transports.md.
 */

import {ConnectionFailed, messageOf} from "../session/errors.js";
import {authority} from "../session/address.js";
import {FrameReader, encodeFrame} from "./frames.js";
import {opening} from "./opening.js";

/** The longest answer that is taken, in bytes. */
const MESSAGE_MAX = 16 * 1024 * 1024;

/** @typedef {new (url: string, options: object) => any} WebTransportClass */

/**
 * Connect.
 *
 * @param {import("../session/address.js").NodeAddress} address Of scheme `ws+udp`: the port serves WebTransport as well.
 * @param {string[]} certificates SHA-256 hashes of the certificates to take, in hex; none for an authority's.
 * @param {WebTransportClass} WebTransport
 * @param {import("./opening.js").Limits} limits
 * @returns {Promise<import("../session/client.js").Carrier>}
 * @throws {ConnectionFailed} The node can't be reached, or shows another certificate.
 */
export function openWebTransport(address, certificates, WebTransport, limits) {
  const url = `https://${authority(address)}${address.path}`;
  return opening(url, limits, async (signal) => {
    const hashes = certificates.map((each) => ({algorithm: "sha-256", value: bytesOf(each)}));
    const transport = new WebTransport(url, hashes.length ? {serverCertificateHashes: hashes} : {});
    transport.closed.catch(() => {}); // tells what `ready` or the stream tells
    signal.addEventListener("abort", () => transport.close());
    await transport.ready;
    return carry(url, transport, await transport.createBidirectionalStream());
  });
}

/** @param {string} hex */
function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}

/**
 * @param {string} url
 * @param {any} transport
 * @param {{writable: WritableStream<Uint8Array>, readable: ReadableStream<Uint8Array>}} stream
 * @returns {import("../session/client.js").Carrier}
 */
function carry(url, transport, stream) {
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const frames = new FrameReader(MESSAGE_MAX);
  /** @type {import("../session/client.js").Receiver | null} */
  let receiver = null;
  const end = (/** @type {unknown} */ error) => {
    const told = receiver;
    receiver = null;
    transport.close();
    if (!error || !told) return;
    const isOurs = error instanceof ConnectionFailed;
    told.connectionLost(isOurs ? error : new ConnectionFailed(`The connection with ${url} broke: ${messageOf(error)}`));
  };
  const read = async () => {
    while (receiver) {
      const {value, done} = await reader.read();
      if (done) throw new ConnectionFailed(`${url} ended the connection.`);
      for (const message of frames.feed(value)) receiver?.messageReceived(message);
    }
  };
  writer.closed.catch(end);
  return {
    keepsConnection: true,
    start: (to) => {
      receiver = to;
      read().catch(end);
    },
    send: (_, message) => {
      if (receiver) writer.write(encodeFrame(message)).catch(end);
    },
    close: () => end(null),
  };
}
