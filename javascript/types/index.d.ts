/** What the module offers. Everything else is for its own use and may change. */
export { SigningKey } from "./formats/keys.js";
export { buildBody, decodeOperation, operationId, signOperation, verifyOperation, writeApproval, } from "./formats/operation.js";
export { checkAppoint, signApproval } from "./formats/appointment.js";
export { canonical, decodeStrict, memberTexts } from "./formats/json.js";
export { formatAddress, parseAddress } from "./formats/addresses.js";
export { fromHex, toHex } from "./bytes.js";
export { decodeGenesis, networkId } from "./formats/genesis.js";
export { EpochChain } from "./trust/epochchain.js";
export { isProvable } from "./trust/proving.js";
export { readSigned, verifyAnswer, verifyDenial, verifyOperationProof, verifyProof, verifyToldReceipt, weighState, } from "./trust/verifying.js";
export { readFinal } from "./trust/told.js";
export { ProvenState } from "./formats/proof.js";
export { answersEvidence, decodeEvidence, encodeEvidence, judge } from "./formats/evidence.js";
export { checkTime, readStunData, vouchesFor } from "./formats/stundata.js";
export { LedgerError, LocalError, resultCode, sentence } from "./formats/errors.js";
export { currentCrypto, randomBytes } from "./crypto.js";
/** The module's version, the same as that of the node that it came with. */
export declare const VERSION = "0.1.0";
