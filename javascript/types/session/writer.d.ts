/**
 * Operations made and signed here, for one key.
 *
 * An operation is valid in blocks of the heights from `from` to `expiry`. A writer takes the newest height that is known
 * as `from`, since a height never goes back, and the farthest expiry that genesis allows: within those heights the same
 * bytes may be sent any number of times, to any node, and take effect once.
 */
export type SignedOperation = {
    /**
     * In hex: SHA-256 of the body.
     */
    id: string;
    /**
     * Its exact JSON text.
     */
    body: string;
    /**
     * In hex.
     */
    signature: string;
    /**
     * The last height at which it is valid.
     */
    expiry: number;
    /**
     * A node that is not at this height yet would refuse it as one of the future, for it was
     * made at the height of another one.
     */
    leastHeight: number;
};
export type WriteOptions = {
    time?: number;
};
/**
 * An operation as it is sent.
 *
 * @typedef {object} SignedOperation
 * @property {string} id In hex: SHA-256 of the body.
 * @property {string} body Its exact JSON text.
 * @property {string} signature In hex.
 * @property {number} expiry The last height at which it is valid.
 * @property {number} leastHeight A node that is not at this height yet would refuse it as one of the future, for it was
 *   made at the height of another one.
 *
 * @typedef {{time?: number}} WriteOptions `time`: milliseconds since 1970, for people; now if left out.
 */
/** Makes operations for one key on one network. */
export declare class Writer {
    #private;
    /**
     * @param {import("../formats/genesis.js").Genesis} genesis
     * @param {import("../formats/keys.js").SigningKey} key
     * @param {() => number} height Tells the newest height known.
     * @param {() => number} unix Seconds since 1970, for operations without a time.
     */
    constructor(genesis: import("../formats/genesis.js").Genesis, key: import("../formats/keys.js").SigningKey, height: () => number, unix: () => number);
    /** The key's account in hex. */
    get account(): string;
    /**
     * Write a record.
     *
     * @param {string} collection
     * @param {string} key
     * @param {unknown} data A JSON value.
     * @param {WriteOptions & {ref?: string, ifVersion?: number}} [options] `ref`: the address of another record.
     *   `ifVersion`: the version that the record must have; 0 if it must not exist.
     * @returns {Promise<SignedOperation>}
     * @throws {import("../formats/errors.js").LocalError} The ledger's rules would refuse its form.
     */
    put(collection: string, key: string, data: unknown, { ref, ifVersion, ...options }?: WriteOptions & {
        ref?: string;
        ifVersion?: number;
    }): Promise<SignedOperation>;
    /**
     * Delete a record.
     *
     * @param {string} collection
     * @param {string} key
     * @param {WriteOptions & {ifVersion?: number}} [options]
     */
    delete(collection: string, key: string, { ifVersion, ...options }?: WriteOptions & {
        ifVersion?: number;
    }): Promise<SignedOperation>;
    /** Rate the record at an address. @param {string} record @param {number} stars 1 to 5. @param {WriteOptions} [options] */
    rate(record: string, stars: number, options?: WriteOptions): Promise<SignedOperation>;
    /** Take a rating back. @param {string} record @param {WriteOptions} [options] */
    withdraw(record: string, options?: WriteOptions): Promise<SignedOperation>;
    /** Make another account a member, where genesis admits invited ones. @param {string} invited @param {WriteOptions} [options] */
    invite(invited: string, options?: WriteOptions): Promise<SignedOperation>;
}
/** @param {string | null} result Of a final operation. @throws {Rejected} It is not `ok`. */
export declare function checkResult(result: string | null): void;
