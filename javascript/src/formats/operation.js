/**
 * Operations: what accounts sign and the log orders. A body is JSON text exactly as its author wrote it, its id is the
 * hash of that, and it is never written anew: docs/protocol.md, chapter 7.
 */

import {fromHex, toHex, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {checkAddress, checkCollection, checkKey, decodeAccount} from "./addresses.js";
import {LedgerError, LocalError} from "./errors.js";
import {VALIDATORS_MAX, admitsByWork} from "./genesis.js";
import {decodeStrict, memberTexts} from "./json.js";
import {OPERATION, SIGNATURE_SIZE, verify} from "./keys.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

export const DATA_BYTES_MAX = 65_536;

/**
 * @typedef {object} Put Write a record. @property {"put"} type @property {string} collection @property {string} key
 * @property {string} data Its exact JSON text. @property {string | null} ref The address of another record.
 * @property {number | null} ifVersion The version that it must have; 0 for none yet.
 *
 * @typedef {object} Delete Turn a record into a tombstone. @property {"delete"} type @property {string} collection
 * @property {string} key @property {number | null} ifVersion
 *
 * @typedef {object} Rate @property {"rate"} type @property {string} record An address. @property {number} stars 1 to 5.
 *
 * @typedef {object} Withdraw Take a rating back. @property {"withdraw"} type @property {string} record
 *
 * @typedef {object} Invite Make another account a member. @property {"invite"} type @property {Bytes} invited
 *
 * @typedef {object} Approval What one present validator, by its index, signs of the next ones.
 * @property {number} validator @property {Bytes} signature
 *
 * @typedef {object} Appoint Make other keys the validators, from the next block on. @property {"appoint"} type
 * @property {number} epoch The present one, which this ends. @property {Bytes[]} validators The new ones' keys.
 * @property {Approval[]} approvals In ascending order of the index; perhaps unverified.
 *
 * @typedef {Put | Delete | Rate | Withdraw | Invite | Appoint} Action
 *
 * @typedef {object} Operation An operation of good form.
 * @property {Bytes} id Of its body.
 * @property {Bytes} body The exact signed text.
 * @property {Bytes} signature 64 bytes, perhaps unverified.
 * @property {Bytes} account Who signs.
 * @property {number} time Milliseconds since 1970, as its author says.
 * @property {number} from The first height of a block that may hold it.
 * @property {number} expiry The last one.
 * @property {Action} action
 */

/** @typedef {Record<string, unknown>} Members */

const COMMON = ["network", "account", "type", "time", "from", "expiry"];

/**
 * The members of each type besides the common ones: those that are needed, those that may be left out, and how they
 * are read.
 *
 * @type {Record<string, {needed: string[], optional: string[], read: (members: Members, text: string) => Action}>}
 */
const TYPES = {
  put: {needed: ["collection", "key", "data"], optional: ["ref", "if_version"], read: readPut},
  delete: {needed: ["collection", "key"], optional: ["if_version"], read: readDelete},
  rate: {needed: ["record", "stars"], optional: [], read: readRate},
  withdraw: {
    needed: ["record"],
    optional: [],
    read: (members) => ({type: "withdraw", record: readRecord(members)}),
  },
  invite: {
    needed: ["invited"],
    optional: [],
    read: (members) => ({type: "invite", invited: decodeAccount(takeText(members, "invited"))}),
  },
  appoint: {needed: ["epoch", "validators", "approvals"], optional: [], read: readAppoint},
};

/**
 * Read an operation and check its form: everything but the signature's truth, the height and the state.
 *
 * @param {Uint8Array} body
 * @param {Uint8Array} signature Only its length is checked here: see `verifyOperation`.
 * @param {import("./genesis.js").Genesis} genesis
 * @returns {Promise<Operation>}
 * @throws {LedgerError} A code of the form.
 */
export async function decodeOperation(body, signature, genesis) {
  if (body.length > genesis.parameters.max_operation_bytes) throw new LedgerError("operation_too_large");
  if (signature.length !== SIGNATURE_SIZE) throw new LedgerError("signature_invalid", "A signature has 64 bytes.");
  const {members, action} = readBody(body);
  if (takeText(members, "network") !== genesis.networkHex) throw new LedgerError("network_other");
  const account = decodeAccount(takeText(members, "account"));
  const time = takeCount(members, "time");
  const [from, expiry] = [takeInteger(members, "from"), takeInteger(members, "expiry")];
  if (from < 0 || from > expiry || expiry > from + genesis.parameters.window) throw new LedgerError("window_invalid");
  if (action.type !== "appoint" && !(await admitsByWork(genesis, account))) throw new LedgerError("admission_work");
  const [exact, signed] = [/** @type {Bytes} */ (body), /** @type {Bytes} */ (signature)];
  return {id: await operationId(body), body: exact, signature: signed, account, time, from, expiry, action};
}

/** @param {Uint8Array} body @returns {Promise<Bytes>} */
export function operationId(body) {
  return sha256(body);
}

/** @param {Operation} operation @returns {Promise<boolean>} Whether its account signed its body. */
export function verifyOperation(operation) {
  return verify(operation.account, OPERATION, operation.body, operation.signature);
}

/**
 * @param {import("./keys.js").SigningKey} key
 * @param {Uint8Array} body
 * @returns {Promise<Bytes>} The 64-byte signature.
 */
export function signOperation(key, body) {
  return key.sign(OPERATION, body);
}

/** @param {Uint8Array | string} body @returns {{members: Members, action: Action}} */
function readBody(body) {
  const value = decodeStrict(body);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new LedgerError("member_type", "An operation is an object.");
  }
  const members = /** @type {Members} */ (value);
  if (!Object.hasOwn(members, "type")) throw new LedgerError("member_missing", "Member 'type' is missing.");
  const name = members.type;
  const type = typeof name === "string" && Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (!type) throw new LedgerError("type_unknown");
  checkNames(members, [...COMMON, ...type.needed], type.optional);
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  return {members, action: type.read(members, text)};
}

