/**
 * The network's log as a session reads it: block after block, each proven, shared by all of its subscriptions.
 *
 * While anybody reads, one node is followed for the heights that come (its topic `blocks`), which says when there is
 * something to read and nothing else: what is read is proven, whoever brings it. Should that node keep silent, the
 * heights that other answers prove are noticed every few seconds. Blocks that are there are fetched a few ahead of whoever
 * reads.
 */
export type LogBlock = import("./blocks.js").LogBlock;
export type Final = import("./checker.js").Final;
export type LoggedItem = import("./items.js").LoggedItem;
export type Read = {
    final: Final;
    block: LogBlock;
};
export type Shared<T> = {
    promise: Promise<T>;
    isDone: boolean;
    hasFailed: boolean;
};
/** @typedef {{final: Final, block: LogBlock}} Read A block that was read, with its header. */
/**
 * Something that several wait for.
 *
 * @template T
 * @typedef {{promise: Promise<T>, isDone: boolean, hasFailed: boolean}} Shared
 */
/** Blocks by height, for the subscriptions of one session. */
export declare class ProvenLog {
    #private;
    /**
     * @param {import("./questions.js").Questions} questions
     * @param {import("./nodes.js").Nodes} nodes
     * @param {import("./clock.js").Clock} clock
     * @param {() => import("./cloudsubscription.js").CloudSubscription} follow Has a node tell of blocks from now on.
     */
    constructor(questions: import("./questions.js").Questions, nodes: import("./nodes.js").Nodes, clock: import("./clock.js").Clock, follow: () => import("./cloudsubscription.js").CloudSubscription);
    /** Somebody reads from now on. */
    begin(): void;
    /** Somebody reads no more. */
    end(): void;
    /** The node that tells of new heights; empty while there is none. */
    get url(): string;
    /** @param {import("./told.js").LogPlace} cursor Whether it is known to be the end of its block. */
    endsBlock({ height, index }: import("./told.js").LogPlace): boolean;
    /**
     * See that a node still has the block after a cursor.
     *
     * @param {import("./told.js").LogPlace} cursor
     * @param {number} deadline In seconds of the clock.
     * @param {AbortSignal} signal Gives it up.
     * @throws {RemoteError} `cursor_pruned`. @throws {ClientError} No node answers in time.
     */
    checkKept(cursor: import("./told.js").LogPlace, deadline: number, signal: AbortSignal): Promise<void>;
    /**
     * What subscribers of a topic are told of a block, as soon as it can be proven.
     *
     * @param {number} height
     * @param {string} topic
     * @param {AbortSignal} signal Gives up to wait.
     * @returns {Promise<{items: LoggedItem[], unproven: Set<number>}>} `unproven`: the indexes of those whose effect is a
     *   node's word.
     * @throws {RemoteError} `cursor_pruned`: no node has the block any more.
     */
    items(height: number, topic: string, signal: AbortSignal): Promise<{
        items: LoggedItem[];
        unproven: Set<number>;
    }>;
}
