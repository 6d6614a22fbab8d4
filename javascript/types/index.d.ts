/** What the module offers. Everything else is for its own use and may change. */
export { Cloud } from "./session/cloud.js";
export { StateInvalid } from "./session/saved.js";
export { Writer } from "./session/writer.js";
export { AddressInvalid, AnswerFalse, AnswerMalformed, AnswerStale, ClientError, ConnectionFailed, Denied, NotEnoughNodes, Rejected, RemoteError, SessionClosed, TimedOut, } from "./session/errors.js";
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
export { fetchBlock, itemsOf } from "./trust/blocks.js";
export { readFinal } from "./trust/told.js";
export { ProvenState } from "./formats/proof.js";
export { answersEvidence, decodeEvidence, encodeEvidence, judge } from "./formats/evidence.js";
export { checkTime, readStunData, vouchesFor } from "./formats/stundata.js";
export { LedgerError, LocalError, resultCode, sentence } from "./formats/errors.js";
export { currentCrypto, randomBytes } from "./crypto.js";
export type Methods = import("../types/methods.d.ts").Methods;
export type Items = import("../types/methods.d.ts").Items;
export type Genesis = import("./formats/genesis.js").Genesis;
export type Operation = import("./formats/operation.js").Operation;
export type Envelope = import("./formats/operation.js").Envelope;
export type Written = import("./formats/operation.js").Written;
export type StunData = import("./formats/stundata.js").StunData;
export type Verdict = import("./formats/evidence.js").Verdict;
export type LogBlock = import("./trust/blocks.js").LogBlock;
export type ToldAnswer = import("./trust/told.js").ToldAnswer;
export type Verified = import("./trust/verifying.js").Verified;
export type Weighed = import("./trust/verifying.js").Weighed;
/**
 * The types of what the API takes and answers are in `cloudnode/methods`; these are the ones that are met here.
 *
 * @typedef {import("../types/methods.d.ts").Methods} Methods
 * @typedef {import("../types/methods.d.ts").Items} Items
 * @typedef {import("./formats/genesis.js").Genesis} Genesis
 * @typedef {import("./formats/operation.js").Operation} Operation
 * @typedef {import("./formats/operation.js").Envelope} Envelope
 * @typedef {import("./formats/operation.js").Written} Written
 * @typedef {import("./formats/stundata.js").StunData} StunData
 * @typedef {import("./formats/evidence.js").Verdict} Verdict
 * @typedef {import("./trust/blocks.js").LogBlock} LogBlock
 * @typedef {import("./trust/told.js").ToldAnswer} ToldAnswer
 * @typedef {import("./trust/verifying.js").Verified} Verified
 * @typedef {import("./trust/verifying.js").Weighed} Weighed
 */
/** The module's version, the same as that of the node that it came with. */
export declare const VERSION = "0.1.0";
