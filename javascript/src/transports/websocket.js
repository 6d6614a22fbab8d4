/** WebSocket over TCP: the browser's, that of Node.js, or a class of the same form given by option. */

import {AnswerMalformed, ConnectionFailed} from "../session/errors.js";
import {opening} from "./opening.js";

/** The longest answer that is taken, in characters. */
export const MESSAGE_MAX = 16 * 1024 * 1024;

/**
 * @typedef {new (url: string) => WebSocketLike} WebSocketClass
 *
 * @typedef {object} WebSocketLike What is used of a WebSocket.
 * @property {(text: string) => void} send
 * @property {(code?: number) => void} close
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onerror
 * @property {((event: any) => void) | null} onclose
 */

/**
 * Connect.
 *
 * @param {string} url `ws://` or `wss://`.
 * @param {WebSocketClass} WebSocket
 * @param {import("./opening.js").Limits} limits
 * @returns {Promise<import("../session/client.js").Carrier>}
 * @throws {ConnectionFailed} The node can't be reached.
 */
export function openWebSocket(url, WebSocket, limits) {
  return opening(url, limits, async (signal) => {
    const socket = new WebSocket(url);
    signal.addEventListener("abort", () => socket.close());
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      // The browser does not tell a page why; "close" follows "error".
      socket.onerror = (event) => reject(new ConnectionFailed(`Cannot reach ${url}${because(event)}.`));
      socket.onclose = socket.onerror;
    });
    return carry(url, socket);
  });
}

/** @param {any} event */
function because(event) {
  const reason = event?.message || event?.reason;
  return reason ? `: ${reason}` : "";
}

/**
 * @param {string} url
 * @param {WebSocketLike} socket An open one.
 * @returns {import("../session/client.js").Carrier}
 */
function carry(url, socket) {
  /** @type {import("../session/client.js").Receiver | null} */
  let receiver = null;
  const end = (/** @type {ConnectionFailed | null} */ error) => {
    const told = receiver;
    receiver = null;
    socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    socket.close();
    if (error) told?.connectionLost(error);
  };
  socket.onmessage = ({data}) => {
    // Nothing can come before the first request, and nodes send text alone.
    if (typeof data !== "string" || data.length > MESSAGE_MAX || !receiver) {
      end(new AnswerMalformed(`${url} sent what is no answer: is it a cloudnode that listens there?`));
    } else receiver.messageReceived(data);
  };
  socket.onclose = socket.onerror = (event) => {
    const code = event?.code ? ` (${event.code}${event.reason ? ` ${event.reason}` : ""})` : "";
    end(new ConnectionFailed(`The connection with ${url} broke${code}.`));
  };
  return {
    keepsConnection: true,
    start: (to) => (receiver = to),
    send: (_, message) => {
      if (receiver) socket.send(message);
    },
    close: () => end(null),
  };
}
