/** What the module offers. Everything else is for its own use and may change. */

// One session of many nodes.
export {Cloud} from "./session/cloud.js";
export {StateInvalid} from "./session/saved.js";
export {Writer} from "./session/writer.js";
export {
  AddressInvalid,
  AnswerFalse,
  AnswerMalformed,
  AnswerStale,
  ClientError,
  ConnectionFailed,
  Denied,
  NotEnoughNodes,
  Rejected,
  RemoteError,
  SessionClosed,
  TimedOut,
} from "./session/errors.js";

// Keys, and operations made and signed.
export {SigningKey} from "./formats/keys.js";
export {
  buildBody,
  decodeOperation,
  operationId,
  signOperation,
  verifyOperation,
  writeApproval,
} from "./formats/operation.js";
export {checkAppoint, signApproval} from "./formats/appointment.js";
export {canonical, decodeStrict, memberTexts} from "./formats/json.js";
export {formatAddress, parseAddress} from "./formats/addresses.js";
export {fromHex, toHex} from "./bytes.js";

// What is trusted: a network's genesis, and the epochs that follow from it.
export {decodeGenesis, networkId} from "./formats/genesis.js";
export {EpochChain} from "./trust/epochchain.js";

// What nodes tell, verified.
export {isProvable} from "./trust/proving.js";
export {
  readSigned,
  verifyAnswer,
  verifyDenial,
  verifyOperationProof,
  verifyProof,
  verifyToldReceipt,
  weighState,
} from "./trust/verifying.js";
export {fetchBlock, itemsOf} from "./trust/blocks.js";
export {readFinal} from "./trust/told.js";
export {ProvenState} from "./formats/proof.js";
export {answersEvidence, decodeEvidence, encodeEvidence, judge} from "./formats/evidence.js";
export {checkTime, readStunData, vouchesFor} from "./formats/stundata.js";

// Errors.
export {LedgerError, LocalError, resultCode, sentence} from "./formats/errors.js";

// Which implementation of SHA-256 and Ed25519 is in use.
export {currentCrypto, randomBytes} from "./crypto.js";

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
export const VERSION = "0.1.0";
