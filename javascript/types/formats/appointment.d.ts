/** Appointing validators: what the present ones approve: docs/protocol.md, chapter 16. */
export type Approval = import("./operation.js").Approval;
export type Epoch = import("./epoch.js").Epoch;
/** @typedef {import("./operation.js").Approval} Approval */
/** @typedef {import("./epoch.js").Epoch} Epoch */
/**
 * @param {Uint8Array} network @param {bigint} epoch The present one. @param {readonly Uint8Array[]} validators The new ones.
 * @returns {import("../bytes.js").Bytes} What an approval signs, without the purpose's tag.
 */
export declare function approvalMessage(network: Uint8Array, epoch: bigint, validators: readonly Uint8Array[]): import("../bytes.js").Bytes;
/**
 * @param {import("./keys.js").SigningKey} key @param {number} index The validator's in the epoch that is to end.
 * @param {Epoch} epoch @param {readonly Uint8Array[]} validators The new ones.
 * @returns {Promise<Approval>}
 */
export declare function signApproval(key: import("./keys.js").SigningKey, index: number, epoch: Epoch, validators: readonly Uint8Array[]): Promise<Approval>;
/**
 * Check that a quorum of the present validators approves. Every approval must be true, not only a quorum of them.
 *
 * @param {import("./operation.js").Appoint} appoint @param {Epoch} epoch
 * @throws {LedgerError} `appoint_epoch`, `appoint_validator`, `appoint_quorum` or `appoint_signature`.
 */
export declare function checkAppoint(appoint: import("./operation.js").Appoint, epoch: Epoch): Promise<void>;
