/**
 * HTTP by `fetch`: each request is a POST of its own. Where nothing else is possible, for there are no subscriptions.
 */

import {AnswerMalformed, ClientError, ConnectionFailed, RemoteError, messageOf} from "../session/errors.js";
import {MESSAGE_MAX} from "./websocket.js";

/** POSTs on their way at once; browsers send six of them to a host, and keep the others. */
const CONNECTIONS = 16;

/** @typedef {(url: string, init: RequestInit) => Promise<Response>} Fetch */

/**
 * @param {string} url `http://` or `https://`; whether a node listens there shows with the first request.
 * @param {Fetch} fetch
 * @returns {import("../session/client.js").Carrier}
 */
export function openHttp(url, fetch) {
  /** @type {import("../session/client.js").Receiver | null} */
  let receiver = null;
  /** @type {Map<number, string>} */
  const waiting = new Map();
  /** @type {Map<number, AbortController>} */
  const busy = new Map();

  const postNext = () => {
    const [next] = busy.size < CONNECTIONS ? waiting : [];
    if (!next) return;
    const [id, message] = next;
    const controller = new AbortController();
    waiting.delete(id);
    busy.set(id, controller);
    exchange(url, fetch, message, controller.signal).then(
      (answer) => receiver?.messageReceived(answer),
      (error) => {
        const isOurs = error instanceof ClientError;
        receiver?.requestFailed(id, isOurs ? error : new ConnectionFailed(`Cannot reach ${url}: ${messageOf(error)}`));
      },
    ).finally(() => {
      busy.delete(id);
      postNext();
    });
  };
  return {
    keepsConnection: false,
    start: (to) => (receiver = to),
    send: (id, message) => {
      waiting.set(id, message);
      postNext();
    },
    forget: (id) => {
      waiting.delete(id);
      busy.get(id)?.abort();
    },
    close: () => {
      receiver = null;
      waiting.clear();
      for (const controller of busy.values()) controller.abort();
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
