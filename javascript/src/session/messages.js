/** JSON-RPC 2.0 as a client speaks it. */

import {AnswerMalformed, RemoteError} from "./errors.js";
import {memberTexts} from "../formats/json.js";
import {isCount, isObject} from "./told.js";

/** A call's result. */
export class Answer {
  /** @type {Map<string, string> | null} */
  #texts = null;
  #message;

  /** @param {string} message The whole answer. @param {unknown} result */
  constructor(message, result) {
    this.#message = message;
    this.result = result;
  }

  /** The result's exact JSON text, equal byte for byte between nodes at one height. */
  get raw() {
    return this.#text("result");
  }

  /** The exact text of what it says of itself, with proof and signature if they were asked for; empty for nothing. */
  get rawContext() {
    return this.#text("context");
  }

  /** @param {string} name */
  #text(name) {
    this.#texts ??= memberTexts(this.#message);
    return this.#texts.get(name) ?? "";
  }
}

/**
 * @param {number} id
 * @param {string} method
 * @param {unknown} [params]
 * @param {object} [context]
 */
export function encodeRequest(id, method, params, context) {
  return JSON.stringify({jsonrpc: "2.0", id, method, params, context});
}

/**
 * @typedef {object} Incoming An answer, an error, or the parameters of a notification.
 * @property {number | null} id
 * @property {Answer} [answer]
 * @property {RemoteError} [error]
 * @property {import("./told.js").Told} [notification]
 */

/**
 * @param {string} message
 * @returns {Incoming}
 * @throws {AnswerMalformed} It is no JSON-RPC answer or notification.
 */
export function decodeIncoming(message) {
  let told;
  try {
    told = JSON.parse(message);
  } catch {
    told = null;
  }
  if (isObject(told)) {
    const id = isCount(told.id) ? told.id : null;
    if (typeof told.method === "string") return {id: null, notification: isObject(told.params) ? told.params : {}};
    if (isObject(told.error)) return {id, error: readError(told.error, message)};
    if ("result" in told) return {id, answer: new Answer(message, told.result)};
  }
  throw new AnswerMalformed("The answer is not JSON-RPC: is it a cloudnode that listens there?");
}

/** Characters that are taken of a node's error's name, and of its sentence. */
const CODE_MAX = 64;
const SENTENCE_MAX = 1000;

/** @param {import("./told.js").Told} error @param {string} [message] The whole answer, if it is one. */
export function readError(error, message) {
  const data = isObject(error.data) ? error.data : {};
  const code = typeof data.code === "string" ? data.code.slice(0, CODE_MAX) : "";
  const told = typeof error.message === "string" ? error.message : "The node answered with an error.";
  const text = told.slice(0, SENTENCE_MAX);
  const number = Number.isSafeInteger(error.code) ? Number(error.code) : 0;
  return new RemoteError(number, code, text, data, message ? memberTexts(message).get("context") ?? "" : "");
}