/** @param {Members} members @param {string[]} needed @param {string[]} optional @param {string} [code] */
function checkNames(members, needed, optional, code) {
  for (const name of Object.keys(members)) {
    if (!needed.includes(name) && !optional.includes(name)) {
      throw new LedgerError(code ?? "member_unknown", `Member ${JSON.stringify(name.slice(0, 64))} is unknown here.`);
    }
  }
  for (const name of needed) {
    if (!Object.hasOwn(members, name)) throw new LedgerError(code ?? "member_missing", `Member '${name}' is missing.`);
  }
}

/** @param {Members} members @param {string} name */
function takeText(members, name) {
  const value = members[name];
  if (typeof value !== "string") throw new LedgerError("member_type", `Member '${name}' is not a string.`);
  return value;
}

/** @param {Members} members @param {string} name */
function takeInteger(members, name) {
  const value = members[name];
  if (!Number.isSafeInteger(value)) throw new LedgerError("member_type", `Member '${name}' is not an integer.`);
  return /** @type {number} */ (value);
}

/** @param {Members} members @param {string} name */
function takeCount(members, name) {
  const value = takeInteger(members, name);
  if (value < 0) throw new LedgerError("member_type", `Member '${name}' is not an integer from 0 up.`);
  return value;
}

/** @param {Members} members @returns {number | null} */
function readVersion(members) {
  return Object.hasOwn(members, "if_version") ? takeCount(members, "if_version") : null;
}

/** @param {Members} members */
function readKeyed(members) {
  const [collection, key] = [takeText(members, "collection"), takeText(members, "key")];
  checkCollection(collection);
  checkKey(key);
  return {collection, key};
}

/** @param {Members} members @param {string} text @returns {Put} */
function readPut(members, text) {
  const keyed = readKeyed(members);
  const data = /** @type {string} */ (memberTexts(text).get("data"));
  if (utf8(data).length > DATA_BYTES_MAX) throw new LedgerError("data_too_large");
  const ref = Object.hasOwn(members, "ref") ? takeText(members, "ref") : null;
  if (ref !== null) checkAddress(ref, "ref_invalid");
  return {type: "put", ...keyed, data, ref, ifVersion: readVersion(members)};
}

