/**
 * Time, as a session sees it: seconds of a clock that never goes back, and calls that come later. Tests bring their own.
 *
 * @typedef {object} Clock
 * @property {() => number} now Seconds, from any beginning.
 * @property {(seconds: number, call: () => void) => () => void} later Calls once; gives what calls it off.
 * @property {() => number} unix Seconds since 1970.
 */
export type Clock = {
    /**
     * Seconds, from any beginning.
     */
    now: () => number;
    /**
     * Calls once; gives what calls it off.
     */
    later: (seconds: number, call: () => void) => () => void;
    /**
     * Seconds since 1970.
     */
    unix: () => number;
};
/** @type {Clock} */
export declare const realClock: Clock;
/**
 * Wait for something, but not longer than so many seconds.
 *
 * @template T
 * @param {Clock} clock
 * @param {Promise<T>} waited What goes on after the time is over, and is forgotten then.
 * @param {number} seconds
 * @param {() => Error} late Makes the error.
 * @returns {Promise<T>}
 */
export declare function within<T>(clock: Clock, waited: Promise<T>, seconds: number, late: () => Error): Promise<T>;
/** @param {Clock} clock @param {number} seconds @param {AbortSignal} until Ends it early. */
export declare function pause(clock: Clock, seconds: number, until: AbortSignal): Promise<any>;
/** Runs one thing after the other. */
export declare class Lock {
    #private;
    /**
     * @template T
     * @param {() => Promise<T>} work Runs when all before it is done.
     * @returns {Promise<T>}
     */
    run<T>(work: () => Promise<T>): Promise<T>;
}
