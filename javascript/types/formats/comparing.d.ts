/**
 * Comparing what nodes signed with what the validators signed. The yardstick is a final header that carries the state
 * root of a height: a node that signed another root there, or the same root with other sums, lies or is damaged.
 */
export type Bytes = import("../bytes.js").Bytes;
export type Yardstick = {
    /**
     * Final.
     */
    header: import("./block.js").Header;
    finality: import("./finality.js").Finality;
    /**
     * The root's preimage; empty if it is not at hand, then roots alone are compared.
     */
    state: Bytes;
};
/** @typedef {import("../bytes.js").Bytes} Bytes */
/**
 * @typedef {object} Yardstick
 * @property {import("./block.js").Header} header Final.
 * @property {import("./finality.js").Finality} finality
 * @property {Bytes} state The root's preimage; empty if it is not at hand, then roots alone are compared.
 */
/**
 * @param {import("./block.js").Header} header @param {import("./finality.js").Finality} finality
 * @param {readonly Uint8Array[]} nodes
 * @returns {Promise<Yardstick>} With the preimage if it is among some nodes.
 */
export declare function makeYardstick(header: import("./block.js").Header, finality: import("./finality.js").Finality, nodes: readonly Uint8Array[]): Promise<Yardstick>;
/**
 * Compare a node's signed answer to `getdatahash` with a yardstick.
 *
 * @param {Yardstick} yardstick
 * @param {Uint8Array} node The key of the node that was asked.
 * @param {import("./evidence.js").SignedAnswer} signed
 * @param {string} text The exact text of the result.
 * @returns {Promise<import("./evidence.js").AnswerEvidence | null>} Evidence if they contradict each other.
 * @throws {LedgerError} `answer_other`: it is not an answer to this question. `answer_signature`.
 */
export declare function weigh({ header, finality, state }: Yardstick, node: Uint8Array, signed: import("./evidence.js").SignedAnswer, text: string): Promise<import("./evidence.js").AnswerEvidence | null>;
