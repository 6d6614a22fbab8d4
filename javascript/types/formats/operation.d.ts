/**
 * Operations: what accounts sign and the log orders. A body is JSON text exactly as its author wrote it, its id is the
 * hash of that, and it is never written anew: docs/protocol.md, chapter 7.
 */
export type Bytes = import("../bytes.js").Bytes;
/** @typedef {import("../bytes.js").Bytes} Bytes */
export declare const DATA_BYTES_MAX = 65536;
export type Put = {
    type: "put";
    collection: string;
    key: string;
    /**
     * Its exact JSON text.
     */
    data: string;
    /**
     * The address of another record.
     */
    ref: string | null;
    /**
     * The version that it must have; 0 for none yet.
     */
    ifVersion: number | null;
};
export type Delete = {
    type: "delete";
    collection: string;
    key: string;
    ifVersion: number | null;
};
export type Rate = {
    type: "rate";
    /**
     * An address.
     */
    record: string;
    /**
     * 1 to 5.
     */
    stars: number;
};
export type Withdraw = {
    type: "withdraw";
    record: string;
};
export type Invite = {
    type: "invite";
    invited: Bytes;
};
export type Approval = {
    validator: number;
    signature: Bytes;
};
export type Appoint = {
    type: "appoint";
    /**
     * The present one, which this ends.
     */
    epoch: number;
    /**
     * The new ones' keys.
     */
    validators: Bytes[];
    /**
     * In ascending order of the index; perhaps unverified.
     */
    approvals: Approval[];
};
export type Action = Put | Delete | Rate | Withdraw | Invite | Appoint;
export type Operation = {
    /**
     * Of its body.
     */
    id: Bytes;
    /**
     * The exact signed text.
     */
    body: Bytes;
    /**
     * 64 bytes, perhaps unverified.
     */
    signature: Bytes;
    /**
     * Who signs.
     */
    account: Bytes;
    /**
     * Milliseconds since 1970, as its author says.
     */
    time: number;
    /**
     * The first height of a block that may hold it.
     */
    from: number;
    /**
     * The last one.
     */
    expiry: number;
    action: Action;
};
export type Members = Record<string, unknown>;
/**
 * Read an operation and check its form: everything but the signature's truth, the height and the state.
 *
 * @param {Uint8Array} body
 * @param {Uint8Array} signature Only its length is checked here: see `verifyOperation`.
 * @param {import("./genesis.js").Genesis} genesis
 * @returns {Promise<Operation>}
 * @throws {LedgerError} A code of the form.
 */
export declare function decodeOperation(body: Uint8Array, signature: Uint8Array, genesis: import("./genesis.js").Genesis): Promise<Operation>;
/** @param {Uint8Array} body @returns {Promise<Bytes>} */
export declare function operationId(body: Uint8Array): Promise<Bytes>;
/** @param {Operation} operation @returns {Promise<boolean>} Whether its account signed its body. */
export declare function verifyOperation(operation: Operation): Promise<boolean>;
/**
 * @param {import("./keys.js").SigningKey} key
 * @param {Uint8Array} body
 * @returns {Promise<Bytes>} The 64-byte signature.
 */
export declare function signOperation(key: import("./keys.js").SigningKey, body: Uint8Array): Promise<Bytes>;
export type Envelope = {
    /**
     * The network's id in hex.
     */
    network: string;
    /**
     * Who will sign, in hex.
     */
    account: string;
    /**
     * Milliseconds since 1970, for people.
     */
    time: number;
    /**
     * The first height.
     */
    from: number;
    /**
     * The last one, at most the genesis window later.
     */
    expiry: number;
};
export type Written = {
    type: "put";
    collection: string;
    key: string;
    data: unknown;
    ref?: string;
    if_version?: number;
} | {
    type: "delete";
    collection: string;
    key: string;
    if_version?: number;
} | {
    type: "rate";
    record: string;
    stars: number;
} | {
    type: "withdraw";
    record: string;
} | {
    type: "invite";
    invited: string;
} | {
    type: "appoint";
    epoch: number;
    validators: string[];
    approvals: {
        validator: number;
        signature: string;
    }[];
};
/**
 * What all operations say besides what they do.
 *
 * @typedef {object} Envelope
 * @property {string} network The network's id in hex.
 * @property {string} account Who will sign, in hex.
 * @property {number} time Milliseconds since 1970, for people.
 * @property {number} from The first height. @property {number} expiry The last one, at most the genesis window later.
 */
/**
 * What an operation does, as it is written.
 *
 * @typedef {{type: "put", collection: string, key: string, data: unknown, ref?: string, if_version?: number}
 *   | {type: "delete", collection: string, key: string, if_version?: number}
 *   | {type: "rate", record: string, stars: number}
 *   | {type: "withdraw", record: string}
 *   | {type: "invite", invited: string}
 *   | {type: "appoint", epoch: number, validators: string[], approvals: {validator: number, signature: string}[]}
 * } Written
 */
/**
 * The body of an operation, compact, and checked as any node would.
 *
 * @param {Envelope} envelope
 * @param {Written} written Members that are undefined are left out. `data` is any JSON value.
 * @returns {Bytes}
 * @throws {LocalError} It would be refused wherever it is sent.
 */
export declare function buildBody(envelope: Envelope, written: Written): Bytes;
/** @param {Approval} approval @returns {{validator: number, signature: string}} As an operation has it. */
export declare function writeApproval({ validator, signature }: Approval): {
    validator: number;
    signature: string;
};
