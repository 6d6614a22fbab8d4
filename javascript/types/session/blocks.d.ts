/**
 * Blocks of the log with all that is in them, proven.
 *
 * A final header names its block's operations by their hash, so whoever has the bodies can tell that they are all of them,
 * none altered and none left out. What became of each operation is in the state: its row in the window table says where
 * it stands and with which result, and stays there until the operation expires. So a page of a block comes with a proof
 * of its operations' rows under the newest root that can be proven.
 *
 * States are kept for so many heights. Of older blocks the operations are proven still, and their results are a node's
 * word.
 */
export type LoggedOperation = import("./items.js").LoggedOperation;
export type ProvenState = import("../formats/proof.js").ProvenState;
export type LogBlock = {
    /**
     * All of them, in order.
     */
    operations: LoggedOperation[];
    /**
     * What became of each.
     */
    results: string[];
    /**
     * The indexes of those whose result is only a node's word.
     */
    unproven: Set<number>;
};
export type ToldOperation = {
    index: number;
    id: string;
    operation: string;
    signature: string;
    result: string;
};
/** @typedef {import("./items.js").LoggedOperation} LoggedOperation */
/** @typedef {import("../formats/proof.js").ProvenState} ProvenState */
/**
 * @typedef {object} LogBlock A final block, whose operations are proven to be these.
 * @property {LoggedOperation[]} operations All of them, in order.
 * @property {string[]} results What became of each.
 * @property {Set<number>} unproven The indexes of those whose result is only a node's word.
 *
 * @typedef {object} ToldOperation
 * @property {number} index @property {string} id @property {string} operation @property {string} signature
 * @property {string} result
 */
/**
 * Have a node bring all operations of a block, and prove their results as far as there is a state that knows them.
 *
 * @param {import("./checker.js").Checker} checker
 * @param {import("./client.js").Client} client
 * @param {import("./checker.js").Final} final The block's header, verified.
 * @returns {Promise<LogBlock>}
 * @throws {LedgerError} What it brought is not so. @throws {import("./errors.js").ClientError} It did not bring all.
 */
export declare function fetchBlock(checker: import("./checker.js").Checker, client: import("./client.js").Client, final: import("./checker.js").Final): Promise<LogBlock>;
