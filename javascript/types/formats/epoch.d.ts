/**
 * An epoch: the validators that decide, and the heights that they decide about: docs/protocol.md, chapter 16. The
 * genesis names the first ones; each epoch's last block appoints the next.
 */
export type Bytes = import("../bytes.js").Bytes;
export type Header = import("./block.js").Header;
export type Finality = import("./finality.js").Finality;
/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./block.js").Header} Header */
/** @typedef {import("./finality.js").Finality} Finality */
/** The validators whose certificates are believed. Never changed once made. */
export declare class Epoch {
    network: import("../bytes.js").Bytes;
    number: bigint;
    validators: readonly import("../bytes.js").Bytes[];
    base: bigint;
    last: bigint | null;
    /**
     * @param {Bytes} network
     * @param {bigint} number
     * @param {readonly Bytes[]} validators Their keys in the order of the indexes.
     * @param {bigint} [base] The height of the block that it begins on, which belongs to the epoch before.
     * @param {bigint | null} [last] The height of the block that ended it; null if that is not known, or it goes on.
     */
    constructor(network: Bytes, number: bigint, validators: readonly Bytes[], base?: bigint, last?: bigint | null);
    /** @param {import("./genesis.js").Genesis} genesis @returns {Epoch} The network's first epoch. */
    static ofGenesis(genesis: import("./genesis.js").Genesis): Epoch;
    /** How many of the validators must sign. */
    get quorum(): number;
    /**
     * Check that a block of this epoch is final and part of the chain.
     *
     * @param {Header} header @param {Finality} finality
     * @throws {LedgerError} `header_discarded`, and the codes of `verifyFinality`.
     */
    verify(header: Header, finality: Finality): Promise<void>;
    /** @param {Header} header Of a block that was verified. @returns {Epoch} This one, known to end with that block. */
    closed(header: Header): Epoch;
    /**
     * The epoch that begins on a block of this one, which was verified.
     *
     * @param {Header} header
     * @param {readonly Bytes[]} validators Those that the block appoints.
     * @returns {Promise<Epoch>}
     * @throws {LedgerError} `epoch_goes_on`: the block ends no epoch. `block_validators`: it appoints others.
     */
    after(header: Header, validators: readonly Bytes[]): Promise<Epoch>;
    /**
     * Check that a block ended this epoch, and go on to the next one.
     *
     * @param {Header} header @param {Finality} finality @param {readonly Bytes[]} validators
     * @returns {Promise<Epoch>}
     * @throws {LedgerError} As `verify` and `after`.
     */
    next(header: Header, finality: Finality, validators: readonly Bytes[]): Promise<Epoch>;
}
