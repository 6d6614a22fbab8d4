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
     * Check that a header is final by the validators of its epoch.
     *
     * @param {Header} header @param {Finality} finality
     * @throws {LedgerError} `header_epoch` if that one is not known: `follow` first. Else as `Epoch.verify`.
     */
    verify(header: Header, finality: Finality): Promise<void>;
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
}
export type ToldEpoch = {
    epoch: bigint;
    validators: Bytes[];
    /**
     * Null while it goes on.
     */
    end: unknown;
};
