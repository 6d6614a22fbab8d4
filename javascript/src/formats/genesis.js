/** The genesis: what a network is, in one JSON text whose hash is the network's id: docs/protocol.md, chapter 6. */

import {fromUtf8, toHex, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {accountHash, decodeAccount} from "./addresses.js";
import {LedgerError} from "./errors.js";
import {decodeStrict} from "./json.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */

const FORMAT = 1;
const TAG = utf8("cloudnode genesis 1\n");
export const VALIDATORS_MAX = 1000;
const NAME_BYTES_MAX = 64;
const BITS_MAX = 64;

/** The lowest and the highest value of each parameter. @type {Record<string, [number, number]>} */
const BOUNDS = {
  pace_ms: [1, 60_000],
  heartbeat_ms: [1, 3_600_000],
  window: [10, 100_000],
  max_operation_bytes: [4_096, 1_048_576],
  max_block_operations: [1, 65_536],
  max_block_bytes: [4_096, 67_108_864],
};

/**
 * Who may take part: anyone; the accounts listed and whom members invite; or accounts with work, `bits` zero bits.
 *
 * @typedef {{policy: "open"} | {policy: "invited", accounts: Bytes[]} | {policy: "work", bits: number}} Admission
 *
 * @typedef {object} Parameters
 * @property {number} pace_ms Least time between blocks.
 * @property {number} heartbeat_ms An idle network makes an empty block this often.
 * @property {number} window How many heights an operation may be valid for.
 * @property {number} max_operation_bytes Of one body.
 * @property {number} max_block_operations In one block.
 * @property {number} max_block_bytes All bodies of a block together.
 * @property {Admission} admission
 *
 * @typedef {object} Genesis A network's beginning.
 * @property {string} text As it is hashed.
 * @property {Bytes} network The network's id.
 * @property {string} networkHex The same in hex.
 * @property {string} name For people.
 * @property {number} time Milliseconds since 1970, of height 0.
 * @property {Bytes[]} validators Their keys, in the order of their indexes.
 * @property {Parameters} parameters
 */

/** @param {Uint8Array} text @returns {Promise<Bytes>} The id of the network that a genesis text begins. */
export function networkId(text) {
  return sha256(TAG, text);
}

/**
 * Read and check a genesis.
 *
 * @param {Uint8Array | string} raw Its exact text.
 * @returns {Promise<Genesis>}
 * @throws {LedgerError} A `json_` or `genesis_` code.
 */
export async function decodeGenesis(raw) {
  const value = decodeStrict(raw);
  const bytes = typeof raw === "string" ? utf8(raw) : raw;
  if (isObject(value) && "format" in value && value.format !== FORMAT) throw new LedgerError("genesis_format");
  const members = takeMembers(value, "the genesis", ["format", "name", "time", "validators", "parameters"]);
  const network = await networkId(bytes);
  return {
    text: /** @type {string} */ (fromUtf8(bytes)),
    network,
    networkHex: toHex(network),
    name: readName(members.name),
    time: readNumber(members.time, [0, Number.MAX_SAFE_INTEGER], "genesis_time"),
    validators: readAccounts(members.validators, "genesis_validators", VALIDATORS_MAX),
    parameters: readParameters(members.parameters),
  };
}

/**
 * @param {Genesis} genesis
 * @param {Uint8Array} account
 * @returns {Promise<boolean>} Whether the account has the work that is asked for; true where none is.
 */
export async function admitsByWork(genesis, account) {
  const {admission} = genesis.parameters;
  if (admission.policy !== "work") return true;
  const hash = BigInt(`0x${toHex(await accountHash(account))}`);
  return hash >> BigInt(256 - admission.bits) === 0n;
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param {unknown} value @param {string} what @param {string[]} names
 * @returns {Record<string, unknown>} An object with exactly these members.
 */
function takeMembers(value, what, names) {
  if (!isObject(value)) throw new LedgerError("genesis_member", `In the genesis, ${what} is not an object.`);
  const missing = names.find((name) => !Object.hasOwn(value, name));
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  const [name, state] = missing === undefined ? [unknown, "unknown"] : [missing, "missing"];
  if (name !== undefined) {
    const told = JSON.stringify(name.slice(0, 64));
    throw new LedgerError("genesis_member", `In the genesis, member ${told} of ${what} is ${state}.`);
  }
  return value;
}

/** @param {unknown} value */
function readName(value) {
  if (typeof value !== "string" || value === "" || utf8(value).length > NAME_BYTES_MAX || /\p{Cc}/u.test(value)) {
    throw new LedgerError("genesis_name");
  }
  return value;
}

/** @param {unknown} value @param {readonly [number, number]} bounds @param {string} code @param {string} [message] */
function readNumber(value, [lowest, highest], code, message) {
  if (typeof value !== "number" || !Number.isInteger(value) || value < lowest || value > highest) {
    throw new LedgerError(code, message);
  }
  return value;
}

/** @param {unknown} value @param {string} code @param {number} most @returns {Bytes[]} At least one, each once. */
function readAccounts(value, code, most) {
  if (!Array.isArray(value) || value.length < 1 || value.length > most || new Set(value).size !== value.length) {
    throw new LedgerError(code);
  }
  return value.map((text) => decodeAccount(text, code));
}

/** @param {unknown} value @returns {Parameters} */
function readParameters(value) {
  const members = takeMembers(value, "parameters", [...Object.keys(BOUNDS), "admission"]);
  /** @type {Record<string, number>} */
  const numbers = {};
  for (const [name, bounds] of Object.entries(BOUNDS)) {
    const message = `${name} is not an integer from ${bounds[0]} to ${bounds[1]}.`;
    numbers[name] = readNumber(members[name], bounds, "genesis_parameter", message);
  }
  const read = /** @type {Parameters} */ (/** @type {unknown} */ (numbers));
  if (read.heartbeat_ms < read.pace_ms) {
    throw new LedgerError("genesis_parameter", "heartbeat_ms is less than pace_ms.");
  }
  if (read.max_block_bytes < read.max_operation_bytes) {
    throw new LedgerError("genesis_parameter", "max_block_bytes is less than max_operation_bytes.");
  }
  return {...read, admission: readAdmission(members.admission)};
}

/** @param {unknown} value @returns {Admission} */
function readAdmission(value) {
  const policy = isObject(value) ? value.policy : undefined;
  if (policy === "open") {
    takeMembers(value, "admission", ["policy"]);
    return {policy};
  }
  if (policy === "invited") {
    const {accounts} = takeMembers(value, "admission", ["policy", "accounts"]);
    return {policy, accounts: readAccounts(accounts, "genesis_admission", Infinity)};
  }
  if (policy === "work") {
    const {bits} = takeMembers(value, "admission", ["policy", "bits"]);
    return {policy, bits: readNumber(bits, [1, BITS_MAX], "genesis_admission")};
  }
  throw new LedgerError("genesis_admission");
}
