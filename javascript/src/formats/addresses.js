/** How records and accounts are named: docs/protocol.md, chapter 5. */

import {fromHex, hasLoneSurrogate, toHex, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {LedgerError} from "./errors.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

const KEY_BYTES_MAX = 256;

/**
 * @param {unknown} text
 * @param {string} [code] The error's.
 * @returns {Bytes} The 32 bytes of an account, node, validator, network or id, written as 64 lower-case hex digits.
 * @throws {LedgerError} `account_invalid`, or the code given.
 */
export function decodeAccount(text, code = "account_invalid") {
  const bytes = fromHex(text, code);
  if (bytes.length !== 32) throw new LedgerError(code);
  return bytes;
}

/** @param {string} collection @throws {LedgerError} `collection_invalid`. */
export function checkCollection(collection) {
  if (!/^[a-z0-9._-]{1,64}$/.test(collection)) throw new LedgerError("collection_invalid");
}

/** @param {string} key @throws {LedgerError} `key_invalid`. */
export function checkKey(key) {
  const isBad = key.length > KEY_BYTES_MAX || /[/\x00-\x1f\x7f-\x9f]/.test(key) || hasLoneSurrogate(key);
  const size = isBad ? 0 : utf8(key).length;
  if (size < 1 || size > KEY_BYTES_MAX) throw new LedgerError("key_invalid");
}

/**
 * @param {string} address
 * @returns {{account: string, collection: string, key: string}}
 * @throws {LedgerError} `record_invalid` if there are not three parts; else the code of the part that is wrong.
 */
export function parseAddress(address) {
  const parts = address.split("/", 4);
  const [account, collection, key] = parts;
  if (parts.length !== 3 || account === undefined || collection === undefined || key === undefined) {
    throw new LedgerError("record_invalid");
  }
  checkCollection(collection);
  checkKey(key);
  decodeAccount(account);
  return {account, collection, key};
}

/**
 * @param {string} address
 * @param {"record_invalid" | "ref_invalid"} [code] The error's, for whatever is wrong with it.
 * @throws {LedgerError} With that code.
 */
export function checkAddress(address, code = "record_invalid") {
  try {
    parseAddress(address);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw new LedgerError(code, `Not a record's address account/collection/key: ${error.message}`);
  }
}

/** @param {Uint8Array} account @param {string} collection @param {string} key @returns {string} The record's address. */
export function formatAddress(account, collection, key) {
  return `${toHex(account)}/${collection}/${key}`;
}

/** @param {string} address @returns {Promise<Bytes>} The record's key in the trie. */
export function recordHash(address) {
  return sha256(utf8(address));
}

/** @param {Uint8Array} account @returns {Promise<Bytes>} The account's key in the trie. */
export function accountHash(account) {
  return sha256(account);
}
