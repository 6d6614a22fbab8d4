/** Appointing validators: what the present ones approve: docs/protocol.md, chapter 16. */

import {concat, u64} from "../bytes.js";
import {LedgerError} from "./errors.js";
import {APPOINT, verify} from "./keys.js";

/** @typedef {import("./operation.js").Approval} Approval */
/** @typedef {import("./epoch.js").Epoch} Epoch */

/**
 * @param {Uint8Array} network @param {bigint} epoch The present one. @param {readonly Uint8Array[]} validators The new ones.
 * @returns {import("../bytes.js").Bytes} What an approval signs, without the purpose's tag.
 */
export function approvalMessage(network, epoch, validators) {
  return concat(network, u64(epoch), ...validators);
}

/**
 * @param {import("./keys.js").SigningKey} key @param {number} index The validator's in the epoch that is to end.
 * @param {Epoch} epoch @param {readonly Uint8Array[]} validators The new ones.
 * @returns {Promise<Approval>}
 */
export async function signApproval(key, index, epoch, validators) {
  const message = approvalMessage(epoch.network, epoch.number, validators);
  return {validator: index, signature: await key.sign(APPOINT, message)};
}

/**
 * Check that a quorum of the present validators approves. Every approval must be true, not only a quorum of them.
 *
 * @param {import("./operation.js").Appoint} appoint @param {Epoch} epoch
 * @throws {LedgerError} `appoint_epoch`, `appoint_validator`, `appoint_quorum` or `appoint_signature`.
 */
export async function checkAppoint(appoint, epoch) {
  if (BigInt(appoint.epoch) !== epoch.number) throw new LedgerError("appoint_epoch");
  const present = epoch.validators;
  if (appoint.approvals.some(({validator}) => validator >= present.length)) throw new LedgerError("appoint_validator");
  if (appoint.approvals.length < epoch.quorum) throw new LedgerError("appoint_quorum");
  const message = approvalMessage(epoch.network, epoch.number, appoint.validators);
  const areTrue = await Promise.all(
    appoint.approvals.map(({validator, signature}) =>
      verify(/** @type {Uint8Array} */ (present[validator]), APPOINT, message, signature),
    ),
  );
  if (areTrue.includes(false)) throw new LedgerError("appoint_signature");
}
