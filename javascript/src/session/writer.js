/**
 * Operations made and signed here, for one key.
 *
 * An operation is valid in blocks of the heights from `from` to `expiry`. A writer takes the newest height that is known
 * as `from`, since a height never goes back, and the farthest expiry that genesis allows: within those heights the same
 * bytes may be sent any number of times, to any node, and take effect once.
 */

import {fromUtf8, toHex} from "../bytes.js";
import {sentence} from "../formats/errors.js";
import {buildBody, operationId, signOperation} from "../formats/operation.js";
import {Rejected} from "./errors.js";

/**
 * An operation as it is sent.
 *
 * @typedef {object} SignedOperation
 * @property {string} id In hex: SHA-256 of the body.
 * @property {string} body Its exact JSON text.
 * @property {string} signature In hex.
 * @property {number} expiry The last height at which it is valid.
 * @property {number} leastHeight A node that is not at this height yet would refuse it as one of the future, for it was
 *   made at the height of another one.
 *
 * @typedef {{time?: number}} WriteOptions `time`: milliseconds since 1970, for people; now if left out.
 */

/** Makes operations for one key on one network. */
export class Writer {
  #key;
  #genesis;
  #height;
  #unix;

  /**
   * @param {import("../formats/genesis.js").Genesis} genesis
   * @param {import("../formats/keys.js").SigningKey} key
   * @param {() => number} height Tells the newest height known.
   * @param {() => number} unix Seconds since 1970, for operations without a time.
   */
  constructor(genesis, key, height, unix) {
    this.#key = key;
    this.#genesis = genesis;
    this.#height = height;
    this.#unix = unix;
  }

  /** The key's account in hex. */
  get account() {
    return this.#key.account;
  }

  /**
   * Write a record.
   *
   * @param {string} collection
   * @param {string} key
   * @param {unknown} data A JSON value.
   * @param {WriteOptions & {ref?: string, ifVersion?: number}} [options] `ref`: the address of another record.
   *   `ifVersion`: the version that the record must have; 0 if it must not exist.
   * @returns {Promise<SignedOperation>}
   * @throws {import("../formats/errors.js").LocalError} The ledger's rules would refuse its form.
   */
  put(collection, key, data, {ref, ifVersion, ...options} = {}) {
    const optional = {...(ref !== undefined && {ref}), ...(ifVersion !== undefined && {if_version: ifVersion})};
    return this.#sign({type: "put", collection, key, data, ...optional}, options);
  }

  /**
   * Delete a record.
   *
   * @param {string} collection
   * @param {string} key
   * @param {WriteOptions & {ifVersion?: number}} [options]
   */
  delete(collection, key, {ifVersion, ...options} = {}) {
    const optional = ifVersion !== undefined && {if_version: ifVersion};
    return this.#sign({type: "delete", collection, key, ...optional}, options);
  }

  /** Rate the record at an address. @param {string} record @param {number} stars 1 to 5. @param {WriteOptions} [options] */
  rate(record, stars, options) {
    return this.#sign({type: "rate", record, stars}, options);
  }

  /** Take a rating back. @param {string} record @param {WriteOptions} [options] */
  withdraw(record, options) {
    return this.#sign({type: "withdraw", record}, options);
  }

  /** Make another account a member, where genesis admits invited ones. @param {string} invited @param {WriteOptions} [options] */
  invite(invited, options) {
    return this.#sign({type: "invite", invited}, options);
  }

  /**
   * @param {import("../formats/operation.js").Written} written
   * @param {WriteOptions} [options]
   * @returns {Promise<SignedOperation>}
   */
  async #sign(written, {time = Math.floor(this.#unix() * 1000)} = {}) {
    const from = this.#height();
    const expiry = from + this.#genesis.parameters.window;
    const body = buildBody({network: this.#genesis.networkHex, account: this.account, time, from, expiry}, written);
    const [id, signature] = await Promise.all([operationId(body), signOperation(this.#key, body)]);
    return {
      id: toHex(id), body: /** @type {string} */ (fromUtf8(body)), signature: toHex(signature), expiry,
      leastHeight: Math.max(from - 1, 0),
    };
  }
}

/** @param {string | null} result Of a final operation. @throws {Rejected} It is not `ok`. */
export function checkResult(result) {
  if (result === null || result === "ok") return;
  let message;
  try {
    message = sentence(result);
  } catch {
    message = "The network's rules rejected the operation.";
  }
  throw new Rejected(result, message);
}