/** @param {Members} members @returns {Delete} */
function readDelete(members) {
  return {type: "delete", ...readKeyed(members), ifVersion: readVersion(members)};
}

/** @param {Members} members */
function readRecord(members) {
  const record = takeText(members, "record");
  checkAddress(record);
  return record;
}

/** @param {Members} members @returns {Rate} */
function readRate(members) {
  const record = readRecord(members);
  const stars = members.stars;
  if (typeof stars !== "number" || stars < 1 || stars > 5) throw new LedgerError("stars_invalid");
  return {type: "rate", record, stars};
}

/** @param {Members} members @returns {Appoint} */
function readAppoint(members) {
  const epoch = takeCount(members, "epoch");
  const {validators, approvals} = members;
  if (!isList(validators) || new Set(validators).size !== validators.length) {
    throw new LedgerError("validators_invalid");
  }
  const keys = validators.map((key) => decodeAccount(key, "validators_invalid"));
  if (!isList(approvals)) throw new LedgerError("approvals_invalid");
  const read = approvals.map(readApproval);
  if (read.some(({validator}, at) => at && validator <= /** @type {Approval} */ (read[at - 1]).validator)) {
    throw new LedgerError("approvals_invalid", "The approvals are not in ascending order of validator, each once.");
  }
  return {type: "appoint", epoch, validators: keys, approvals: read};
}

/** @param {unknown} value @returns {value is unknown[]} */
function isList(value) {
  return Array.isArray(value) && value.length >= 1 && value.length <= VALIDATORS_MAX;
}

/** @param {unknown} value @returns {Approval} */
function readApproval(value) {
  const code = "approvals_invalid";
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new LedgerError(code);
  const members = /** @type {Members} */ (value);
  checkNames(members, ["validator", "signature"], [], code);
  const {validator} = members;
  if (typeof validator !== "number" || validator < 0 || validator >= VALIDATORS_MAX) {
    throw new LedgerError(code, "An approval's validator is not an index from 0 to 999.");
  }
  const signature = fromHex(members.signature, code);
  if (signature.length !== SIGNATURE_SIZE) throw new LedgerError(code);
  return {validator, signature};
}

// Writing

/**
 * What all operations say besides what they do.
 *
 * @typedef {object} Envelope
 * @property {string} network The network's id in hex.
 * @property {string} account Who will sign, in hex.
 * @property {number} time Milliseconds since 1970, for people.
 * @property {number} from The first height. @property {number} expiry The last one, at most the genesis window later.
 */

/**
 * What an operation does, as it is written.
 *
 * @typedef {{type: "put", collection: string, key: string, data: unknown, ref?: string, if_version?: number}
 *   | {type: "delete", collection: string, key: string, if_version?: number}
 *   | {type: "rate", record: string, stars: number}
 *   | {type: "withdraw", record: string}
 *   | {type: "invite", invited: string}
 *   | {type: "appoint", epoch: number, validators: string[], approvals: {validator: number, signature: string}[]}
 * } Written
 */

/**
 * The body of an operation, compact, and checked as any node would.
 *
 * @param {Envelope} envelope
 * @param {Written} written Members that are undefined are left out. `data` is any JSON value.
 * @returns {Bytes}
 * @throws {LocalError} It would be refused wherever it is sent.
 */
export function buildBody(envelope, written) {
  const {network, account, time, from, expiry} = envelope;
  const {type, ...members} = written;
  try {
    const text = JSON.stringify({network, account, type, time, from, expiry, ...members}, checkNumber);
    const {members: read} = readBody(text);
    decodeAccount(takeText(read, "account"));
    takeCount(read, "time");
    return utf8(text);
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    throw new LocalError(`not an operation: ${told}`);
  }
}

/** `JSON.stringify` would write null in place of a number that is none. @param {string} name @param {unknown} value */
function checkNumber(name, value) {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new LocalError(`member ${JSON.stringify(name)} is no integer within +-(2^53-1): write it as a string`);
  }
  return value;
}

/** @param {Approval} approval @returns {{validator: number, signature: string}} As an operation has it. */
export function writeApproval({validator, signature}) {
  return {validator, signature: toHex(signature)};
}
