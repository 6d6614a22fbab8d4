/** Every node that is known, asked one by one for its signed and proven state: who agrees with the validators. */
export type Place = import("./directory.js").Place;
export type Compared = {
    /**
     * Its key in hex; as it or others say if it is silent.
     */
    node: string;
    /**
     * Where it was asked.
     */
    url: string;
    /**
     * `agrees`: it signed the state that the validators signed.
     * `behind`: that of a height more than `LAG` below the newest.
     */
    state: "agrees" | "behind" | "lying" | "silent";
    /**
     * Of the newest state that it proved.
     */
    height: number;
    /**
     * Heights below the newest.
     */
    behind: number;
    /**
     * Seconds to an answer and back.
     */
    latency: number | null;
    /**
     * Why, of a liar or a silent one.
     */
    reason: string;
};
/** @typedef {import("./directory.js").Place} Place */
/**
 * A node that was asked.
 *
 * @typedef {object} Compared
 * @property {string} node Its key in hex; as it or others say if it is silent.
 * @property {string} url Where it was asked.
 * @property {"agrees" | "behind" | "lying" | "silent"} state `agrees`: it signed the state that the validators signed.
 *   `behind`: that of a height more than `LAG` below the newest.
 * @property {number} height Of the newest state that it proved. @property {number} behind Heights below the newest.
 * @property {number | null} latency Seconds to an answer and back.
 * @property {string} reason Why, of a liar or a silent one.
 */
/**
 * @param {import("./nodes.js").Nodes} nodes
 * @param {object} options
 * @param {number} options.most Nodes that are asked at most.
 * @param {(compared: Compared) => void} options.onEach Told of each as soon as it is known.
 * @returns {Promise<Compared[]>} Each node once.
 */
export declare function compareNodes(nodes: import("./nodes.js").Nodes, { most, onEach }: {
    most: number;
    onEach: (compared: Compared) => void;
}): Promise<Compared[]>;
