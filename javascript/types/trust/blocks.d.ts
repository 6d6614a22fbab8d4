/**
 * Blocks of the log with all that is in them, proven, and what subscribers are told of them.
 *
 * A final header names its block's operations by their hashes, so whoever has the bodies and signatures can tell that
 * they are all of them, none altered and none left out. What became of each operation is in the state: its row in the
 * window table says where it stands and with which result, and stays there until the operation expires. So a page of a
 * block comes with a proof of its operations' rows. From both follows what a node has to tell its subscribers, which
 * therefore need not be asked at all.
 */
export type Bytes = import("../bytes.js").Bytes;
export type Header = import("../formats/block.js").Header;
export type ProvenState = import("../formats/proof.js").ProvenState;
export type LogPlace = import("./told.js").LogPlace;
export type LoggedOperation = {
    /**
     * Its place in the block.
     */
    index: number;
    /**
     * In hex.
     */
    id: string;
    /**
     * Its exact text.
     */
    body: string;
    /**
     * Its code, such as `ok`.
     */
    result: string;
    expiry: number;
};
export type LogBlock = {
    header: Header;
    /**
     * In hex.
     */
    hash: string;
    /**
     * All of them, in order.
     */
    operations: LoggedOperation[];
    /**
     * The indexes of those whose result is only a node's word.
     */
    unproven: ReadonlySet<number>;
};
export type ToldPage = {
    result: unknown;
    rawContext: string;
};
export type Asked = {
    /**
     * Fails with an error that has the node's `code` and `data`.
     */
    getblock: (params: {
        height: number;
        limit: number;
        after?: number;
    }, context: {
        min_height?: number;
        at?: number;
        proof?: boolean;
    }) => Promise<ToldPage>;
    /**
     * Verifies the proof that came with a page.
     */
    prove: (rawContext: string) => Promise<ProvenState>;
    /**
     * The newest height that is known to be final.
     */
    newest: number;
    genesis: import("../formats/genesis.js").Genesis;
};
/**
 * @typedef {object} LoggedOperation
 * @property {number} index Its place in the block.
 * @property {string} id In hex.
 * @property {string} body Its exact text.
 * @property {string} result Its code, such as `ok`.
 * @property {number} expiry
 *
 * @typedef {object} LogBlock A final block, whose operations are proven to be these.
 * @property {Header} header
 * @property {string} hash In hex.
 * @property {LoggedOperation[]} operations All of them, in order.
 * @property {ReadonlySet<number>} unproven The indexes of those whose result is only a node's word.
 *
 * @typedef {{result: unknown, rawContext: string}} ToldPage
 *
 * @typedef {object} Asked How a node is asked for a block.
 * @property {(params: {height: number, limit: number, after?: number}, context: {min_height?: number, at?: number,
 *   proof?: boolean}) => Promise<ToldPage>} getblock Fails with an error that has the node's `code` and `data`.
 * @property {(rawContext: string) => Promise<ProvenState>} prove Verifies the proof that came with a page.
 * @property {number} newest The newest height that is known to be final.
 * @property {import("../formats/genesis.js").Genesis} genesis
 */
/**
 * Have a node bring all operations of a block, and prove their results as far as there is a state that knows them.
 *
 * @param {Header} header The block's, verified.
 * @param {Asked} node
 * @returns {Promise<LogBlock>}
 * @throws {LedgerError} What it brought is not so: `block_operations`, `proof_row_wrong`, or what `prove` throws.
 */
export declare function fetchBlock(header: Header, node: Asked): Promise<LogBlock>;
export type Topic = "records" | "ratings" | "blocks";
export type Filter = {
    /**
     * Whose operation it is: the record's author, or who rates.
     */
    account?: string;
    /**
     * The record's; for ratings, the rated record's.
     */
    collection?: string;
    /**
     * Records that refer to this one.
     */
    ref?: string;
    /**
     * This record alone, or ratings of it.
     */
    record?: string;
};
/** @typedef {"records" | "ratings" | "blocks"} Topic */
/**
 * What a subscriber wants of a topic; all that is given must hold.
 *
 * @typedef {object} Filter
 * @property {string} [account] Whose operation it is: the record's author, or who rates.
 * @property {string} [collection] The record's; for ratings, the rated record's.
 * @property {string} [ref] Records that refer to this one.
 * @property {string} [record] This record alone, or ratings of it.
 */
/**
 * What the nodes tell subscribers of a block.
 *
 * @param {LogBlock} block @param {Topic} topic @param {Filter} [filter]
 * @returns {{cursor: LogPlace, index: number | null, raw: string}[]} In order; `raw` is the item's text, to the last
 *   character that of nodes, and `index` that of its operation.
 */
export declare function itemsOf(block: LogBlock, topic: Topic, filter?: Filter): {
    cursor: LogPlace;
    index: number | null;
    raw: string;
}[];
