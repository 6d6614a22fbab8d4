/** Reads what nodes sign of where they are and of the certificates that they show there. */

import {fromHex, toHex} from "../bytes.js";
import {decodeAccount} from "../formats/addresses.js";
import {LedgerError} from "../formats/errors.js";
import {STUN_DATA_BYTES_MAX, checkTime, readStunData, vouchesFor} from "../formats/stundata.js";
import {isCount, isObject} from "./told.js";

/** Of one node's. */
const CERTIFICATES_MAX = 4;

/**
 * @param {() => string | null} network Tells the network's id in hex; null if it is not known.
 * @param {() => number} unix Seconds since 1970.
 * @returns {import("./telling.js").Reader}
 */
export function makeReader(network, unix) {
  return {
    record: async (hex) => {
      const id = network();
      if (id === null || hex.length > 2 * STUN_DATA_BYTES_MAX) return null;
      return readRecord(hex, id, unix()).catch(refused);
    },
    certificates: async (node, told) => {
      const good = [];
      for (const each of Array.isArray(told) ? told.slice(0, CERTIFICATES_MAX) : []) {
        const certificate = await readCertificate(node, each).catch(refused);
        if (certificate) good.push(certificate);
      }
      return good;
    },
  };
}

/**
 * @param {string} hex @param {string} network @param {number} now
 * @returns {Promise<import("./telling.js").ToldRecord>}
 */
async function readRecord(hex, network, now) {
  const data = await readStunData(fromHex(hex, "stun_data_malformed"), decodeAccount(network));
  checkTime(data, now);
  const {endpoints, nat} = data;
  const certificates = data.certificates.map(({hash, notAfter}) => ({hash: toHex(hash), notAfter: Number(notAfter)}));
  return {node: toHex(data.node), expiry: Number(data.expiry), endpoints, nat, certificates};
}

/**
 * @param {string} node In hex. @param {unknown} told
 * @returns {Promise<import("./telling.js").ToldCertificate | null>} Null: the node did not sign it.
 */
async function readCertificate(node, told) {
  if (!isObject(told) || typeof told.hash !== "string" || !isCount(told.not_after)) return null;
  const signature = fromHex(told.signature, "signature_invalid");
  const isSigned = await vouchesFor(decodeAccount(node), decodeAccount(told.hash), signature);
  return isSigned ? {hash: told.hash, notAfter: told.not_after} : null;
}

/** What nodes tell that is not so counts for nothing. @param {unknown} error @returns {null} */
function refused(error) {
  if (error instanceof LedgerError) return null;
  throw error;
}
