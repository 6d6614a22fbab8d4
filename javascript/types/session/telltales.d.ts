/** Errors that nobody waits for: those of work in the background, and of functions that the caller gave. */
/** Failures of nodes are dealt with where they happen; anything else is a fault of this module's. @param {unknown} error */
export declare function noteBug(error: unknown): void;
/**
 * Tell a function of the caller's, whose errors are not the session's.
 *
 * @template T
 * @param {(told: T) => unknown} callback
 * @param {T} told
 */
export declare function tell<T>(callback: (told: T) => unknown, told: T): void;
