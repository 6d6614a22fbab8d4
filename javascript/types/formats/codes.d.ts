/** The named errors of `cloudnode/formats/errors.py`, of which this is made: `make docs`. */
/** Every code with its sentence. @type {ReadonlyMap<string, string>} */
export declare const CODES: ReadonlyMap<string, string>;
/**
 * What the executor makes of an operation: code and sentence; the place is the number.
 *
 * @type {ReadonlyArray<readonly [string, string]>}
 */
export declare const RESULTS: ReadonlyArray<readonly [string, string]>;
