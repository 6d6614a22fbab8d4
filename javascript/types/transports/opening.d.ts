/** What all transports do alike when they connect: take no longer than they may, and give up when nobody waits. */
export type Limits = {
    clock: import("../session/clock.js").Clock;
    /**
     * Seconds to connect.
     */
    timeout: number;
    /**
     * Gives it up.
     */
    signal: AbortSignal;
};
/**
 * @typedef {object} Limits
 * @property {import("../session/clock.js").Clock} clock
 * @property {number} timeout Seconds to connect.
 * @property {AbortSignal} signal Gives it up.
 */
/**
 * @template T
 * @param {string} url For messages.
 * @param {Limits} limits
 * @param {(signal: AbortSignal) => Promise<T>} open Connects; closes what it has begun when the signal says so.
 * @returns {Promise<T>} Fails with `ConnectionFailed` alone.
 */
export declare function opening<T>(url: string, { clock, timeout, signal }: Limits, open: (signal: AbortSignal) => Promise<T>): Promise<T>;
