/**
 * HTTP by `fetch`: each request is a POST of its own. Where nothing else is possible, for there are no subscriptions.
 */

import {AnswerMalformed, ClientError, ConnectionFailed, RemoteError, messageOf} from "../session/errors.js";
import {MESSAGE_MAX} from "./websocket.js";

/** POSTs on their way at once, as many as browsers make connections to a host. */
const CONNECTIONS = 6;

/** @typedef {(url: string, init: RequestInit) => Promise<Response>} Fetch */

/**
 * @param {string} url `http://` or `https://`; whether a node listens there shows with the first request.
 * @param {Fetch} fetch
 * @returns {import("../session/client.js").Carrier}
 */
export function openHttp(url, fetch) {
  /** @type {import("../session/client.js").Receiver | null} */
  let receiver = null;
  /** @type {{id: number, message: string}[]} */
  const waiting = [];
  const closing = new AbortController();
  let busy = 0;

  const postNext = () => {
    const request = busy < CONNECTIONS ? waiting.shift() : undefined;
    if (!request) return;
    busy += 1;
    exchange(url, fetch, request.message, closing.signal).then(
      (answer) => receiver?.messageReceived(answer),
      (error) => {
        const isOurs = error instanceof ClientError;
        receiver?.requestFailed(
          request.id, isOurs ? error : new ConnectionFailed(`Cannot reach ${url}: ${messageOf(error)}`),
        );
      },
    ).finally(() => {
      busy -= 1;
      postNext();
    });
  };
  return {
    keepsConnection: false,
    start: (to) => (receiver = to),
    send: (id, message) => {
      waiting.push({id, message});
      postNext();
    },
    close: () => {
      receiver = null;
      waiting.length = 0;
      closing.abort();
    },
  };
}

/**
 * @param {string} url
 * @param {Fetch} fetch
 * @param {string} body
 * @param {AbortSignal} signal
 * @returns {Promise<string>} The answer's text.
 */
async function exchange(url, fetch, body, signal) {
  const response = await fetch(url, {method: "POST", headers: {"content-type": "application/json"}, body, signal});
  const text = await readText(response);
  if (/^\s*\{/.test(text)) return text;
  if (response.status === 429 || response.status === 503) {
    throw new RemoteError(response.status, "", `${url} takes no request now: ${text.slice(0, 200)}`);
  }
  throw new ConnectionFailed(`${url} answers HTTP ${response.status}: is it a cloudnode that listens there?`);
}

/** @param {Response} response @returns {Promise<string>} Its body, and an error if it is longer than is taken. */
async function readText(response) {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const {value, done} = (await reader?.read()) ?? {done: true, value: undefined};
    if (done) return text + decoder.decode();
    text += decoder.decode(value, {stream: true});
    if (text.length > MESSAGE_MAX) {
      await reader?.cancel();
      throw new AnswerMalformed(`The answer of ${response.url} is longer than is taken.`);
    }
  }
}
