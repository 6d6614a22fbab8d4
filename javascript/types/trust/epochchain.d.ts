/**
 * Who decides now: the epochs of a network, followed and checked from its genesis (or any epoch that is trusted). A node
 * tells how each set of validators was replaced; nothing of it is believed.
 */
import { Epoch } from "../formats/epoch.js";
export type Bytes = import("../bytes.js").Bytes;
export type Header = import("../formats/block.js").Header;
export type Finality = import("../formats/finality.js").Finality;
/** The epochs that were verified. */
export declare class EpochChain {
    #private;
    /** The last one: as far as is known, its validators decide now. */
    newest: Epoch;
    /** @param {Epoch} trusted Where to begin: the genesis's epoch, or one that was verified earlier. */
    constructor(trusted: Epoch);
    /** @param {import("../formats/genesis.js").Genesis} genesis @returns {EpochChain} All that is known at the beginning. */
    static ofGenesis(genesis: import("../formats/genesis.js").Genesis): EpochChain;
    /** The network's id. */
    get network(): import("../bytes.js").Bytes;
    /** @param {bigint | number} number @returns {Epoch | undefined} An epoch; undefined if it is not known (yet). */
    find(number: bigint | number): Epoch | undefined;
    /**
     * Check that a header is final by the validators of its epoch. One that ends its epoch ends it here at once: what was
     * built on it in that epoch is final too, and was discarded.
     *
     * @param {Header} header @param {Finality} finality
     * @throws {LedgerError} `header_epoch` if that one is not known: `follow` first. Else as `Epoch.verify`.
     */
    verify(header: Header, finality: Finality): Promise<void>;
    /** Whether a header that was verified is now known to be above its epoch's end. @param {Header} header */
    isDiscarded(header: Header): boolean;
    /**
     * Ask a node for all epochs after the newest one, and check them.
     *
     * @param {(method: "getepochs", params: {limit: number, after?: number}) => Promise<unknown>} ask Gives the result.
     * @returns {Promise<Epoch>} The newest one now.
     * @throws {LedgerError} What the node told is not so: the codes of headers, certificates, `finality_` and `epoch_`,
     *   `block_validators`. What was verified before that is kept.
     */
    follow(ask: (method: "getepochs", params: {
        limit: number;
        after?: number;
    }) => Promise<unknown>): Promise<Epoch>;
    /** An epoch goes on no further. @param {Header} header Of the block that ended it, which was verified. */
    close(header: Header): void;
    /** Told of each epoch whose end is known from now on: for those that derive from this. @param {Epoch} _epoch */
    epochClosed(_epoch: Epoch): void;
}
export type ToldEpoch = {
    epoch: bigint;
    validators: Bytes[];
    /**
     * Null while it goes on.
     */
    end: unknown;
};
