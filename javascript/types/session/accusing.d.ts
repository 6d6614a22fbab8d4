/**
 * What shows a liar's lie to others, gathered from the liar itself and handed to nodes that keep it.
 *
 * A false answer by itself shows nothing to anybody else. Two answers that the node signed and that differ do, and so
 * does a signed state that is not the one which the validators signed. A node that tells everybody the same false record
 * under the true root leaves neither; it is left all the same.
 */
export type Accusation = {
    /**
     * Where it was asked.
     */
    url: string;
    /**
     * Its key in hex: proven if there is evidence, else its own word.
     */
    node: string;
    /**
     * What is wrong: a code of the protocol's, and a sentence.
     */
    reason: string;
    /**
     * In hex, what shows it to anyone who knows the genesis; empty if the node left none.
     */
    evidence: string;
};
/**
 * A node that told what is not so.
 *
 * @typedef {object} Accusation
 * @property {string} url Where it was asked.
 * @property {string} node Its key in hex: proven if there is evidence, else its own word.
 * @property {string} reason What is wrong: a code of the protocol's, and a sentence.
 * @property {string} evidence In hex, what shows it to anyone who knows the genesis; empty if the node left none.
 */
/**
 * Have a liar sign what shows that it lies.
 *
 * @param {import("./checker.js").Checker} checker
 * @param {import("./client.js").Client} client
 * @param {{method: string, params: unknown, height: number}} question What it answered falsely.
 * @returns {Promise<{node: string, evidence: string} | null>} The key that it signed with and the evidence, in hex;
 *   null if it gives itself no such blow.
 */
export declare function gatherEvidence(checker: import("./checker.js").Checker, client: import("./client.js").Client, { method, params, height }: {
    method: string;
    params: unknown;
    height: number;
}): Promise<{
    node: string;
    evidence: string;
} | null>;
