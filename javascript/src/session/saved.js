/**
 * What a session leaves for a later one: whom it believes, how far it has seen, and which places it knows.
 *
 * The newest epoch that was verified stands for all before it, so a light start needs no walk from the genesis, and a chain
 * that leads elsewhere (old validators' keys may be stolen years later) is refused. Nothing in it is secret, and all of it
 * has to be kept from others' hands: whoever can change it can make the next session believe him. A digest tells damage,
 * not forgery.
 */

import {fromHex, toHex, utf8} from "../bytes.js";
import {sha256} from "../crypto.js";
import {decodeAccount} from "../formats/addresses.js";
import {decodeHeader} from "../formats/block.js";
import {Epoch} from "../formats/epoch.js";
import {LedgerError} from "../formats/errors.js";
import {VALIDATORS_MAX} from "../formats/genesis.js";
import {AddressInvalid, ClientError} from "./errors.js";
import {formatUrl, parseUrl} from "./address.js";
import {isCount, isObject, isText} from "./told.js";

const FORMAT = 1;

/** Of a saved session: an epoch of 1,000 validators takes 67 KB of it. */
const CHARACTERS_MAX = 256 * 1024;

/** Places that are saved, the best first, and again as many that lied. */
const PLACES_MAX = 64;

/** So long a liar is remembered by later sessions: a damaged node may be repaired. */
const LIAR_SECONDS = 7 * 86_400;

/** @typedef {import("./directory.js").Place} Place */

/**
 * @typedef {object} SavedPlace
 * @property {string} url @property {boolean} isSeed @property {string} node @property {number | null} latency
 * @property {number} suspicions @property {string | null} lie @property {number} liedAt Unix seconds.
 * @property {string[]} certificates
 *
 * @typedef {object} SavedSession
 * @property {string} network In hex.
 * @property {number} height The newest that its caller was shown.
 * @property {Epoch | null} epoch The newest that it verified, open-ended; null if it verified nothing.
 * @property {import("../formats/block.js").Header | null} header The newest final one that it verified.
 * @property {SavedPlace[]} places
 */

/** A saved session that can't be used; the message says why, and what to do. */
export class StateInvalid extends ClientError {
  name = "StateInvalid";

  /** @param {string} why */
  constructor(why) {
    super(`The saved session can't be used: ${why}. Begin without it, with seeds and the network's id.`);
  }
}

/**
 * @param {Place[]} ranked The best first.
 * @param {number} now Unix seconds.
 * @returns {SavedPlace[]} Those that are worth saving.
 */
export function savePlaces(ranked, now) {
  const good = ranked.filter((place) => place.lie === null).slice(0, PLACES_MAX);
  const liars = ranked.filter((place) => place.lie !== null).slice(0, PLACES_MAX);
  for (const place of liars) place.liedAt ||= now;
  return [...good, ...liars].map(({url, isSeed, node, latency, suspicions, lie, liedAt, certificates}) => (
    {url, isSeed, node, latency, suspicions, lie: lie && lie.slice(0, 512), liedAt, certificates}));
}

/** @param {SavedSession} session @returns {Promise<string>} */
export async function encodeSession({network, height, epoch, header, places}) {
  const state = JSON.stringify({
    network, height,
    epoch: epoch && {number: Number(epoch.number), base: Number(epoch.base), validators: epoch.validators.map(toHex)},
    header: header ? toHex(header.raw) : "",
    places,
  });
  return JSON.stringify({format: FORMAT, digest: toHex(await sha256(utf8(state))), state});
}

/**
 * Read what `encodeSession` wrote.
 *
 * @param {string} text
 * @param {number} now Unix seconds: what is too old is left out.
 * @returns {Promise<SavedSession>}
 * @throws {StateInvalid} It is damaged, of another format, or no saved session at all.
 */
export async function decodeSession(text, now) {
  if (text.length > CHARACTERS_MAX) throw new StateInvalid("it is larger than any");
  const file = parse(text);
  if (!isObject(file) || !isText(file.state)) throw new StateInvalid("it is damaged");
  if (file.format !== FORMAT) throw new StateInvalid(`its format is ${file.format}, this version reads ${FORMAT}`);
  if (toHex(await sha256(utf8(file.state))) !== file.digest) throw new StateInvalid("it is damaged");
  try {
    return readState(parse(file.state), now);
  } catch (error) {
    if (!(error instanceof LedgerError || error instanceof AddressInvalid)) throw error;
    throw new StateInvalid(`it has what no session saves (${error.message})`);
  }
}

/** @param {string} text @returns {unknown} */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {unknown} state @param {number} now @returns {SavedSession} */
function readState(state, now) {
  if (!isObject(state) || !isCount(state.height) || !isText(state.header) || !Array.isArray(state.places)) {
    throw new StateInvalid("it has what no session saves");
  }
  const network = decodeAccount(state.network);
  const places = state.places.slice(0, 2 * PLACES_MAX).map(readPlace);
  return {
    network: toHex(network),
    height: state.height,
    epoch: state.epoch === null ? null : readEpoch(state.epoch, network),
    header: state.header ? decodeHeader(fromHex(state.header, "header_malformed")) : null,
    places: places.filter((each) => each.lie === null || now - each.liedAt < LIAR_SECONDS),
  };
}

/** @param {unknown} epoch @param {import("../bytes.js").Bytes} network */
function readEpoch(epoch, network) {
  const isEpoch = isObject(epoch) && isCount(epoch.number) && isCount(epoch.base) && Array.isArray(epoch.validators) &&
    epoch.validators.length > 0 && epoch.validators.length <= VALIDATORS_MAX;
  if (!isEpoch) throw new StateInvalid("it has what no session saves");
  const {number, base, validators} = /** @type {{number: number, base: number, validators: unknown[]}} */ (epoch);
  return new Epoch(network, BigInt(number), validators.map((key) => decodeAccount(key)), BigInt(base));
}

/** @param {unknown} place @returns {SavedPlace} */
function readPlace(place) {
  const isPlace = isObject(place) && isText(place.url) && typeof place.isSeed === "boolean" && isText(place.node) &&
    (place.latency === null || typeof place.latency === "number") && isCount(place.suspicions) &&
    (place.lie === null || isText(place.lie)) && typeof place.liedAt === "number" && Array.isArray(place.certificates) &&
    place.certificates.every(isText);
  if (!isPlace) throw new StateInvalid("it has what no session saves");
  const saved = /** @type {SavedPlace} */ (/** @type {unknown} */ (place));
  return {...saved, url: formatUrl(parseUrl(saved.url))};
}
