// cloudnode: one cloud of many nodes, verified from the genesis. Made from javascript/src; not edited by hand.
// Licence: Apache 2.0. Contains @noble/ed25519 and @noble/hashes, MIT licence, (c) Paul Miller (paulmillr.com).
// @ts-nocheck

// src/session/errors.js
var ClientError = class extends Error {
  name = "ClientError";
};
var RemoteError = class extends ClientError {
  name = "RemoteError";
  /**
   * @param {number} number JSON-RPC's, such as -26.
   * @param {string} code Such as `rating_own`; empty if the answer came from something that is no cloudnode.
   * @param {string} message
   * @param {Record<string, unknown>} [data] Further members of `error.data`.
   * @param {string} [rawContext] The exact JSON text of what the answer says of itself; empty if it says nothing.
   */
  constructor(number2, code, message, data = {}, rawContext = "") {
    super(message);
    this.number = number2;
    this.code = code;
    this.data = data;
    this.rawContext = rawContext;
  }
};
var Denied = class extends RemoteError {
  name = "Denied";
  /**
   * @param {RemoteError} error
   * @param {import("./checker.js").Checked} checked As of an answer.
   * @param {number} height Where that holds.
   */
  constructor(error, checked, height) {
    super(error.number, error.code, error.message, error.data, error.rawContext);
    this.checked = checked;
    this.height = height;
  }
};
var ConnectionFailed = class extends ClientError {
  name = "ConnectionFailed";
};
var AnswerMalformed = class extends ConnectionFailed {
  name = "AnswerMalformed";
};
var TimedOut = class extends ClientError {
  name = "TimedOut";
};
var Rejected = class extends ClientError {
  name = "Rejected";
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
};
var AnswerFalse = class extends ClientError {
  name = "AnswerFalse";
  /** @param {string} code @param {string} url @param {string} message */
  constructor(code, url, message) {
    super(message);
    this.code = code;
    this.url = url;
  }
};
var AnswerStale = class extends ClientError {
  name = "AnswerStale";
};
var NotEnoughNodes = class extends ClientError {
  name = "NotEnoughNodes";
};
var SessionClosed = class extends ConnectionFailed {
  name = "SessionClosed";
  constructor() {
    super("The session was closed.");
  }
};
var AddressInvalid = class extends ClientError {
  name = "AddressInvalid";
};
var BEHIND = /* @__PURE__ */ new Set(["height_not_reached", "height_future", "operation_future", "not_provable"]);
var BUSY = /* @__PURE__ */ new Set(["pool_full", "too_many_outstanding", "too_many_requests", "not_final_yet", "cancelled"]);
var DAMAGED = /* @__PURE__ */ new Set(["data_corrupt", "data_diverged", "data_repairing"]);
var TRANSIENT = /* @__PURE__ */ new Set([
  "node_starting",
  "node_syncing",
  "node_stopping",
  "too_many_connections",
  "node_overloaded",
  "internal_error"
]);
var KEPT_ELSEWHERE = /* @__PURE__ */ new Set(["height_pruned", "block_pruned", "cursor_pruned"]);
function remedy(error) {
  if (error instanceof RemoteError) {
    if (KEPT_ELSEWHERE.has(error.code)) return "elsewhere";
    const passes3 = BEHIND.has(error.code) || BUSY.has(error.code) || DAMAGED.has(error.code) || TRANSIENT.has(error.code) || error.number === 429 || error.number === 503;
    return passes3 ? "later" : "none";
  }
  const kinds = [AnswerFalse, AnswerStale, NotEnoughNodes, ConnectionFailed, TimedOut];
  return kinds.some((kind) => error instanceof kind) ? "later" : "none";
}
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

// src/session/address.js
var SCHEMES = { http: 38081, https: 38081, ws: 38082, wss: 38082, "ws+udp": 38083 };
var URL_FORM = /^([a-z+]+):\/\/(\[[0-9a-fA-F:.]+\]|[^\s/:?#@[\]]+)(?::(\d{1,5}))?(\/[^\s?#]*)?(?:#([0-9a-f,]*))?$/;
var CERTIFICATES_MAX = 4;
function parseUrl(url) {
  const [, scheme, host, port, path, fragment] = URL_FORM.exec(url) ?? [];
  const number2 = port === void 0 ? SCHEMES[scheme] : Number(port);
  if (!Object.hasOwn(SCHEMES, scheme ?? "") || !(number2 > 0 && number2 < 65536)) {
    const known = Object.keys(SCHEMES).map((each) => `${each}://`).join(", ");
    throw new AddressInvalid(
      `${JSON.stringify(url)} names no node: give ${known} with a host, such as ws://127.0.0.1:38082.`
    );
  }
  const certificates = fragment ? fragment.split(",") : [];
  const areHashes = certificates.length <= CERTIFICATES_MAX && certificates.every((each) => each.length === 64);
  if (fragment !== void 0 && (scheme !== "ws+udp" || !areHashes)) {
    throw new AddressInvalid(
      `${JSON.stringify(url)}: behind # stand the SHA-256 hashes of certificates, 64 hex digits each, of ws+udp alone.`
    );
  }
  return { scheme, host: host.replace(/^\[|\]$/g, "").toLowerCase(), port: number2, path: path ?? "/", certificates };
}
function authority({ host, port }) {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
function formatUrl(address) {
  return `${address.scheme}://${authority(address)}${address.path === "/" ? "" : address.path}`;
}
function obstacle(address, surroundings2) {
  if (address.scheme === "ws+udp" && !surroundings2.hasWebTransport) {
    return "There is no WebTransport here: it needs a browser that has it, and a page from https or from localhost.";
  }
  if ((address.scheme === "ws" || address.scheme === "http") && surroundings2.isSecurePage && !isLoopback(address.host)) {
    return `A page from https may not use ${address.scheme}: give wss, https or ws+udp.`;
  }
  return null;
}
function isLoopback(host) {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

// src/formats/codes.js
var CODES = /* @__PURE__ */ new Map([
  ["json_malformed", "The text is not JSON in UTF-8 without a byte order mark (RFC 8259)."],
  ["json_too_deep", "Arrays and objects are nested more than 32 deep: flatten the value."],
  ["json_duplicate_key", "An object names a member twice: keep one of them."],
  ["json_lone_surrogate", "A string has half of a surrogate pair: write whole characters."],
  ["json_number", "A number is not an integer within +-(2^53-1) in plain digits: write other numbers as strings."],
  ["operation_too_large", "The operation's body is larger than this network's genesis allows."],
  ["type_unknown", "The operation's type is not put, delete, rate, withdraw, invite or appoint."],
  ["member_unknown", "The object has a member that its type does not know: remove it."],
  ["member_missing", "The object lacks a member that its type needs: add it."],
  ["member_type", "A member has the wrong JSON type or is out of its range."],
  ["network_other", "The operation is for another network: sign it with this network's id."],
  ["account_invalid", "An account is not 64 lower-case hex digits (an Ed25519 public key)."],
  ["window_invalid", "The heights are wrong: from <= expiry <= from + window (the window is set by genesis)."],
  ["collection_invalid", "A collection is 1 to 64 characters of a-z, 0-9, '.', '_' and '-'."],
  ["key_invalid", "A key is 1 to 256 bytes of UTF-8 without '/' and control characters (category Cc)."],
  ["data_too_large", "The data is larger than 65536 bytes as written: split it."],
  ["ref_invalid", "The ref is not a record's address, account/collection/key."],
  ["record_invalid", "The record is not an address, account/collection/key."],
  ["stars_invalid", "The stars are not a whole number from 1 to 5."],
  ["validators_invalid", "The validators are not a list of 1 to 1000 distinct accounts."],
  ["approvals_invalid", "The approvals are not a list of 1 to 1000 objects with validator and signature, in ascending order."],
  ["admission_work", "SHA-256 of the account lacks the leading zero bits that genesis asks for: generate another key."],
  ["signature_invalid", "The signature is not this account's Ed25519 signature over tag and body."],
  ["appoint_validator", "An approval names a validator that the epoch does not have."],
  ["appoint_quorum", "Fewer validators than a quorum approve: let more of them approve."],
  ["appoint_signature", "An approval is not the validator's signature of these validators."],
  ["header_malformed", "A block header is not 236 bytes of the documented layout."],
  ["block_operations", "The block's operation ids are not those that its header names."],
  ["block_validators", "The validators that the block appoints are not those that its header names."],
  ["block_appoint", "An operation that appoints validators is alone in its block, whose header names exactly those."],
  ["vote_malformed", "A vote is not 115 bytes of the documented layout."],
  ["certificate_malformed", "A certificate's bytes are not of the documented layout."],
  ["finality_malformed", "A finality proof's bytes are not of the documented layout."],
  ["receipt_malformed", "A receipt's bytes are not of the documented layout."],
  ["answer_malformed", "A signed answer's bytes are not of the documented layout."],
  ["evidence_malformed", "The evidence's bytes are not of the documented layout, or not in its order."],
  ["evidence_too_large", "The evidence has more than 65536 bytes: take a shorter proof of finality."],
  ["stun_data_malformed", "STUN data's bytes are not of the documented layout, or one of its addresses is not public."],
  ["stun_data_too_large", "STUN data has more than 4096 bytes with its signature: name fewer endpoints."],
  ["node_malformed", "A trie node's or state's bytes are not of the documented layout."],
  ["row_malformed", "A table row's bytes are not of the documented layout."],
  ["key_file_malformed", "A key's text is not 64 lower-case hex digits and a newline."],
  ["genesis_format", "The genesis is of an unknown format: this software knows format 1."],
  ["genesis_member", "A member of the genesis is unknown, missing or of the wrong type."],
  ["genesis_name", "The network's name is not 1 to 64 bytes without control characters."],
  ["genesis_time", "The genesis time is not a count of milliseconds from 0 to 2^53-1."],
  ["genesis_validators", "The validators are not 1 to 1000 distinct accounts."],
  ["genesis_parameter", "A parameter of the genesis is outside its documented bounds."],
  ["genesis_admission", "The admission policy is not one of open, invited and work."],
  ["operation_future", "The operation is not valid yet at this height: submit it later."],
  ["operation_expired", "The operation's expiry has passed: sign it again with new heights."],
  ["appoint_epoch", "The appointment ends another epoch than the present one: propose it again, and have it approved anew."],
  ["node_stopping", "The node is stopping: ask another node, or this one again later."],
  ["pool_full", "This node holds as many waiting operations as it can: try again later."],
  ["evidence_waiting", "This node is verifying as much evidence as it takes at once: try again later."],
  ["query_too_broad", "Too many rows would have to be looked through: filter further, or ask for fewer."],
  ["height_pruned", "This height is older than what this node keeps: ask for a recent one."],
  ["height_future", "This height is not reached yet: wait for it."],
  ["record_unknown", "There is no such record at this height: check its address."],
  ["not_provable", "No final header carries this height's root yet: ask again after a block."],
  ["header_network", "The header belongs to another network."],
  ["header_epoch", "The header or certificate belongs to an epoch with other validators."],
  ["header_discarded", "The header is of a height that its epoch has not: it is not of the chain."],
  ["epoch_goes_on", "The header appoints no validators, so it ends no epoch."],
  ["certificate_kind", "The certificate does not finalize: it is for a notarization or skip."],
  ["certificate_block", "The certificate is for another block than the header or its last descendant."],
  ["finality_chain", "A header in the finality proof is not the child of the one before it."],
  ["certificate_validator", "The certificate names a validator that does not exist."],
  ["certificate_quorum", "The certificate has fewer signatures than a quorum."],
  ["certificate_signature", "A signature in the certificate is not the validator's."],
  ["proof_height", "The header carries the root of another height than the answer's."],
  ["proof_root", "The proof's root is not the one in the header."],
  ["proof_node_missing", "A node on the way from the root to the row is missing."],
  ["proof_node_wrong", "A node contradicts its parent's entry or lies under a wrong prefix."],
  ["proof_row_wrong", "The proven row is not the row of the answer."],
  ["proof_sums_wrong", "The proven sums are not those of the answer."],
  ["receipt_signature", "The receipt's signature is not that of the node it names."],
  ["answer_signature", "The answer's signature is not that of the node it names."],
  ["answer_other", "The signed hash is not that of the answer at hand."],
  ["stun_data_network", "The STUN data is of another network."],
  ["stun_data_signature", "The STUN data's signature is not that of the node it describes."],
  ["stun_data_expired", "The STUN data has expired: ask for newer data of that node."],
  ["stun_data_future", "The STUN data was issued in the future: compare the clocks."],
  ["evidence_network", "The evidence is of another network."],
  ["evidence_epoch", "The evidence is of an epoch whose validators are not known here."],
  ["evidence_nothing", "What is signed there contradicts neither itself nor a final header."],
  ["evidence_signature", "A vote in the evidence is not signed by the validator that it names."]
]);
var RESULTS = [
  ["ok", "The operation was accepted and has taken effect."],
  ["version_mismatch", "The record's version is not the one that if_version names: read the record again and decide anew."],
  ["record_unknown", "There is no such record: check its address, or put it first."],
  ["record_deleted", "The record is deleted: it takes no new rating and can't be deleted twice; a put revives it."],
  ["rating_own", "An account can't rate its own record."],
  ["rating_none", "There is no rating by this account to withdraw."],
  ["account_not_admitted", "This network admits invited accounts only: have a member invite this account first."],
  ["account_known", "The invited account is a member already; nothing is left to do."],
  ["invitation_not_used", "This network's admission policy does not use invitations: accounts need none here."]
];

// src/formats/errors.js
var LedgerError = class extends Error {
  name = "LedgerError";
  /** @param {string} code @param {string} [message] The code's own sentence unless a better one is given. */
  constructor(code, message = sentence(code)) {
    super(message);
    this.code = code;
  }
};
var LocalError = class extends Error {
  name = "LocalError";
};
function sentence(code) {
  const known = CODES.get(code) ?? RESULTS.find(([name]) => name === code)?.[1];
  if (known === void 0) throw new LocalError(`undocumented error code ${JSON.stringify(code)}`);
  return known;
}
function resultCode(number2) {
  const result = RESULTS[number2];
  if (result === void 0) throw new LocalError(`unknown executor result ${number2}`);
  return result[0];
}

// src/bytes.js
var encoder = new TextEncoder();
var decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
var HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
function toHex(bytes) {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}
function fromHex(text, code) {
  if (typeof text !== "string" || text.length % 2 || !/^[0-9a-f]*$/.test(text)) throw new LedgerError(code);
  const bytes = new Uint8Array(text.length / 2);
  for (let at2 = 0; at2 < bytes.length; at2 += 1) bytes[at2] = digit(text, 2 * at2) * 16 + digit(text, 2 * at2 + 1);
  return bytes;
}
function digit(text, at2) {
  const code = text.charCodeAt(at2);
  return code < 58 ? code - 48 : code - 87;
}
function utf8(text) {
  if (hasLoneSurrogate(text)) throw new LocalError("a text has a lone surrogate");
  return encoder.encode(text);
}
function fromUtf8(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
function hasLoneSurrogate(text) {
  return /\p{Surrogate}/u.test(text);
}
function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at2 = 0;
  for (const part of parts) {
    joined.set(part, at2);
    at2 += part.length;
  }
  return joined;
}
function equal(one, other) {
  return one.length === other.length && one.every((byte, at2) => byte === other[at2]);
}
function compare(one, other) {
  const both = Math.min(one.length, other.length);
  for (let at2 = 0; at2 < both; at2 += 1) {
    const difference = (
      /** @type {number} */
      one[at2] - /** @type {number} */
      other[at2]
    );
    if (difference) return difference;
  }
  return one.length - other.length;
}
function u8(value) {
  return unsigned(BigInt(value), 1);
}
function u16(value) {
  return unsigned(BigInt(value), 2);
}
function u32(value) {
  return unsigned(BigInt(value), 4);
}
function u64(value) {
  return unsigned(BigInt(value), 8);
}
function i64(value) {
  const signed = BigInt(value);
  if (BigInt.asIntN(64, signed) !== signed) throw new LocalError(`${value} does not fit its field of 8 bytes`);
  return unsigned(BigInt.asUintN(64, signed), 8);
}
function unsigned(value, size) {
  if (value < 0n || value >> BigInt(8 * size)) throw new LocalError(`${value} does not fit its field of ${size} bytes`);
  const bytes = new Uint8Array(size);
  let left = value;
  for (let at2 = size - 1; at2 >= 0; at2 -= 1) {
    bytes[at2] = Number(left & 0xffn);
    left >>= 8n;
  }
  return bytes;
}
var Reader = class {
  #bytes;
  #view;
  #at = 0;
  #code;
  /** @param {Uint8Array} bytes @param {string} code The error's, where there are too few bytes, or too many. */
  constructor(bytes, code) {
    this.#bytes = /** @type {Bytes} */
    bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#code = code;
  }
  /** How many bytes are left. */
  get left() {
    return this.#bytes.length - this.#at;
  }
  /** @param {number} size @returns {number} Where those bytes begin. */
  #skip(size) {
    if (size > this.left) throw new LedgerError(this.#code);
    this.#at += size;
    return this.#at - size;
  }
  /** @param {number} size @returns {Bytes} */
  take(size) {
    const begin = this.#skip(size);
    return this.#bytes.subarray(begin, begin + size);
  }
  /** All that is left. */
  rest() {
    return this.take(this.left);
  }
  /** Bytes behind their number, a u16. */
  counted() {
    return this.take(this.u16());
  }
  u8() {
    return this.#view.getUint8(this.#skip(1));
  }
  u16() {
    return this.#view.getUint16(this.#skip(2));
  }
  u32() {
    return this.#view.getUint32(this.#skip(4));
  }
  u64() {
    return this.#view.getBigUint64(this.#skip(8));
  }
  /** @throws {LedgerError} Something is left. */
  end() {
    if (this.left) throw new LedgerError(this.#code);
  }
};

// src/formats/json.js
var DEPTH_MAX = 32;
var DIGITS_MAX = 17;
var TOKEN = /-?\d[\d.eE+-]*|[{}[\]:,"]/g;
function decodeStrict(raw) {
  const text = typeof raw === "string" ? raw : fromUtf8(raw);
  if (text === null) throw new LedgerError("json_malformed", "The text is not UTF-8.");
  if (typeof raw === "string" && hasLoneSurrogate(text)) {
    throw new LedgerError("json_malformed", "The text has a surrogate code point.");
  }
  checkDepth(text);
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new LedgerError("json_malformed");
  }
  checkTokens(text);
  return value;
}
function checkDepth(text) {
  let depth = 0;
  for (let at2 = 0; at2 < text.length; at2 += 1) {
    switch (text.charCodeAt(at2)) {
      case 34:
        at2 = endOfString(text, at2);
        break;
      case 91:
      case 123:
        depth += 1;
        if (depth > DEPTH_MAX) throw new LedgerError("json_too_deep");
        break;
      case 93:
      case 125:
        depth -= 1;
    }
  }
}
function endOfString(text, begin) {
  for (let end = text.indexOf('"', begin + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}
function* tokens(text) {
  const pattern = new RegExp(TOKEN);
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    if (found[0] === '"') pattern.lastIndex = endOfString(text, found.index) + 1;
    yield [text.slice(found.index, pattern.lastIndex), found.index];
  }
}
function checkTokens(text) {
  const open = [];
  let isName = false;
  for (const [token] of tokens(text)) {
    const names = open.at(-1);
    switch (token[0]) {
      case "{":
        open.push(/* @__PURE__ */ new Set());
        isName = true;
        break;
      case "[":
        open.push(null);
        isName = false;
        break;
      case "}":
      case "]":
        open.pop();
        isName = false;
        break;
      case ",":
        isName = Boolean(names);
        break;
      case ":":
        isName = false;
        break;
      case '"': {
        const string = token.includes("\\") ? JSON.parse(token) : token.slice(1, -1);
        if (token.includes("\\u") && hasLoneSurrogate(string)) throw new LedgerError("json_lone_surrogate");
        if (isName && names) {
          if (names.has(string)) throw new LedgerError("json_duplicate_key");
          names.add(string);
        }
        break;
      }
      default:
        if (token.length > DIGITS_MAX || /[.eE]|^-0$/.test(token) || !Number.isSafeInteger(Number(token))) {
          throw new LedgerError("json_number");
        }
    }
  }
}
function memberTexts(text) {
  const members = /* @__PURE__ */ new Map();
  let depth = 0;
  let name = "";
  let begin = -1;
  for (const [token, index] of tokens(text)) {
    if (depth === 1) {
      if (token === ":") begin = index + 1;
      else if (begin < 0 && token[0] === '"') name = JSON.parse(token);
      else if (begin >= 0 && (token === "," || token === "}")) {
        members.set(name, text.slice(begin, index).trim());
        begin = -1;
      }
    }
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
  }
  return members;
}
function itemTexts(text) {
  const items = [];
  let depth = 0;
  let begin = 0;
  for (const [token, index] of tokens(text)) {
    if (token === "{" || token === "[") {
      depth += 1;
      if (depth === 1) begin = index + 1;
    } else if (token === "}" || token === "]") {
      depth -= 1;
    }
    if (depth === 1 && token === "," || depth === 0) {
      const item = text.slice(begin, index).trim();
      if (item) items.push(item);
      begin = index + 1;
    }
  }
  return items;
}
function canonical(value) {
  const parts = [];
  try {
    write(value, parts);
  } catch (error) {
    if (error instanceof LocalError) throw error;
    throw new LocalError("the value is nested too deep");
  }
  return utf8(parts.join(""));
}
function write(value, parts) {
  if (value === null || typeof value === "boolean") {
    parts.push(String(value));
  } else if (typeof value === "string") {
    parts.push(quote(value));
  } else if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new LocalError("a number is no integer within +-(2^53-1)");
    parts.push(String(value));
  } else if (Array.isArray(value)) {
    parts.push("[");
    value.forEach((item, at2) => {
      if (at2) parts.push(",");
      write(item, parts);
    });
    parts.push("]");
  } else if (typeof value === "object" && isPlain(value)) {
    const members = (
      /** @type {Record<string, unknown>} */
      value
    );
    parts.push("{");
    Object.keys(members).sort().forEach((name, at2) => {
      parts.push(at2 ? "," : "", quote(name), ":");
      write(members[name], parts);
    });
    parts.push("}");
  } else {
    throw new LocalError(`${typeof value} has no canonical JSON`);
  }
}
function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
function quote(text) {
  if (hasLoneSurrogate(text)) throw new LocalError("a string has a lone surrogate");
  return JSON.stringify(text);
}

// vendor/noble-ed25519/index.js
/*! noble-ed25519 - MIT License (c) 2019 Paul Miller (paulmillr.com) */
var freeze = Object.freeze;
var P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffedn;
var N = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn;
var _d = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n;
var Gx = 0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51an;
var Gy = 0x6666666666666666666666666666666666666666666666666666666666666658n;
var _a = P - 1n;
var ed25519_CURVE = freeze({
  p: P,
  n: N,
  h: 8n,
  a: _a,
  d: _d,
  Gx,
  Gy
});
var LEN = 32;
var isBytes = (a) => {
  return a instanceof Uint8Array || ArrayBuffer.isView(a) && a.constructor.name === "Uint8Array" && a.BYTES_PER_ELEMENT === 1;
};
var abytes = (value, length, title = "") => {
  if (isBytes(value) && (length === void 0 || value.length === length))
    return value;
  const bytes = isBytes(value);
  const ofLen = length !== void 0 ? ` of length ${length}` : "";
  const got = bytes ? `length=${value.length}` : `type=${typeof value}`;
  const message = (title ? `"${title}" ` : "") + "expected Uint8Array" + ofLen + ", got " + got;
  if (!bytes)
    throw new TypeError(message);
  throw new RangeError(message);
};
var snapshotBytes = (value, title = "", length) => Uint8Array.from(abytes(value, length, title));
var padh = (n, pad) => n.toString(16).padStart(pad, "0");
var bytesToHex = (bytes) => {
  let hex = "";
  for (const byte of abytes(bytes))
    hex += padh(byte, 2);
  return hex;
};
var hexToBytes = (hex) => {
  const e = "hex invalid";
  if (typeof hex !== "string")
    throw new TypeError(e);
  if (hex.length % 2 || !/^[\da-f]*$/i.test(hex))
    throw new RangeError(e);
  const array = new Uint8Array(hex.length / 2);
  for (let ai = 0, hi = 0; ai < array.length; ai++, hi += 2) {
    const n1 = hex.charCodeAt(hi);
    const n2 = hex.charCodeAt(hi + 1);
    array[ai] = ((n1 & 15) + (n1 >> 6) * 9) * 16 + (n2 & 15) + (n2 >> 6) * 9;
  }
  return array;
};
var concatBytes = (...arrays) => {
  let sum = 0;
  for (const a of arrays)
    sum += abytes(a).length;
  const res = new Uint8Array(sum);
  let pad = 0;
  for (const a of arrays) {
    res.set(a, pad);
    pad += a.length;
  }
  return res;
};
var arange = (n, min, max, msg = "bad number: out of range") => {
  if (typeof n !== "bigint")
    throw new TypeError(msg);
  if (min <= n && n < max)
    return n;
  throw new RangeError(msg);
};
var mod = (a, b = P) => (a %= b) >= 0n ? a : b + a;
var P_MASK = (1n << 255n) - 1n;
var modP = (num) => {
  if (num < 0n)
    throw new RangeError("negative coordinate");
  let r = (num >> 255n) * 19n + (num & P_MASK);
  r = (r >> 255n) * 19n + (r & P_MASK);
  return r % P;
};
var modN = (a) => mod(a, N);
var invert = (number2, modulo) => {
  if (number2 === 0n)
    throw new Error("invert: expected non-zero number");
  if (modulo <= 1n)
    throw new Error("invert: expected modulus > 1, got " + modulo);
  let a = mod(number2, modulo);
  let b = modulo;
  let x = 0n, u = 1n;
  while (a !== 0n) {
    const q = b / a;
    const r = b - a * q;
    const m = x - u * q;
    b = a, a = r, x = u, u = m;
  }
  const gcd = b;
  if (gcd !== 1n)
    throw new Error("invert: does not exist");
  return mod(x, modulo);
};
var _hash = (name) => {
  const fn = hashes[name];
  if (typeof fn !== "function")
    throw new Error("hashes." + name + " not set");
  return fn;
};
var callHash = (name, ...m) => abytes(_hash(name)(concatBytes(...m)), 64, "digest");
var hash = (msg) => callHash("sha512", abytes(msg, void 0, "message"));
var apoint = (p) => {
  if (p instanceof Point)
    return p;
  throw new TypeError("Point expected");
};
var B256 = 2n ** 256n;
var Point = class _Point {
  static BASE;
  static ZERO;
  X;
  Y;
  Z;
  T;
  // Constructor only bounds-checks and freezes XYZT coordinates; it does not prove the point is
  // on-curve or that T matches X*Y/Z.
  constructor(X, Y, Z, T) {
    const max = B256;
    this.X = arange(X, 0n, max);
    this.Y = arange(Y, 0n, max);
    this.Z = arange(Z, 1n, max);
    this.T = arange(T, 0n, max);
    freeze(this);
  }
  static CURVE() {
    return ed25519_CURVE;
  }
  static fromAffine(p) {
    return new _Point(p.x, p.y, 1n, modP(p.x * p.y));
  }
  /** RFC8032 5.1.3: Uint8Array to Point. */
  static fromBytes(bytes, zip215 = false) {
    const normed = snapshotBytes(bytes, "point", LEN);
    const lastByte = normed[31];
    normed[31] = lastByte & ~128;
    const y = bytesToNumberLE(normed);
    if (!zip215)
      arange(y, 0n, P);
    const y2 = modP(y * y);
    const u = mod(y2 - 1n);
    const v = modP(_d * y2 + 1n);
    let { isValid, value: x } = uvRatio(u, v);
    if (!isValid)
      throw new Error("bad point: y not sqrt");
    const isLastByteOdd = !!(lastByte & 128);
    if (!zip215 && x === 0n && isLastByteOdd)
      throw new Error("bad point: x==0, isLastByteOdd");
    if (isLastByteOdd !== !!(x & 1n))
      x = mod(-x);
    return new _Point(x, y, 1n, modP(x * y));
  }
  static fromHex(hex, zip215) {
    return _Point.fromBytes(hexToBytes(hex), zip215);
  }
  get x() {
    return this.toAffine().x;
  }
  get y() {
    return this.toAffine().y;
  }
  /** Checks if the point is valid and on-curve. */
  assertValidity() {
    const a = _a;
    const d = _d;
    const p = this;
    if (p.is0())
      throw new Error("bad point: ZERO");
    const { X, Y, Z, T } = p;
    const X2 = modP(X * X);
    const Y2 = modP(Y * Y);
    const Z2 = modP(Z * Z);
    const Z4 = modP(Z2 * Z2);
    const aX2 = modP(X2 * a);
    const left = modP(Z2 * (aX2 + Y2));
    const right = mod(Z4 + modP(d * modP(X2 * Y2)));
    if (left !== right)
      throw new Error("bad point: equation left != right (1)");
    const XY = modP(X * Y);
    const ZT = modP(Z * T);
    if (XY !== ZT)
      throw new Error("bad point: equation left != right (2)");
    return this;
  }
  /** Equality check: compare points P&Q. */
  equals(other) {
    const { X: X1, Y: Y1, Z: Z1 } = this;
    const { X: X2, Y: Y2, Z: Z2 } = apoint(other);
    return modP(X1 * Z2) === modP(X2 * Z1) && modP(Y1 * Z2) === modP(Y2 * Z1);
  }
  is0() {
    return this.equals(I);
  }
  /** Flip point over y coordinate. */
  negate() {
    return new _Point(mod(-this.X), this.Y, this.Z, mod(-this.T));
  }
  /** Point doubling. Complete formula. Cost: `4M + 4S + 1*a + 6add + 1*2`. */
  double() {
    const { X: X1, Y: Y1, Z: Z1 } = this;
    const a = _a;
    const A = modP(X1 * X1);
    const B = modP(Y1 * Y1);
    const C = modP(2n * Z1 * Z1);
    const D = modP(a * A);
    const x1y1 = mod(X1 + Y1);
    const E = mod(modP(x1y1 * x1y1) - A - B);
    const G2 = mod(D + B);
    const F = mod(G2 - C);
    const H = mod(D - B);
    const X3 = modP(E * F);
    const Y3 = modP(G2 * H);
    const T3 = modP(E * H);
    const Z3 = modP(F * G2);
    return new _Point(X3, Y3, Z3, T3);
  }
  /** Point addition. Complete formula. Cost: `9M + 1*a + 1*d + 7add`. */
  add(other) {
    const { X: X1, Y: Y1, Z: Z1, T: T1 } = this;
    const { X: X2, Y: Y2, Z: Z2, T: T2 } = apoint(other);
    const a = _a;
    const d = _d;
    const A = modP(X1 * X2);
    const B = modP(Y1 * Y2);
    const C = modP(modP(T1 * d) * T2);
    const D = modP(Z1 * Z2);
    const E = mod(modP(mod(X1 + Y1) * mod(X2 + Y2)) - A - B);
    const F = mod(D - C);
    const G2 = mod(D + C);
    const H = mod(B - modP(a * A));
    const X3 = modP(E * F);
    const Y3 = modP(G2 * H);
    const T3 = modP(E * H);
    const Z3 = modP(F * G2);
    return new _Point(X3, Y3, Z3, T3);
  }
  subtract(other) {
    return this.add(apoint(other).negate());
  }
  /**
   * Point-by-scalar multiplication. Safe mode requires `1 <= n < CURVE.n`.
   * Unsafe mode additionally permits `n = 0` and returns the identity point for that case.
   * Uses {@link wNAF} for base point.
   * Uses fake point to mitigate side-channel leakage.
   * @param n - scalar by which point is multiplied
   * @param safe - safe mode guards against timing attacks; unsafe mode is faster
   */
  multiply(n, safe = true) {
    if (!safe && n === 0n)
      return I;
    arange(n, 1n, N);
    if (!safe && this.is0())
      return I;
    if (n === 1n)
      return this;
    if (this.equals(G))
      return wNAF(n).p;
    let p = I;
    let f = G;
    let d = this;
    for (let i = 0; safe ? i < 256 : n > 0n; i++) {
      if (n & 1n)
        p = p.add(d);
      else if (safe)
        f = f.add(d);
      d = d.double();
      n >>= 1n;
    }
    return p;
  }
  multiplyUnsafe(scalar) {
    return this.multiply(scalar, false);
  }
  /** Convert point to 2d xy affine point. (X, Y, Z) ∋ (x=X/Z, y=Y/Z) */
  toAffine() {
    const { X, Y, Z } = this;
    if (this.equals(I))
      return { x: 0n, y: 1n };
    const iz = invert(Z, P);
    if (modP(Z * iz) !== 1n)
      throw new Error("invalid inverse");
    return { x: modP(X * iz), y: modP(Y * iz) };
  }
  toBytes() {
    const { x, y } = this.toAffine();
    const b = numTo32bLE(y);
    b[31] |= x & 1n ? 128 : 0;
    return b;
  }
  toHex() {
    return bytesToHex(this.toBytes());
  }
  clearCofactor() {
    return this.multiply(8n, false);
  }
  isSmallOrder() {
    return this.clearCofactor().is0();
  }
  isTorsionFree() {
    return this.multiply(N / 2n, false).double().add(this).is0();
  }
};
var G = new Point(Gx, Gy, 1n, mod(Gx * Gy));
var I = new Point(0n, 1n, 1n, 0n);
Point.BASE = G;
Point.ZERO = I;
var numTo32bLE = (num) => hexToBytes(padh(arange(num, 0n, B256), 64)).reverse();
var bytesToNumberLE = (b) => BigInt("0x" + bytesToHex(Uint8Array.from(abytes(b)).reverse()));
var pow2 = (x, power) => {
  let r = x;
  while (power-- > 0) {
    r = modP(r * r);
  }
  return r;
};
var pow_2_252_3 = (x) => {
  const x2 = modP(x * x);
  const b2 = modP(x2 * x);
  const b4 = modP(pow2(b2, 2) * b2);
  const b5 = modP(pow2(b4, 1) * x);
  const b10 = modP(pow2(b5, 5) * b5);
  const b20 = modP(pow2(b10, 10) * b10);
  const b40 = modP(pow2(b20, 20) * b20);
  const b80 = modP(pow2(b40, 40) * b40);
  const b160 = modP(pow2(b80, 80) * b80);
  const b240 = modP(pow2(b160, 80) * b80);
  const b250 = modP(pow2(b240, 10) * b10);
  return modP(pow2(b250, 2) * x);
};
var RM1 = 0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0n;
var uvRatio = (u, v) => {
  const v3 = modP(v * modP(v * v));
  const v7 = modP(modP(v3 * v3) * v);
  const pow = pow_2_252_3(modP(u * v7));
  let x = modP(u * modP(v3 * pow));
  const vx2 = modP(v * modP(x * x));
  const root1 = x;
  const root2 = modP(x * RM1);
  const useRoot1 = vx2 === u;
  const useRoot2 = vx2 === mod(-u);
  const noRoot = vx2 === mod(-u * RM1);
  if (useRoot1)
    x = root1;
  if (useRoot2 || noRoot)
    x = root2;
  if ((mod(x) & 1n) === 1n)
    x = mod(-x);
  return { isValid: useRoot1 || useRoot2, value: x };
};
var modL_LE = (hash2) => modN(bytesToNumberLE(hash2));
var hashedToExtK = (hashed) => {
  const copy = snapshotBytes(hashed);
  const head = copy.slice(0, 32);
  head[0] &= 248;
  head[31] &= 127;
  head[31] |= 64;
  const prefix = copy.slice(32);
  const scalar = modL_LE(head);
  const point = G.multiply(scalar);
  const pointBytes = point.toBytes();
  return { head, prefix, scalar, point, pointBytes };
};
var getExtendedPublicKey = (secretKey) => hashedToExtK(callHash("sha512", abytes(secretKey, LEN, "secretKey")));
var getPublicKey = (secretKey) => getExtendedPublicKey(secretKey).pointBytes;
var hashFinishSync = (res) => res[1](callHash("sha512", res[0]));
var _sign = (e, rBytes, msg) => {
  const { pointBytes: A, scalar: s } = e;
  const r = modL_LE(rBytes);
  const R = G.multiply(r).toBytes();
  const hashable = concatBytes(R, A, msg);
  const finish = (hashed) => {
    const S = modN(r + modL_LE(hashed) * s);
    return abytes(concatBytes(R, numTo32bLE(S)), 64);
  };
  return [hashable, finish];
};
var sign = (message, secretKey) => {
  const m = snapshotBytes(message, "message");
  const e = getExtendedPublicKey(secretKey);
  return hashFinishSync(_sign(e, callHash("sha512", e.prefix, m), m));
};
var hashes = {
  sha512Async: async (message) => {
    const s = globalThis?.crypto?.subtle;
    if (!s)
      throw new Error("crypto.subtle must be defined, consider polyfill");
    return new Uint8Array(await s.digest("SHA-512", concatBytes(message)));
  },
  sha512: void 0
};
var precompute = () => {
  const points = [];
  let p = G;
  let b;
  for (let w = 0; w < 33; w++) {
    b = p;
    points.push(b);
    for (let i = 1; i < 128; i++) {
      b = b.add(p);
      points.push(b);
    }
    p = b.double();
  }
  return points;
};
var Gpows = void 0;
var ctneg = (cnd, p) => {
  const n = p.negate();
  return cnd ? n : p;
};
var wNAF = (n) => {
  const comp = Gpows || (Gpows = precompute());
  let p = I;
  let f = G;
  for (let w = 0; w < 33; w++) {
    let wbits = Number(n & 255n);
    n >>= 8n;
    if (wbits > 128) {
      wbits -= 256;
      n += 1n;
    }
    const off = w * 128;
    const offP = off + Math.abs(wbits) - 1;
    const isOddW = w % 2 !== 0;
    const isNeg = wbits < 0;
    if (wbits === 0) {
      f = f.add(ctneg(isOddW, comp[off]));
    } else {
      p = p.add(ctneg(isNeg, comp[offP]));
    }
  }
  if (n !== 0n)
    throw new Error("invalid wnaf");
  return { p, f };
};

// vendor/noble-hashes/_u64.js
var U32_MASK64 = /* @__PURE__ */ (() => BigInt(2 ** 32 - 1))();
var _32n = /* @__PURE__ */ BigInt(32);
function fromBig(n, le = false) {
  if (le)
    return { h: Number(n & U32_MASK64), l: Number(n >> _32n & U32_MASK64) };
  return { h: Number(n >> _32n & U32_MASK64) | 0, l: Number(n & U32_MASK64) | 0 };
}
function split(lst, le = false) {
  const len = lst.length;
  let Ah = new Uint32Array(len);
  let Al = new Uint32Array(len);
  for (let i = 0; i < len; i++) {
    const { h, l } = fromBig(lst[i], le);
    [Ah[i], Al[i]] = [h, l];
  }
  return [Ah, Al];
}
var fromNumH = (n) => n / 2 ** 32 | 0;
var fromNumL = (n) => n >>> 0;
function setU64FromNum(view, byteOffset, n, isLE) {
  const h = fromNumH(n);
  const l = fromNumL(n);
  view.setUint32(byteOffset, isLE ? l : h, isLE);
  view.setUint32(byteOffset + 4, isLE ? h : l, isLE);
}
var shrSH = (h, _l, s) => h >>> s;
var shrSL = (h, l, s) => h << 32 - s | l >>> s;
var rotrSH = (h, l, s) => h >>> s | l << 32 - s;
var rotrSL = (h, l, s) => h << 32 - s | l >>> s;
var rotrBH = (h, l, s) => h << 64 - s | l >>> s - 32;
var rotrBL = (h, l, s) => h >>> s - 32 | l << 64 - s;
function add(Ah, Al, Bh, Bl) {
  const l = (Al >>> 0) + (Bl >>> 0);
  return { h: Ah + Bh + (l / 2 ** 32 | 0) | 0, l: l | 0 };
}
var add3L = (Al, Bl, Cl) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0);
var add3H = (low, Ah, Bh, Ch) => Ah + Bh + Ch + (low / 2 ** 32 | 0) | 0;
var add4L = (Al, Bl, Cl, Dl) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0) + (Dl >>> 0);
var add4H = (low, Ah, Bh, Ch, Dh) => Ah + Bh + Ch + Dh + (low / 2 ** 32 | 0) | 0;
var add5L = (Al, Bl, Cl, Dl, El) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0) + (Dl >>> 0) + (El >>> 0);
var add5H = (low, Ah, Bh, Ch, Dh, Eh) => Ah + Bh + Ch + Dh + Eh + (low / 2 ** 32 | 0) | 0;

// vendor/noble-hashes/utils.js
function isBytes2(a) {
  return a instanceof Uint8Array || ArrayBuffer.isView(a) && a.constructor.name === "Uint8Array" && "BYTES_PER_ELEMENT" in a && a.BYTES_PER_ELEMENT === 1;
}
var atitle = (title) => title ? `"${title}" ` : "";
function anumber(n, title = "") {
  if (typeof n !== "number")
    throw new TypeError(atitle(title) + "expected number, got " + typeof n);
  if (!Number.isSafeInteger(n) || n < 0)
    throw new RangeError(atitle(title) + "expected integer >= 0, got " + n);
  return n;
}
function abytes2(value, length, title = "") {
  if (isBytes2(value) && (length === void 0 || value.length === length))
    return value;
  if (length !== void 0)
    anumber(length, "length");
  const bytes = isBytes2(value);
  const ofLen = length !== void 0 ? ` of length ${length}` : "";
  const got = bytes ? `length=${value.length}` : `type=${typeof value}`;
  const message = atitle(title) + "expected Uint8Array" + ofLen + ", got " + got;
  if (!bytes)
    throw new TypeError(message);
  throw new RangeError(message);
}
var aobject = (value, label) => {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError((label === "object" ? "" : `"${label}" `) + "expected object, got type=" + typeof value);
};
var aopts = (value, label) => {
  aobject(value, label);
  const proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null)
    throw new TypeError(`"${label}" expected plain object`);
  if (Object.hasOwn(value, "__proto__"))
    throw new TypeError(`"${label}.__proto__" is not allowed`);
};
function aexists(instance, checkFinished = true) {
  if (instance.destroyed)
    throw new Error("hash was destroyed");
  if (checkFinished && instance.finished)
    throw new Error("digest() was already called");
}
function aoutput(out, instance) {
  abytes2(out, void 0, "output");
  const min = instance.outputLen;
  if (!(out.length >= min)) {
    throw new RangeError('"output" expected length >= ' + min);
  }
}
function clean(...arrays) {
  for (let i = 0; i < arrays.length; i++) {
    arrays[i].fill(0);
  }
}
function createView(arr) {
  return new DataView(arr.buffer, arr.byteOffset, arr.byteLength);
}
function rotr(word, shift) {
  return word << 32 - shift | word >>> shift;
}
function checkOpts(defaults, opts, title = "opts") {
  aopts(defaults, "defaults");
  if (opts !== void 0)
    aopts(opts, title);
  const merged = Object.assign(/* @__PURE__ */ Object.create(null), defaults, opts);
  return merged;
}
function createHasher(hashCons, info = {}) {
  if (typeof hashCons !== "function")
    throw new TypeError('"hashCons" expected function, got type=' + typeof hashCons);
  info = checkOpts({}, info, "info");
  const hashC = (msg, opts) => hashCons(opts).update(msg).digest();
  const tmp = hashCons(void 0);
  hashC.outputLen = tmp.outputLen;
  hashC.blockLen = tmp.blockLen;
  hashC.canXOF = tmp.canXOF;
  hashC.create = (opts) => hashCons(opts);
  Object.assign(hashC, info);
  return Object.freeze(hashC);
}
var oidNist = (suffix) => ({
  // Current NIST hashAlgs suffixes used here fit in one DER subidentifier octet.
  // Larger suffix values would need base-128 OID encoding and a different length byte.
  oid: Uint8Array.from([6, 9, 96, 134, 72, 1, 101, 3, 4, 2, suffix])
});

// vendor/noble-hashes/_md.js
function Chi(a, b, c) {
  return a & b ^ ~a & c;
}
function Maj(a, b, c) {
  return a & b ^ a & c ^ b & c;
}
var HashMD = class {
  blockLen;
  outputLen;
  canXOF = false;
  padOffset;
  isLE;
  // For partial updates less than block size
  buffer;
  view;
  finished = false;
  length = 0;
  pos = 0;
  destroyed = false;
  constructor(blockLen, outputLen, padOffset, isLE) {
    this.blockLen = blockLen;
    this.outputLen = outputLen;
    this.padOffset = padOffset;
    this.isLE = isLE;
    this.buffer = new Uint8Array(blockLen);
    this.view = createView(this.buffer);
  }
  update(data) {
    aexists(this);
    abytes2(data);
    const { view, buffer, blockLen } = this;
    const len = data.length;
    let processed = false;
    for (let pos = 0; pos < len; ) {
      const take2 = Math.min(blockLen - this.pos, len - pos);
      if (take2 === blockLen) {
        const dataView = createView(data);
        for (; blockLen <= len - pos; pos += blockLen)
          this.process(dataView, pos);
        processed = true;
        continue;
      }
      buffer.set(pos === 0 && take2 === len ? data : data.subarray(pos, pos + take2), this.pos);
      this.pos += take2;
      pos += take2;
      if (this.pos === blockLen) {
        this.process(view, 0);
        this.pos = 0;
        processed = true;
      }
    }
    this.length += data.length;
    if (processed)
      this.roundClean();
    return this;
  }
  digestInto(out) {
    aexists(this);
    aoutput(out, this);
    this.finished = true;
    const { buffer, view, blockLen, isLE } = this;
    let { pos } = this;
    buffer[pos++] = 128;
    buffer.fill(0, pos);
    if (this.padOffset > blockLen - pos) {
      this.process(view, 0);
      buffer.fill(0);
    }
    setU64FromNum(view, blockLen - 8, this.length * 8, isLE);
    this.process(view, 0);
    this.roundClean();
    const oview = out === buffer ? view : createView(out);
    const len = this.outputLen;
    const outLen = len / 4;
    const state = this.get();
    if (len % 4 || outLen > state.length)
      throw new Error("invalid outputLen");
    for (let i = 0; i < outLen; i++)
      oview.setUint32(4 * i, state[i], isLE);
  }
  digest() {
    const { buffer, outputLen } = this;
    this.digestInto(buffer);
    const res = buffer.slice(0, outputLen);
    this.destroy();
    return res;
  }
  _cloneIntoMeta(to) {
    const { buffer, length, finished, destroyed, pos } = this;
    to.destroyed = destroyed;
    to.finished = finished;
    to.length = length;
    to.pos = pos;
    if (pos)
      to.buffer.set(buffer);
    return to;
  }
  clone() {
    return this._cloneInto();
  }
};
var SHA256_IV = /* @__PURE__ */ Uint32Array.from([
  1779033703,
  3144134277,
  1013904242,
  2773480762,
  1359893119,
  2600822924,
  528734635,
  1541459225
]);
var SHA512_IV = /* @__PURE__ */ Uint32Array.from([
  1779033703,
  4089235720,
  3144134277,
  2227873595,
  1013904242,
  4271175723,
  2773480762,
  1595750129,
  1359893119,
  2917565137,
  2600822924,
  725511199,
  528734635,
  4215389547,
  1541459225,
  327033209
]);

// vendor/noble-hashes/sha2.js
var SHA256_K = /* @__PURE__ */ Uint32Array.from([
  1116352408,
  1899447441,
  3049323471,
  3921009573,
  961987163,
  1508970993,
  2453635748,
  2870763221,
  3624381080,
  310598401,
  607225278,
  1426881987,
  1925078388,
  2162078206,
  2614888103,
  3248222580,
  3835390401,
  4022224774,
  264347078,
  604807628,
  770255983,
  1249150122,
  1555081692,
  1996064986,
  2554220882,
  2821834349,
  2952996808,
  3210313671,
  3336571891,
  3584528711,
  113926993,
  338241895,
  666307205,
  773529912,
  1294757372,
  1396182291,
  1695183700,
  1986661051,
  2177026350,
  2456956037,
  2730485921,
  2820302411,
  3259730800,
  3345764771,
  3516065817,
  3600352804,
  4094571909,
  275423344,
  430227734,
  506948616,
  659060556,
  883997877,
  958139571,
  1322822218,
  1537002063,
  1747873779,
  1955562222,
  2024104815,
  2227730452,
  2361852424,
  2428436474,
  2756734187,
  3204031479,
  3329325298
]);
var SHA256_W = /* @__PURE__ */ new Uint32Array(64);
var SHA2_32B = class extends HashMD {
  // We cannot use array here since array allows indexing by variable
  // which means optimizer/compiler cannot use registers.
  // Numeric initializers matter: starting the fields as `undefined` changes
  // V8's field representation and makes sha256 3x slower (measured).
  A = 0;
  B = 0;
  C = 0;
  D = 0;
  E = 0;
  F = 0;
  G = 0;
  H = 0;
  constructor(outputLen, IV) {
    super(64, outputLen, 8, false);
    this.A = IV[0] | 0;
    this.B = IV[1] | 0;
    this.C = IV[2] | 0;
    this.D = IV[3] | 0;
    this.E = IV[4] | 0;
    this.F = IV[5] | 0;
    this.G = IV[6] | 0;
    this.H = IV[7] | 0;
  }
  get() {
    const { A, B, C, D, E, F, G: G2, H } = this;
    return [A, B, C, D, E, F, G2, H];
  }
  // prettier-ignore
  set(A, B, C, D, E, F, G2, H) {
    this.A = A | 0;
    this.B = B | 0;
    this.C = C | 0;
    this.D = D | 0;
    this.E = E | 0;
    this.F = F | 0;
    this.G = G2 | 0;
    this.H = H | 0;
  }
  _cloneInto(to) {
    (to ||= new this.constructor()).set(...this.get());
    return this._cloneIntoMeta(to);
  }
  process(view, offset) {
    for (let i = 0; i < 16; i++, offset += 4)
      SHA256_W[i] = view.getUint32(offset, false);
    for (let i = 16; i < 64; i++) {
      const W15 = SHA256_W[i - 15];
      const W2 = SHA256_W[i - 2];
      const s0 = rotr(W15, 7) ^ rotr(W15, 18) ^ W15 >>> 3;
      const s1 = rotr(W2, 17) ^ rotr(W2, 19) ^ W2 >>> 10;
      SHA256_W[i] = s1 + SHA256_W[i - 7] + s0 + SHA256_W[i - 16] | 0;
    }
    let { A, B, C, D, E, F, G: G2, H } = this;
    for (let i = 0; i < 64; i++) {
      const sigma1 = rotr(E, 6) ^ rotr(E, 11) ^ rotr(E, 25);
      const T1 = H + sigma1 + Chi(E, F, G2) + SHA256_K[i] + SHA256_W[i] | 0;
      const sigma0 = rotr(A, 2) ^ rotr(A, 13) ^ rotr(A, 22);
      const T2 = sigma0 + Maj(A, B, C) | 0;
      H = G2;
      G2 = F;
      F = E;
      E = D + T1 | 0;
      D = C;
      C = B;
      B = A;
      A = T1 + T2 | 0;
    }
    A = A + this.A | 0;
    B = B + this.B | 0;
    C = C + this.C | 0;
    D = D + this.D | 0;
    E = E + this.E | 0;
    F = F + this.F | 0;
    G2 = G2 + this.G | 0;
    H = H + this.H | 0;
    this.set(A, B, C, D, E, F, G2, H);
  }
  roundClean() {
    clean(SHA256_W);
  }
  destroy() {
    this.destroyed = true;
    this.set(0, 0, 0, 0, 0, 0, 0, 0);
    clean(this.buffer);
  }
};
var _SHA256 = class extends SHA2_32B {
  constructor() {
    super(32, SHA256_IV);
  }
};
var K512 = /* @__PURE__ */ (() => split([
  "0x428a2f98d728ae22",
  "0x7137449123ef65cd",
  "0xb5c0fbcfec4d3b2f",
  "0xe9b5dba58189dbbc",
  "0x3956c25bf348b538",
  "0x59f111f1b605d019",
  "0x923f82a4af194f9b",
  "0xab1c5ed5da6d8118",
  "0xd807aa98a3030242",
  "0x12835b0145706fbe",
  "0x243185be4ee4b28c",
  "0x550c7dc3d5ffb4e2",
  "0x72be5d74f27b896f",
  "0x80deb1fe3b1696b1",
  "0x9bdc06a725c71235",
  "0xc19bf174cf692694",
  "0xe49b69c19ef14ad2",
  "0xefbe4786384f25e3",
  "0x0fc19dc68b8cd5b5",
  "0x240ca1cc77ac9c65",
  "0x2de92c6f592b0275",
  "0x4a7484aa6ea6e483",
  "0x5cb0a9dcbd41fbd4",
  "0x76f988da831153b5",
  "0x983e5152ee66dfab",
  "0xa831c66d2db43210",
  "0xb00327c898fb213f",
  "0xbf597fc7beef0ee4",
  "0xc6e00bf33da88fc2",
  "0xd5a79147930aa725",
  "0x06ca6351e003826f",
  "0x142929670a0e6e70",
  "0x27b70a8546d22ffc",
  "0x2e1b21385c26c926",
  "0x4d2c6dfc5ac42aed",
  "0x53380d139d95b3df",
  "0x650a73548baf63de",
  "0x766a0abb3c77b2a8",
  "0x81c2c92e47edaee6",
  "0x92722c851482353b",
  "0xa2bfe8a14cf10364",
  "0xa81a664bbc423001",
  "0xc24b8b70d0f89791",
  "0xc76c51a30654be30",
  "0xd192e819d6ef5218",
  "0xd69906245565a910",
  "0xf40e35855771202a",
  "0x106aa07032bbd1b8",
  "0x19a4c116b8d2d0c8",
  "0x1e376c085141ab53",
  "0x2748774cdf8eeb99",
  "0x34b0bcb5e19b48a8",
  "0x391c0cb3c5c95a63",
  "0x4ed8aa4ae3418acb",
  "0x5b9cca4f7763e373",
  "0x682e6ff3d6b2b8a3",
  "0x748f82ee5defb2fc",
  "0x78a5636f43172f60",
  "0x84c87814a1f0ab72",
  "0x8cc702081a6439ec",
  "0x90befffa23631e28",
  "0xa4506cebde82bde9",
  "0xbef9a3f7b2c67915",
  "0xc67178f2e372532b",
  "0xca273eceea26619c",
  "0xd186b8c721c0c207",
  "0xeada7dd6cde0eb1e",
  "0xf57d4f7fee6ed178",
  "0x06f067aa72176fba",
  "0x0a637dc5a2c898a6",
  "0x113f9804bef90dae",
  "0x1b710b35131c471b",
  "0x28db77f523047d84",
  "0x32caab7b40c72493",
  "0x3c9ebe0a15c9bebc",
  "0x431d67c49c100d4c",
  "0x4cc5d4becb3e42b6",
  "0x597f299cfc657e2a",
  "0x5fcb6fab3ad6faec",
  "0x6c44198c4a475817"
].map((n) => BigInt(n))))();
var SHA512_Kh = /* @__PURE__ */ (() => K512[0])();
var SHA512_Kl = /* @__PURE__ */ (() => K512[1])();
var SHA512_W_H = /* @__PURE__ */ new Uint32Array(80);
var SHA512_W_L = /* @__PURE__ */ new Uint32Array(80);
var SHA2_64B = class extends HashMD {
  // We cannot use array here since array allows indexing by variable
  // which means optimizer/compiler cannot use registers.
  // h -- high 32 bits, l -- low 32 bits
  // Numeric initializers matter: starting the fields as `undefined` changes
  // V8's field representation and slows hashing down (measured on sha256).
  Ah = 0;
  Al = 0;
  Bh = 0;
  Bl = 0;
  Ch = 0;
  Cl = 0;
  Dh = 0;
  Dl = 0;
  Eh = 0;
  El = 0;
  Fh = 0;
  Fl = 0;
  Gh = 0;
  Gl = 0;
  Hh = 0;
  Hl = 0;
  constructor(outputLen, IV) {
    super(128, outputLen, 16, false);
    this.Ah = IV[0] | 0;
    this.Al = IV[1] | 0;
    this.Bh = IV[2] | 0;
    this.Bl = IV[3] | 0;
    this.Ch = IV[4] | 0;
    this.Cl = IV[5] | 0;
    this.Dh = IV[6] | 0;
    this.Dl = IV[7] | 0;
    this.Eh = IV[8] | 0;
    this.El = IV[9] | 0;
    this.Fh = IV[10] | 0;
    this.Fl = IV[11] | 0;
    this.Gh = IV[12] | 0;
    this.Gl = IV[13] | 0;
    this.Hh = IV[14] | 0;
    this.Hl = IV[15] | 0;
  }
  // prettier-ignore
  get() {
    const { Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl } = this;
    return [Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl];
  }
  // prettier-ignore
  set(Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl) {
    this.Ah = Ah | 0;
    this.Al = Al | 0;
    this.Bh = Bh | 0;
    this.Bl = Bl | 0;
    this.Ch = Ch | 0;
    this.Cl = Cl | 0;
    this.Dh = Dh | 0;
    this.Dl = Dl | 0;
    this.Eh = Eh | 0;
    this.El = El | 0;
    this.Fh = Fh | 0;
    this.Fl = Fl | 0;
    this.Gh = Gh | 0;
    this.Gl = Gl | 0;
    this.Hh = Hh | 0;
    this.Hl = Hl | 0;
  }
  _cloneInto(to) {
    (to ||= new this.constructor()).set(...this.get());
    return this._cloneIntoMeta(to);
  }
  process(view, offset) {
    for (let i = 0; i < 16; i++, offset += 4) {
      SHA512_W_H[i] = view.getUint32(offset);
      SHA512_W_L[i] = view.getUint32(offset += 4);
    }
    for (let i = 16; i < 80; i++) {
      const W15h = SHA512_W_H[i - 15] | 0;
      const W15l = SHA512_W_L[i - 15] | 0;
      const s0h = rotrSH(W15h, W15l, 1) ^ rotrSH(W15h, W15l, 8) ^ shrSH(W15h, W15l, 7);
      const s0l = rotrSL(W15h, W15l, 1) ^ rotrSL(W15h, W15l, 8) ^ shrSL(W15h, W15l, 7);
      const W2h = SHA512_W_H[i - 2] | 0;
      const W2l = SHA512_W_L[i - 2] | 0;
      const s1h = rotrSH(W2h, W2l, 19) ^ rotrBH(W2h, W2l, 61) ^ shrSH(W2h, W2l, 6);
      const s1l = rotrSL(W2h, W2l, 19) ^ rotrBL(W2h, W2l, 61) ^ shrSL(W2h, W2l, 6);
      const SUMl = add4L(s0l, s1l, SHA512_W_L[i - 7], SHA512_W_L[i - 16]);
      const SUMh = add4H(SUMl, s0h, s1h, SHA512_W_H[i - 7], SHA512_W_H[i - 16]);
      SHA512_W_H[i] = SUMh | 0;
      SHA512_W_L[i] = SUMl | 0;
    }
    let { Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl } = this;
    for (let i = 0; i < 80; i++) {
      const sigma1h = rotrSH(Eh, El, 14) ^ rotrSH(Eh, El, 18) ^ rotrBH(Eh, El, 41);
      const sigma1l = rotrSL(Eh, El, 14) ^ rotrSL(Eh, El, 18) ^ rotrBL(Eh, El, 41);
      const CHIh = Eh & Fh ^ ~Eh & Gh;
      const CHIl = El & Fl ^ ~El & Gl;
      const T1ll = add5L(Hl, sigma1l, CHIl, SHA512_Kl[i], SHA512_W_L[i]);
      const T1h = add5H(T1ll, Hh, sigma1h, CHIh, SHA512_Kh[i], SHA512_W_H[i]);
      const T1l = T1ll | 0;
      const sigma0h = rotrSH(Ah, Al, 28) ^ rotrBH(Ah, Al, 34) ^ rotrBH(Ah, Al, 39);
      const sigma0l = rotrSL(Ah, Al, 28) ^ rotrBL(Ah, Al, 34) ^ rotrBL(Ah, Al, 39);
      const MAJh = Ah & Bh ^ Ah & Ch ^ Bh & Ch;
      const MAJl = Al & Bl ^ Al & Cl ^ Bl & Cl;
      Hh = Gh | 0;
      Hl = Gl | 0;
      Gh = Fh | 0;
      Gl = Fl | 0;
      Fh = Eh | 0;
      Fl = El | 0;
      ({ h: Eh, l: El } = add(Dh | 0, Dl | 0, T1h | 0, T1l | 0));
      Dh = Ch | 0;
      Dl = Cl | 0;
      Ch = Bh | 0;
      Cl = Bl | 0;
      Bh = Ah | 0;
      Bl = Al | 0;
      const All = add3L(T1l, sigma0l, MAJl);
      Ah = add3H(All, T1h, sigma0h, MAJh);
      Al = All | 0;
    }
    ({ h: Ah, l: Al } = add(this.Ah | 0, this.Al | 0, Ah | 0, Al | 0));
    ({ h: Bh, l: Bl } = add(this.Bh | 0, this.Bl | 0, Bh | 0, Bl | 0));
    ({ h: Ch, l: Cl } = add(this.Ch | 0, this.Cl | 0, Ch | 0, Cl | 0));
    ({ h: Dh, l: Dl } = add(this.Dh | 0, this.Dl | 0, Dh | 0, Dl | 0));
    ({ h: Eh, l: El } = add(this.Eh | 0, this.El | 0, Eh | 0, El | 0));
    ({ h: Fh, l: Fl } = add(this.Fh | 0, this.Fl | 0, Fh | 0, Fl | 0));
    ({ h: Gh, l: Gl } = add(this.Gh | 0, this.Gl | 0, Gh | 0, Gl | 0));
    ({ h: Hh, l: Hl } = add(this.Hh | 0, this.Hl | 0, Hh | 0, Hl | 0));
    this.set(Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl);
  }
  roundClean() {
    clean(SHA512_W_H, SHA512_W_L);
  }
  destroy() {
    this.destroyed = true;
    clean(this.buffer);
    this.set(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  }
};
var _SHA512 = class extends SHA2_64B {
  constructor() {
    super(64, SHA512_IV);
  }
};
var sha256 = /* @__PURE__ */ createHasher(
  () => new _SHA256(),
  /* @__PURE__ */ oidNist(1)
);
var sha512 = /* @__PURE__ */ createHasher(
  () => new _SHA512(),
  /* @__PURE__ */ oidNist(3)
);

// src/crypto/noble.js
hashes.sha512 = /** @type {typeof hashes.sha512} */
sha512;
var KEYS_KEPT = 32;
var USES = 3;
var ORDER = Point.CURVE().n;
var keys = /* @__PURE__ */ new Map();
var noble = {
  name: "noble",
  async sha256(bytes) {
    return hashNow(bytes);
  },
  async verify(publicKey, message, signature) {
    const r = signature.subarray(0, 32);
    const key = findKey(publicKey);
    if (!key) return false;
    const k = number(hash(concat(r, publicKey, message))) % ORDER;
    const s = number(signature.subarray(32));
    return equal(Point.BASE.multiply(s, false).subtract(key.multiply(k)).toBytes(), r);
  },
  async keyPair(seed) {
    const secret = Uint8Array.from(seed);
    return {
      publicKey: (
        /** @type {Bytes} */
        getPublicKey(secret)
      ),
      sign: async (message) => (
        /** @type {Bytes} */
        sign(message, secret)
      )
    };
  }
};
function hashNow(bytes) {
  return (
    /** @type {Bytes} */
    sha256(bytes)
  );
}
function findKey(publicKey) {
  const name = toHex(publicKey);
  let key = keys.get(name);
  if (!key) {
    try {
      key = new PublicKey(Point.fromBytes(publicKey));
    } catch {
      return null;
    }
    if (keys.size >= KEYS_KEPT) keys.delete(
      /** @type {string} */
      keys.keys().next().value
    );
  }
  keys.delete(name);
  keys.set(name, key);
  return key;
}
var PublicKey = class {
  #point;
  #uses = 0;
  /** Of each hex digit of a number, the last one first: 1 to 8 times the point times 16 to the digit's power. @type {Point[][]} */
  #multiples = [];
  /** @param {Point} point */
  constructor(point) {
    this.#point = point;
  }
  /** @param {bigint} k Below the group's order. @returns {Point} So many times the point. */
  multiply(k) {
    this.#uses += 1;
    if (this.#uses < USES) return this.#point.multiply(k, false);
    if (!this.#multiples.length) this.#multiples = makeMultiples(this.#point);
    let sum = Point.ZERO;
    let left = k;
    for (const multiples of this.#multiples) {
      const digit2 = Number(left & 15n);
      const isNegative = digit2 > 8;
      left = (left >> 4n) + (isNegative ? 1n : 0n);
      if (digit2) {
        const multiple = (
          /** @type {Point} */
          multiples[(isNegative ? 16 - digit2 : digit2) - 1]
        );
        sum = isNegative ? sum.subtract(multiple) : sum.add(multiple);
      }
    }
    return sum;
  }
};
function makeMultiples(point) {
  const table = [];
  let base = point;
  for (let digit2 = 0; digit2 < 64; digit2 += 1) {
    const multiples = [base];
    for (let last = base; multiples.length < 8; ) {
      last = last.add(base);
      multiples.push(last);
    }
    table.push(multiples);
    base = /** @type {Point} */
    multiples[7].double();
  }
  return table;
}
function number(bytes) {
  let value = 0n;
  for (let at2 = bytes.length - 1; at2 >= 0; at2 -= 1) value = value << 8n | BigInt(
    /** @type {number} */
    bytes[at2]
  );
  return value;
}

// src/crypto/strict.js
var ORDER2 = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", "");
var PRIME = fromHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "");
var SMALL_ORDER = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
].map((hex) => fromHex(hex, "").join()));
function mayBeGood(publicKey, signature) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  return isBelow(signature.subarray(32), ORDER2) && isSound(publicKey) && isSound(signature.subarray(0, 32));
}
function isSound(point) {
  const y = Uint8Array.from(point);
  y[31] = /** @type {number} */
  y[31] & 127;
  return isBelow(y, PRIME) && !SMALL_ORDER.has(y.join());
}
function isBelow(one, other) {
  for (let at2 = one.length - 1; at2 >= 0; at2 -= 1) {
    const difference = (
      /** @type {number} */
      one[at2] - /** @type {number} */
      other[at2]
    );
    if (difference) return difference < 0;
  }
  return false;
}

// src/crypto/web.js
var PKCS8 = fromHex("302e020100300506032b657004220420", "");
var SHORT = 4096;
var KEYS_KEPT2 = 256;
function webCrypto(subtle) {
  const keys2 = /* @__PURE__ */ new Map();
  function imported(publicKey) {
    const name = toHex(publicKey);
    const known = keys2.get(name);
    if (known) return known;
    if (keys2.size >= KEYS_KEPT2) keys2.delete(
      /** @type {string} */
      keys2.keys().next().value
    );
    const key = subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    keys2.set(name, key);
    return key;
  }
  return {
    name: "webcrypto",
    async sha256(bytes) {
      if (bytes.length <= SHORT) return hashNow(bytes);
      return new Uint8Array(await subtle.digest("SHA-256", bytes));
    },
    async verify(publicKey, message, signature) {
      let key;
      try {
        key = await imported(publicKey);
      } catch {
        return false;
      }
      return subtle.verify("Ed25519", key, signature, message);
    },
    async keyPair(seed) {
      const key = await subtle.importKey("pkcs8", concat(PKCS8, seed), "Ed25519", true, ["sign"]);
      const { x } = await subtle.exportKey("jwk", key);
      return {
        publicKey: fromBase64Url(
          /** @type {string} */
          x
        ),
        sign: async (message) => new Uint8Array(await subtle.sign("Ed25519", key, message))
      };
    }
  };
}
function fromBase64Url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
}

// src/crypto.js
var SEED_SIZE = 32;
var SIGNATURE_SIZE = 64;
var chosen = null;
function currentCrypto() {
  chosen ??= findWebCrypto().then(({ subtle }) => chooseCrypto(subtle));
  return chosen;
}
async function findWebCrypto() {
  if (globalThis.crypto) return globalThis.crypto;
  const name = "node:crypto";
  return (await import(
    /* @vite-ignore */
    name
  )).webcrypto;
}
async function chooseCrypto(subtle) {
  if (!subtle) return noble;
  const candidate = webCrypto(subtle);
  try {
    return await isStrict(candidate) ? candidate : noble;
  } catch {
    return noble;
  }
}
async function sha2562(...parts) {
  return (await currentCrypto()).sha256(concat(...parts));
}
async function verifySignature(publicKey, message, signature) {
  if (!mayBeGood(publicKey, signature)) return false;
  const crypto = await currentCrypto();
  return crypto.verify(
    /** @type {Bytes} */
    publicKey,
    /** @type {Bytes} */
    message,
    /** @type {Bytes} */
    signature
  );
}
async function randomBytes(size) {
  return (await findWebCrypto()).getRandomValues(new Uint8Array(size));
}
var SEED = fromHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "");
var PUBLIC = fromHex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "");
var MESSAGE = fromHex("72", "");
var SIGNATURE = fromHex(
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ""
);
var MIXED = fromHex("40a4cf5c611d737a2f1c6fcca84d9cabfed80987f186a5a6c57e629bff1af27f", "");
var MIXED_R = "9902023927de8e064113e230b3a755ef8ed5b28275852d11fb717f431a6d570d";
var HOLDS = fromHex(MIXED_R + "5bab79c6fa7901619c2dffd11f87514230cae8b839ad2967b6bd65a15f7cf707", "");
var HOLDS_CLEARED = fromHex(MIXED_R + "24a168d43c775afddef8c2be4bcef51017de585126ff25f6116c58d9375fa402", "");
async function isStrict(candidate) {
  const pair = await candidate.keyPair(SEED);
  if (!equal(pair.publicKey, PUBLIC) || !equal(await pair.sign(MESSAGE), SIGNATURE)) return false;
  const judged = await Promise.all([
    candidate.verify(PUBLIC, MESSAGE, SIGNATURE),
    candidate.verify(MIXED, fromHex("0001", ""), HOLDS),
    candidate.verify(MIXED, fromHex("0000", ""), HOLDS_CLEARED),
    candidate.verify(PUBLIC, fromHex("73", ""), SIGNATURE)
  ]);
  return judged.join() === "true,true,false,false";
}

// src/formats/addresses.js
var KEY_BYTES_MAX = 256;
function decodeAccount(text, code = "account_invalid") {
  const bytes = fromHex(text, code);
  if (bytes.length !== 32) throw new LedgerError(code);
  return bytes;
}
function checkCollection(collection) {
  if (!/^[a-z0-9._-]{1,64}$/.test(collection)) throw new LedgerError("collection_invalid");
}
function checkKey(key) {
  const isBad = key.length > KEY_BYTES_MAX || /[/\x00-\x1f\x7f-\x9f]/.test(key) || hasLoneSurrogate(key);
  const size = isBad ? 0 : utf8(key).length;
  if (size < 1 || size > KEY_BYTES_MAX) throw new LedgerError("key_invalid");
}
function parseAddress(address) {
  const parts = address.split("/", 4);
  const [account, collection, key] = parts;
  if (parts.length !== 3 || account === void 0 || collection === void 0 || key === void 0) {
    throw new LedgerError("record_invalid");
  }
  checkCollection(collection);
  checkKey(key);
  decodeAccount(account);
  return { account, collection, key };
}
function checkAddress(address, code = "record_invalid") {
  try {
    parseAddress(address);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw new LedgerError(code, `Not a record's address account/collection/key: ${error.message}`);
  }
}
function formatAddress(account, collection, key) {
  return `${toHex(account)}/${collection}/${key}`;
}
function recordHash(address) {
  return sha2562(utf8(address));
}
function accountHash(account) {
  return sha2562(account);
}

// src/formats/genesis.js
var FORMAT = 1;
var TAG = utf8("cloudnode genesis 1\n");
var VALIDATORS_MAX = 1e3;
var NAME_BYTES_MAX = 64;
var BITS_MAX = 64;
var BOUNDS = {
  pace_ms: [1, 6e4],
  heartbeat_ms: [1, 36e5],
  window: [10, 1e5],
  max_operation_bytes: [4096, 1048576],
  max_block_operations: [1, 65536],
  max_block_bytes: [4096, 67108864]
};
function networkId(text) {
  return sha2562(TAG, text);
}
async function decodeGenesis(raw) {
  const value = decodeStrict(raw);
  const bytes = typeof raw === "string" ? utf8(raw) : raw;
  if (isObject(value) && "format" in value && value.format !== FORMAT) throw new LedgerError("genesis_format");
  const members = takeMembers(value, "the genesis", ["format", "name", "time", "validators", "parameters"]);
  const network = await networkId(bytes);
  return {
    text: (
      /** @type {string} */
      fromUtf8(bytes)
    ),
    network,
    networkHex: toHex(network),
    name: readName(members.name),
    time: readNumber(members.time, [0, Number.MAX_SAFE_INTEGER], "genesis_time"),
    validators: readAccounts(members.validators, "genesis_validators", VALIDATORS_MAX),
    parameters: readParameters(members.parameters)
  };
}
async function admitsByWork(genesis, account) {
  const { admission } = genesis.parameters;
  if (admission.policy !== "work") return true;
  const hash2 = BigInt(`0x${toHex(await accountHash(account))}`);
  return hash2 >> BigInt(256 - admission.bits) === 0n;
}
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function takeMembers(value, what, names) {
  if (!isObject(value)) throw new LedgerError("genesis_member", `In the genesis, ${what} is not an object.`);
  const missing = names.find((name2) => !Object.hasOwn(value, name2));
  const unknown = Object.keys(value).find((name2) => !names.includes(name2));
  const [name, state] = missing === void 0 ? [unknown, "unknown"] : [missing, "missing"];
  if (name !== void 0) {
    const told = JSON.stringify(name.slice(0, 64));
    throw new LedgerError("genesis_member", `In the genesis, member ${told} of ${what} is ${state}.`);
  }
  return value;
}
function readName(value) {
  if (typeof value !== "string" || value === "" || utf8(value).length > NAME_BYTES_MAX || /\p{Cc}/u.test(value)) {
    throw new LedgerError("genesis_name");
  }
  return value;
}
function readNumber(value, [lowest, highest], code, message) {
  if (typeof value !== "number" || !Number.isInteger(value) || value < lowest || value > highest) {
    throw new LedgerError(code, message);
  }
  return value;
}
function readAccounts(value, code, most) {
  if (!Array.isArray(value) || value.length < 1 || value.length > most || new Set(value).size !== value.length) {
    throw new LedgerError(code);
  }
  return value.map((text) => decodeAccount(text, code));
}
function readParameters(value) {
  const members = takeMembers(value, "parameters", [...Object.keys(BOUNDS), "admission"]);
  const numbers = {};
  for (const [name, bounds] of Object.entries(BOUNDS)) {
    const message = `${name} is not an integer from ${bounds[0]} to ${bounds[1]}.`;
    numbers[name] = readNumber(members[name], bounds, "genesis_parameter", message);
  }
  const read = (
    /** @type {Parameters} */
    /** @type {unknown} */
    numbers
  );
  if (read.heartbeat_ms < read.pace_ms) {
    throw new LedgerError("genesis_parameter", "heartbeat_ms is less than pace_ms.");
  }
  if (read.max_block_bytes < read.max_operation_bytes) {
    throw new LedgerError("genesis_parameter", "max_block_bytes is less than max_operation_bytes.");
  }
  return { ...read, admission: readAdmission(members.admission) };
}
function readAdmission(value) {
  const policy = isObject(value) ? value.policy : void 0;
  if (policy === "open") {
    takeMembers(value, "admission", ["policy"]);
    return { policy };
  }
  if (policy === "invited") {
    const { accounts } = takeMembers(value, "admission", ["policy", "accounts"]);
    return { policy, accounts: readAccounts(accounts, "genesis_admission", Infinity) };
  }
  if (policy === "work") {
    const { bits } = takeMembers(value, "admission", ["policy", "bits"]);
    return { policy, bits: readNumber(bits, [1, BITS_MAX], "genesis_admission") };
  }
  throw new LedgerError("genesis_admission");
}

// src/formats/keys.js
var OPERATION = utf8("cloudnode operation 1\n");
var VOTE = utf8("cloudnode vote 1\n");
var RECEIPT = utf8("cloudnode receipt 1\n");
var ANSWER = utf8("cloudnode answer 1\n");
var TLS = utf8("cloudnode tls 1\n");
var APPOINT = utf8("cloudnode appoint 1\n");
var STUN_DATA = utf8("cloudnode stun data 1\n");
var SigningKey = class _SigningKey {
  #seed;
  #sign;
  /** @param {Bytes} seed @param {import("../crypto.js").KeyPair} pair */
  constructor(seed, pair) {
    this.#seed = seed;
    this.#sign = pair.sign;
    this.publicKey = pair.publicKey;
  }
  /** @returns {Promise<SigningKey>} A new key. */
  static async generate() {
    return _SigningKey.fromSeed(await randomBytes(SEED_SIZE));
  }
  /**
   * @param {Uint8Array | string} seed The 32 secret bytes from which all follows, or their 64 hex digits as in a key
   *   file (a line feed may follow).
   * @returns {Promise<SigningKey>}
   * @throws {LedgerError} `key_file_malformed`: it is a text of something else, which is not repeated.
   * @throws {LocalError} It has another number of bytes.
   */
  static async fromSeed(seed) {
    const bytes = typeof seed === "string" ? readKey(seed) : Uint8Array.from(seed);
    if (bytes.length !== SEED_SIZE) throw new LocalError("an Ed25519 seed has 32 bytes");
    return new _SigningKey(bytes, await (await currentCrypto()).keyPair(bytes));
  }
  /** The public key in hex: the account's name. */
  get account() {
    return toHex(this.publicKey);
  }
  /** The secret in hex, for `fromSeed`. Whoever has it can write in this account's name. */
  get seed() {
    return toHex(this.#seed);
  }
  /**
   * @param {Uint8Array} purpose A tag.
   * @param {Uint8Array} message
   * @returns {Promise<Bytes>} The 64-byte signature over both.
   */
  sign(purpose, message) {
    return this.#sign(concat(purpose, message));
  }
};
function readKey(text) {
  const seed = fromHex(text.replace(/\n$/, ""), "key_file_malformed");
  if (seed.length !== SEED_SIZE) throw new LedgerError("key_file_malformed");
  return seed;
}
function verify(publicKey, purpose, message, signature) {
  return verifySignature(publicKey, concat(purpose, message), signature);
}

// src/formats/block.js
var HEADER_TAG = utf8("cloudnode header 1\n");
var OPERATIONS_TAG = utf8("cloudnode operations 1\n");
var SIGNATURES_TAG = utf8("cloudnode signatures 1\n");
var VALIDATORS_TAG = utf8("cloudnode validators 1\n");
var HEADER_SIZE = 236;
var VOTE_SIZE = 115;
var NOTARIZE = 1;
var SKIP = 2;
var FINALIZE = 3;
var NOTHING = new Uint8Array(32);
function quorum(validators) {
  return validators - Math.floor((validators - 1) / 3);
}
function operationsHash(ids) {
  return sha2562(OPERATIONS_TAG, ...ids);
}
function signaturesHash(signatures) {
  return sha2562(SIGNATURES_TAG, ...signatures);
}
async function validatorsHash(keys2) {
  return keys2.length ? sha2562(VALIDATORS_TAG, ...keys2) : NOTHING;
}
function decodeHeader(raw) {
  const reader = new Reader(raw, "header_malformed");
  const fields = {
    network: reader.take(32),
    epoch: reader.u64(),
    view: reader.u64(),
    height: reader.u64(),
    time: reader.u64(),
    parent: reader.take(32),
    operationsHash: reader.take(32),
    operationsCount: reader.u32(),
    rootHeight: reader.u64(),
    root: reader.take(32),
    signaturesHash: reader.take(32),
    nextValidators: reader.take(32)
  };
  reader.end();
  const endsEpoch = !equal(fields.nextValidators, NOTHING);
  if (fields.rootHeight >= fields.height) {
    throw new LedgerError("header_malformed", "A header's root_height is less than its height.");
  }
  if (endsEpoch && fields.operationsCount !== 1) {
    throw new LedgerError("header_malformed", "A block that appoints validators holds one operation.");
  }
  return { ...fields, endsEpoch, raw: (
    /** @type {Bytes} */
    raw
  ) };
}
function headerHash(header) {
  return sha2562(HEADER_TAG, header.raw);
}
async function checkAppointed(header, validators) {
  const isEachOnce = new Set(validators.map((key) => key.join())).size === validators.length;
  const areKeys = validators.length <= VALIDATORS_MAX && validators.every((key) => key.length === 32);
  if (!areKeys || !isEachOnce || !equal(header.nextValidators, await validatorsHash(validators))) {
    throw new LedgerError("block_validators");
  }
}
function voteMessage(network, { kind, epoch, view, hash: hash2 }) {
  return concat(network, u8(kind), u64(epoch), u64(view), hash2);
}
function decodeVote(raw) {
  const reader = new Reader(raw, "vote_malformed");
  const fields = {
    kind: reader.u8(),
    epoch: reader.u64(),
    view: reader.u64(),
    hash: reader.take(32),
    validator: reader.u16(),
    signature: reader.take(SIGNATURE_SIZE)
  };
  reader.end();
  if (!isKind(fields)) throw new LedgerError("vote_malformed");
  return { ...fields, raw: (
    /** @type {Bytes} */
    raw
  ) };
}
async function verifyVote(vote, network, validators) {
  const key = validators[vote.validator];
  return key !== void 0 && verify(key, VOTE, voteMessage(network, vote), vote.signature);
}
function contradict(one, other) {
  if (one.validator !== other.validator || one.epoch !== other.epoch || one.view !== other.view) return false;
  const kinds = [one.kind, other.kind];
  if (one.kind !== other.kind && kinds.includes(SKIP)) return kinds.includes(FINALIZE);
  return !equal(one.hash, other.hash);
}
function decodeCertificate(raw) {
  const reader = new Reader(raw, "certificate_malformed");
  const fields = { kind: reader.u8(), epoch: reader.u64(), view: reader.u64(), hash: reader.take(32) };
  const count = reader.u16();
  if (reader.left !== count * (2 + SIGNATURE_SIZE) || !isKind(fields)) throw new LedgerError("certificate_malformed");
  const signatures = [];
  for (let last = -1; reader.left; ) {
    const validator = reader.u16();
    if (validator <= last) {
      throw new LedgerError("certificate_malformed", "A certificate's validators are not in ascending order.");
    }
    last = validator;
    signatures.push({ validator, signature: reader.take(SIGNATURE_SIZE) });
  }
  return { ...fields, signatures, raw: (
    /** @type {Bytes} */
    raw
  ) };
}
async function verifyCertificate(certificate, network, validators) {
  const { signatures } = certificate;
  if (signatures.some(({ validator }) => validator >= validators.length)) throw new LedgerError("certificate_validator");
  if (signatures.length < quorum(validators.length)) throw new LedgerError("certificate_quorum");
  const message = voteMessage(network, certificate);
  const areTrue = await Promise.all(
    signatures.map(
      ({ validator, signature }) => verify(
        /** @type {Uint8Array} */
        validators[validator],
        VOTE,
        message,
        signature
      )
    )
  );
  if (areTrue.includes(false)) {
    const index = signatures[areTrue.indexOf(false)]?.validator;
    throw new LedgerError("certificate_signature", `The signature of validator ${index} is not true.`);
  }
}
function isKind({ kind, hash: hash2 }) {
  return kind === NOTARIZE || kind === FINALIZE || kind === SKIP && equal(hash2, NOTHING);
}

// src/formats/finality.js
var DESCENDANTS_MAX = 1024;
function decodeFinality(raw) {
  const reader = new Reader(raw, "finality_malformed");
  const count = reader.u16();
  if (count > DESCENDANTS_MAX) throw new LedgerError("finality_malformed");
  const headers = Array.from({ length: count }, () => reader.take(HEADER_SIZE));
  return readFinality(reader.rest(), headers);
}
function readFinality(certificate, descendants = []) {
  if (descendants.length > DESCENDANTS_MAX) throw new LedgerError("finality_malformed");
  return { descendants: descendants.map(decodeHeader), certificate: decodeCertificate(certificate) };
}
function encodeFinality({ descendants, certificate }) {
  return concat(u16(descendants.length), ...descendants.map(({ raw }) => raw), certificate.raw);
}
async function verifyFinality(finality, header, network, epoch, validators) {
  if (!equal(header.network, network)) throw new LedgerError("header_network");
  if (header.epoch !== epoch) throw new LedgerError("header_epoch");
  await checkBlock(finality, header);
  await verifyCertificate(finality.certificate, network, validators);
}
async function checkBlock({ descendants, certificate }, header) {
  const line = [header, ...descendants];
  const hashes2 = await Promise.all(line.map(headerHash));
  descendants.forEach((child, at2) => {
    const parent = (
      /** @type {Header} */
      line[at2]
    );
    if (!equal(child.network, header.network)) throw new LedgerError("header_network");
    if (child.epoch !== header.epoch) throw new LedgerError("header_epoch");
    const isChild = equal(
      child.parent,
      /** @type {Bytes} */
      hashes2[at2]
    ) && child.height === parent.height + 1n;
    if (!isChild || child.view <= parent.view) throw new LedgerError("finality_chain");
  });
  const [last, hash2] = [
    /** @type {Header} */
    line.at(-1),
    /** @type {Bytes} */
    hashes2.at(-1)
  ];
  if (certificate.epoch !== header.epoch) throw new LedgerError("header_epoch");
  if (certificate.kind !== FINALIZE) throw new LedgerError("certificate_kind");
  if (!equal(certificate.hash, hash2) || certificate.view !== last.view) throw new LedgerError("certificate_block");
}

// src/trust/told.js
function isObject2(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function isCount(value) {
  return Number.isSafeInteger(value) && /** @type {number} */
  value >= 0;
}
function isPlace(value) {
  return isObject2(value) && isCount(value.height) && isCount(value.index);
}
function parseObject(text, code) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (!isObject2(value)) throw new LedgerError(code);
  return value;
}
function readHexes(texts) {
  if (!Array.isArray(texts)) throw new LedgerError("finality_malformed");
  return texts.map((text) => fromHex(text, "finality_malformed"));
}
function readFinal(told) {
  if (!isObject2(told)) throw new LedgerError("finality_malformed");
  const header = decodeHeader(fromHex(told.header, "finality_malformed"));
  const certificate = fromHex(told.certificate, "finality_malformed");
  return { header, finality: readFinality(certificate, readHexes(told.descendants)) };
}
function readProof(told) {
  if (!isObject2(told) || !isCount(told.height)) {
    throw new LedgerError("finality_malformed", "The node brought no proof of the documented form.");
  }
  const root = fromHex(told.root, "finality_malformed");
  return { height: told.height, root, nodes: readHexes(told.nodes), ...readFinal(told) };
}
function readContext(rawContext) {
  const told = parseObject(rawContext, "finality_malformed");
  if (!isCount(told.height)) {
    throw new LedgerError("finality_malformed", "The answer does not say at which height it holds.");
  }
  const network = fromHex(told.network, "finality_malformed");
  return { network, height: told.height, hash: fromHex(told.hash, "finality_malformed"), told };
}

// src/session/told.js
function isAfter(one, other) {
  return one.height > other.height || one.height === other.height && one.index > other.index;
}
function isText(value) {
  return typeof value === "string";
}
function take(value, is, what) {
  if (!is(value)) throw new AnswerMalformed(`The node's answer is not of the documented form: ${what}.`);
  return value;
}

// src/session/messages.js
var Answer = class {
  /** @type {Map<string, string> | null} */
  #texts = null;
  #message;
  /** @param {string} message The whole answer. @param {unknown} result */
  constructor(message, result) {
    this.#message = message;
    this.result = result;
  }
  /** The result's exact JSON text, equal byte for byte between nodes at one height. */
  get raw() {
    return this.#text("result");
  }
  /** The exact text of what it says of itself, with proof and signature if they were asked for; empty for nothing. */
  get rawContext() {
    return this.#text("context");
  }
  /** @param {string} name */
  #text(name) {
    this.#texts ??= memberTexts(this.#message);
    return this.#texts.get(name) ?? "";
  }
};
function encodeRequest(id, method, params, context) {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params, context });
}
function decodeIncoming(message) {
  let told;
  try {
    told = JSON.parse(message);
  } catch {
    told = null;
  }
  if (isObject2(told)) {
    const id = isCount(told.id) ? told.id : null;
    if (typeof told.method === "string") return { id: null, notification: isObject2(told.params) ? told.params : {} };
    if (isObject2(told.error)) return { id, error: readError(told.error, message) };
    if ("result" in told) return { id, answer: new Answer(message, told.result) };
  }
  throw new AnswerMalformed("The answer is not JSON-RPC: is it a cloudnode that listens there?");
}
var CODE_MAX = 64;
var SENTENCE_MAX = 1e3;
function readError(error, message) {
  const data = isObject2(error.data) ? error.data : {};
  const code = typeof data.code === "string" ? data.code.slice(0, CODE_MAX) : "";
  const told = typeof error.message === "string" ? error.message : "The node answered with an error.";
  const text = told.slice(0, SENTENCE_MAX);
  const number2 = Number.isSafeInteger(error.code) ? Number(error.code) : 0;
  return new RemoteError(number2, code, text, data, message ? memberTexts(message).get("context") ?? "" : "");
}

// src/session/nodesubscription.js
var WAITING_MAX = 1e4;
var WAITING_CHARACTERS_MAX = 8 * 1024 * 1024;
var NodeSubscription = class _NodeSubscription {
  #client;
  #topic;
  #wanted;
  /** At the node; null while there is none. @type {string | null} */
  #id = null;
  /** Up to where everything was told. @type {LogPlace} */
  #reached;
  /** @type {{item: Item, size: number}[]} */
  #items = [];
  #characters = 0;
  #isOverfull = false;
  /** @type {Error | null} */
  #failure = null;
  #isClosed = false;
  #wake = () => {
  };
  /** @param {Error | null} reason */
  #lost = (reason) => {
    if (reason) this.#fail(reason);
    else this.#close();
  };
  /**
   * @param {import("./client.js").Client} client
   * @param {string} topic
   * @param {object} wanted
   * @param {Begun} begun
   */
  constructor(client, topic, wanted, { id, cursor, early }) {
    this.#client = client;
    this.#topic = topic;
    this.#wanted = wanted;
    this.cursor = cursor;
    this.#reached = cursor;
    this.#listen(id, early);
    client.onLost.add(this.#lost);
    if (!client.isConnected) this.#fail(new ConnectionFailed(`The connection with ${client.url} was closed.`));
  }
  /**
   * @param {import("./client.js").Client} client
   * @param {string} topic
   * @param {object} wanted
   * @param {LogPlace | null} after
   */
  static async begin(client, topic, wanted, after) {
    return new _NodeSubscription(client, topic, wanted, await ask(client, topic, wanted, after));
  }
  /**
   * @returns {Promise<Item | null>} The next item; null when it was closed. Only one may wait.
   * @throws {import("./errors.js").ClientError} It ended.
   */
  async next() {
    for (; ; ) {
      const first = this.#items.shift();
      if (first) {
        this.#characters -= first.size;
        this.cursor = first.item.cursor;
        return first.item;
      }
      if (this.#failure) throw this.#failure;
      if (this.#isClosed) return null;
      if (this.#isOverfull) await this.#resume();
      else await new Promise((resolve) => this.#wake = () => resolve(void 0));
    }
  }
  /** End it, at the node as well; what waits may still be taken. */
  close() {
    this.#endAtNode();
    this.#close();
  }
  // Inside
  /** @param {string} id @param {Notified[]} early */
  #listen(id, early) {
    this.#id = id;
    this.#client.subscribers.set(id, (told, size) => this.#notified(told, size));
    for (const { told, size } of early) this.#notified(told, size);
  }
  /** @param {import("./told.js").Told} told @param {number} size Characters. */
  #notified(told, size) {
    if (isObject2(told.error)) {
      const error = readError(told.error);
      if (this.#id) this.#client.subscribers.delete(this.#id);
      this.#id = null;
      if (error.code === "subscriber_slow") this.#isOverfull = true;
      else this.#fail(error);
      this.#wake();
      return;
    }
    const items = Array.isArray(told.items) ? told.items.map(readItem) : [null];
    if (!isPlace(told.cursor) || items.includes(null)) {
      this.#endAtNode();
      this.#fail(new AnswerMalformed(`${this.#client.url} told items that are not of the documented form.`));
      return;
    }
    for (const item of items) {
      if (!item || !isAfter(item.cursor, this.#reached)) continue;
      this.#items.push({ item, size: size / items.length });
      this.#characters += size / items.length;
    }
    if (isAfter(told.cursor, this.#reached)) this.#reached = told.cursor;
    if (this.#items.length > WAITING_MAX || this.#characters > WAITING_CHARACTERS_MAX) {
      this.#isOverfull = true;
      this.#endAtNode();
    }
    this.#wake();
  }
  #endAtNode() {
    if (this.#id === null) return;
    this.#client.subscribers.delete(this.#id);
    if (this.#client.isConnected) {
      this.#client.call("unsubscribe", { subscription: this.#id }).catch(() => {
      });
    }
    this.#id = null;
  }
  async #resume() {
    this.#isOverfull = false;
    const { id, early } = await ask(this.#client, this.#topic, this.#wanted, this.#reached);
    this.#listen(id, early);
    if (this.#failure || this.#isClosed) this.#endAtNode();
  }
  #close() {
    this.#isClosed = true;
    this.#client.onLost.delete(this.#lost);
    this.#wake();
  }
  /** @param {Error} error */
  #fail(error) {
    this.#failure ??= error;
    this.#client.onLost.delete(this.#lost);
    this.#wake();
  }
};
async function ask(client, topic, wanted, after) {
  const early = [];
  const taken = ({ result }) => {
    if (!isObject2(result) || !isText(result.subscription)) return;
    client.subscribers.set(result.subscription, (told2, size) => early.push({ told: told2, size }));
  };
  const params = { topic, filter: wanted, ...after && { after } };
  const told = take((await client.call("subscribe", params, void 0, { taken })).result, isObject2, "subscribe");
  return { id: take(told.subscription, isText, "subscription"), cursor: take(told.cursor, isPlace, "cursor"), early };
}
function readItem(told) {
  if (!isObject2(told)) return null;
  if (isPlace(told.cursor)) return (
    /** @type {Item} */
    told
  );
  const { height, operations_count: count = 0 } = told;
  if (!isCount(height) || !isCount(count)) return null;
  return { ...told, cursor: { height, index: Math.max(count - 1, 0) } };
}

// src/session/client.js
var TIMEOUT = 30;
var OUTSTANDING = 512;
var Client = class {
  #carrier;
  #clock;
  #timeout;
  #lastId = 0;
  /** @type {Map<number, Pending>} */
  #outstanding = /* @__PURE__ */ new Map();
  /** @type {Map<number, Pending>} */
  #waiting = /* @__PURE__ */ new Map();
  /** @type {ConnectionFailed | null} */
  #failure = null;
  /**
   * @param {Carrier} carrier
   * @param {import("./clock.js").Clock} clock
   * @param {{url?: string, timeout?: number}} [options] `timeout`: seconds to wait for an answer.
   */
  constructor(carrier, clock, { url = "", timeout = TIMEOUT } = {}) {
    this.url = url;
    this.subscribers = /* @__PURE__ */ new Map();
    this.onLost = /* @__PURE__ */ new Set();
    this.#carrier = carrier;
    this.#clock = clock;
    this.#timeout = timeout;
    carrier.start({
      messageReceived: (message) => this.#received(message),
      requestFailed: (id, error) => this.#take(id)?.reject(error),
      connectionLost: (error) => this.#end(error, error)
    });
  }
  /** Whether subscriptions are possible. */
  get keepsConnection() {
    return this.#carrier.keepsConnection;
  }
  /** Whether calls may still be answered. */
  get isConnected() {
    return this.#failure === null;
  }
  /** Whether nothing waits for it: no call, no subscription. */
  get isIdle() {
    return !this.#outstanding.size && !this.#waiting.size && !this.subscribers.size;
  }
  /**
   * Call a method.
   *
   * @param {string} method
   * @param {unknown} [params] An object or array; left out for none.
   * @param {import("./session.js").RequestContext} [context] The request's `context`.
   * @param {{timeout?: number, signal?: AbortSignal, taken?: (answer: Answer) => void}} [options] `timeout`: seconds from
   *   now. `signal`: gives up the answer, not what the node does. `taken`: called with the answer before any message
   *   behind it is looked at, which the promise's `then` is not.
   * @returns {Promise<Answer>} Fails with `RemoteError`, `ConnectionFailed` or `TimedOut`.
   */
  call(method, params, context, { timeout = this.#timeout, signal, taken } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      if (signal?.aborted) return reject(new ConnectionFailed("The call was given up."));
      const id = this.#lastId += 1;
      const fail = (error) => {
        this.#take(id)?.reject(error);
        this.#carrier.forget?.(id);
      };
      const giveUp = () => fail(new ConnectionFailed("The call was given up."));
      const late = () => fail(new TimedOut(`${this.url || "The node"} did not answer in time.`));
      const forgetTimer = this.#clock.later(timeout, late);
      signal?.addEventListener("abort", giveUp, { once: true });
      const forget = () => {
        forgetTimer();
        signal?.removeEventListener("abort", giveUp);
      };
      const succeed = (answer) => {
        taken?.(answer);
        resolve(answer);
      };
      const message = encodeRequest(id, method, params, context);
      const pending = { message, resolve: succeed, reject, forget };
      if (this.#outstanding.size < OUTSTANDING) this.#send(id, pending);
      else this.#waiting.set(id, pending);
    });
  }
  /**
   * Be told of changes.
   *
   * @param {string} topic
   * @param {object} wanted The node's `filter`.
   * @param {import("./told.js").LogPlace | null} after Go on after this cursor; from now on if null.
   */
  subscribe(topic, wanted, after) {
    return NodeSubscription.begin(this, topic, wanted, after);
  }
  /** Close the connection; calls without an answer fail. */
  close() {
    this.#end(new ConnectionFailed("The connection was closed."), null);
  }
  // Inside
  /** @param {number} id @param {Pending} pending */
  #send(id, pending) {
    this.#outstanding.set(id, pending);
    this.#carrier.send(id, pending.message);
  }
  /** @param {number} id A call that is over. @returns {Pending | undefined} */
  #take(id) {
    const pending = this.#outstanding.get(id) ?? this.#waiting.get(id);
    if (!pending) return void 0;
    pending.forget();
    this.#waiting.delete(id);
    if (this.#outstanding.delete(id)) {
      const next = this.#waiting.entries().next();
      if (!next.done) {
        this.#waiting.delete(next.value[0]);
        this.#send(...next.value);
      }
    }
    return pending;
  }
  /** @param {string} message */
  #received(message) {
    let incoming;
    try {
      incoming = decodeIncoming(message);
    } catch (error2) {
      this.#end(
        /** @type {ConnectionFailed} */
        error2,
        /** @type {ConnectionFailed} */
        error2
      );
      return;
    }
    const { id, answer, error, notification } = incoming;
    if (notification) {
      if (typeof notification.subscription === "string") {
        this.subscribers.get(notification.subscription)?.(notification, message.length);
      }
    } else if (error) {
      const about = id ?? this.#outstanding.keys().next().value;
      if (about !== void 0) this.#take(about)?.reject(error);
    } else if (answer && id !== null) {
      this.#take(id)?.resolve(answer);
    }
  }
  /** @param {ConnectionFailed} error For the calls. @param {ConnectionFailed | null} reason */
  #end(error, reason) {
    if (this.#failure) return;
    this.#failure = error;
    this.#carrier.close();
    const unanswered = [...this.#outstanding.values(), ...this.#waiting.values()];
    this.#outstanding.clear();
    this.#waiting.clear();
    for (const pending of unanswered) {
      pending.forget();
      pending.reject(error);
    }
    for (const lost of [...this.onLost]) lost(reason);
    this.onLost.clear();
    this.subscribers.clear();
  }
};

// src/transports/opening.js
async function opening(url, { clock, timeout, signal }, open) {
  const giving = new AbortController();
  let fail = () => {
  };
  const late = new Promise((_, reject) => fail = reject);
  const forget = clock.later(timeout, () => fail(new ConnectionFailed(`Cannot reach ${url} within ${timeout} s.`)));
  const ended = () => fail(new ConnectionFailed(`Reaching ${url} was given up.`));
  signal.addEventListener("abort", ended, { once: true });
  try {
    if (signal.aborted) ended();
    const opened = open(giving.signal);
    opened.catch(() => {
    });
    return await /** @type {Promise<T>} */
    Promise.race([opened, late]);
  } catch (error) {
    giving.abort();
    if (error instanceof ClientError) throw error;
    throw new ConnectionFailed(`Cannot reach ${url}: ${messageOf(error)}`);
  } finally {
    forget();
    signal.removeEventListener("abort", ended);
  }
}

// src/transports/websocket.js
var MESSAGE_MAX = 16 * 1024 * 1024;
function openWebSocket(url, WebSocket, limits) {
  return opening(url, limits, async (signal) => {
    const socket = new WebSocket(url);
    signal.addEventListener("abort", () => socket.close());
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = (event) => reject(new ConnectionFailed(`Cannot reach ${url}${because(event)}.`));
      socket.onclose = socket.onerror;
    });
    return carry(url, socket);
  });
}
function because(event) {
  const reason = event?.message || event?.reason;
  return reason ? `: ${reason}` : "";
}
function carry(url, socket) {
  let receiver = null;
  const end = (error) => {
    const told = receiver;
    receiver = null;
    socket.onmessage = socket.onclose = null;
    socket.onerror = () => {
    };
    socket.close();
    if (error) told?.connectionLost(error);
  };
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string" || data.length > MESSAGE_MAX || !receiver) {
      end(new AnswerMalformed(`${url} sent what is no answer: is it a cloudnode that listens there?`));
    } else receiver.messageReceived(data);
  };
  socket.onclose = socket.onerror = (event) => {
    const code = event?.code ? ` (${event.code}${event.reason ? ` ${event.reason}` : ""})` : "";
    end(new ConnectionFailed(`The connection with ${url} broke${code}.`));
  };
  return {
    keepsConnection: true,
    start: (to) => receiver = to,
    send: (_, message) => {
      if (receiver) socket.send(message);
    },
    close: () => end(null)
  };
}

// src/transports/http.js
var CONNECTIONS = 16;
function openHttp(url, fetch) {
  let receiver = null;
  const waiting = /* @__PURE__ */ new Map();
  const busy = /* @__PURE__ */ new Map();
  const postNext = () => {
    const [next] = busy.size < CONNECTIONS ? waiting : [];
    if (!next) return;
    const [id, message] = next;
    const controller = new AbortController();
    waiting.delete(id);
    busy.set(id, controller);
    exchange(url, fetch, message, controller.signal).then(
      (answer) => receiver?.messageReceived(answer),
      (error) => {
        const isOurs = error instanceof ClientError;
        receiver?.requestFailed(id, isOurs ? error : new ConnectionFailed(`Cannot reach ${url}: ${messageOf(error)}`));
      }
    ).finally(() => {
      busy.delete(id);
      postNext();
    });
  };
  return {
    keepsConnection: false,
    start: (to) => receiver = to,
    send: (id, message) => {
      waiting.set(id, message);
      postNext();
    },
    forget: (id) => {
      waiting.delete(id);
      busy.get(id)?.abort();
    },
    close: () => {
      receiver = null;
      waiting.clear();
      for (const controller of busy.values()) controller.abort();
    }
  };
}
async function exchange(url, fetch, body, signal) {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body, signal });
  const text = await readText(response);
  if (/^\s*\{/.test(text)) return text;
  if (response.status === 429 || response.status === 503) {
    throw new RemoteError(response.status, "", `${url} takes no request now: ${text.slice(0, 200)}`);
  }
  throw new ConnectionFailed(`${url} answers HTTP ${response.status}: is it a cloudnode that listens there?`);
}
async function readText(response) {
  const reader = response.body?.getReader();
  const decoder2 = new TextDecoder();
  let text = "";
  for (; ; ) {
    const { value, done } = await reader?.read() ?? { done: true, value: void 0 };
    if (done) return text + decoder2.decode();
    text += decoder2.decode(value, { stream: true });
    if (text.length > MESSAGE_MAX) {
      await reader?.cancel();
      throw new AnswerMalformed(`The answer of ${response.url} is longer than is taken.`);
    }
  }
}

// src/transports/frames.js
var HEAD = 4;
function encodeFrame(message) {
  const text = new TextEncoder().encode(message);
  const framed = new Uint8Array(HEAD + text.length);
  new DataView(framed.buffer).setUint32(0, text.length);
  framed.set(text, HEAD);
  return framed;
}
var FrameReader = class {
  /** What came and is not taken yet. @type {Uint8Array[]} */
  #pieces = [];
  #length = 0;
  #most;
  /** @param {number} most The longest message that is taken, in bytes. */
  constructor(most) {
    this.#most = most;
  }
  /**
   * @param {Uint8Array} bytes
   * @returns {string[]} The messages that are complete now.
   * @throws {AnswerMalformed} A message is longer than is taken, or not UTF-8.
   */
  feed(bytes) {
    if (bytes.length) this.#pieces.push(bytes);
    this.#length += bytes.length;
    const messages = [];
    while (this.#length >= HEAD) {
      const head = this.#peek(HEAD);
      const size = new DataView(head.buffer, head.byteOffset).getUint32(0);
      if (size > this.#most) throw new AnswerMalformed(`The node announces a message of ${size} bytes.`);
      if (this.#length < HEAD + size) break;
      const framed = this.#peek(HEAD + size);
      this.#drop(HEAD + size);
      try {
        messages.push(new TextDecoder("utf-8", { fatal: true }).decode(framed.subarray(HEAD)));
      } catch {
        throw new AnswerMalformed("The node sent a message that is not UTF-8.");
      }
    }
    return messages;
  }
  /** The first bytes in one piece. @param {number} size */
  #peek(size) {
    if (this.#pieces[0].length < size) {
      const joined = new Uint8Array(this.#length);
      let at2 = 0;
      for (const piece of this.#pieces) {
        joined.set(piece, at2);
        at2 += piece.length;
      }
      this.#pieces = [joined];
    }
    return this.#pieces[0].subarray(0, size);
  }
  /** @param {number} size Not more than the first piece has. */
  #drop(size) {
    this.#pieces[0] = this.#pieces[0].subarray(size);
    if (!this.#pieces[0].length) this.#pieces.shift();
    this.#length -= size;
  }
};

// src/transports/webtransport.js
var MESSAGE_MAX2 = 16 * 1024 * 1024;
function openWebTransport(address, certificates, WebTransport, limits) {
  const url = `https://${authority(address)}${address.path}`;
  return opening(url, limits, async (signal) => {
    const hashes2 = certificates.map((each) => ({ algorithm: "sha-256", value: bytesOf(each) }));
    const transport = new WebTransport(url, hashes2.length ? { serverCertificateHashes: hashes2 } : {});
    transport.closed.catch(() => {
    });
    signal.addEventListener("abort", () => transport.close());
    await transport.ready;
    return carry2(url, transport, await transport.createBidirectionalStream());
  });
}
function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}
function carry2(url, transport, stream) {
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const frames = new FrameReader(MESSAGE_MAX2);
  let receiver = null;
  const end = (error) => {
    const told = receiver;
    receiver = null;
    transport.close();
    if (!error || !told) return;
    const isOurs = error instanceof ConnectionFailed;
    told.connectionLost(isOurs ? error : new ConnectionFailed(`The connection with ${url} broke: ${messageOf(error)}`));
  };
  const read = async () => {
    while (receiver) {
      const { value, done } = await reader.read();
      if (done) throw new ConnectionFailed(`${url} ended the connection.`);
      for (const message of frames.feed(value)) receiver?.messageReceived(message);
    }
  };
  writer.closed.catch(end);
  return {
    keepsConnection: true,
    start: (to) => {
      receiver = to;
      read().catch(end);
    },
    send: (_, message) => {
      if (receiver) writer.write(encodeFrame(message)).catch(end);
    },
    close: () => end(null)
  };
}

// src/transports/connect.js
var CONNECT_TIMEOUT = 5;
function findMeans(means) {
  const here = (
    /** @type {any} */
    globalThis
  );
  return {
    WebSocket: means.WebSocket ?? here.WebSocket,
    WebTransport: means.WebTransport ?? here.WebTransport,
    fetch: means.fetch ?? here.fetch?.bind(here)
  };
}
function surroundings({ WebTransport }) {
  const { location } = (
    /** @type {any} */
    globalThis
  );
  return { isSecurePage: location?.protocol === "https:", hasWebTransport: WebTransport !== void 0 };
}
async function connect(place, means, clock, signal) {
  const address = parseUrl(place.url);
  const limits = { clock, timeout: CONNECT_TIMEOUT, signal };
  const reason = obstacle(address, surroundings(means));
  if (reason) throw new ConnectionFailed(`${place.url}: ${reason}`);
  const { WebSocket, WebTransport, fetch } = means;
  let carrier;
  if (address.scheme.startsWith("http") && fetch) carrier = openHttp(place.url, fetch);
  else if (address.scheme === "ws+udp" && WebTransport) {
    carrier = await openWebTransport(address, place.certificates, WebTransport, limits);
  } else if (WebSocket && address.scheme !== "ws+udp" && !address.scheme.startsWith("http")) {
    carrier = await openWebSocket(place.url, WebSocket, limits);
  } else {
    throw new ConnectionFailed(`There is no ${address.scheme} here: give connect() a WebSocket class or fetch.`);
  }
  return new Client(carrier, clock, { url: place.url });
}

// src/formats/epoch.js
var Epoch = class _Epoch {
  /**
   * @param {Bytes} network
   * @param {bigint} number
   * @param {readonly Bytes[]} validators Their keys in the order of the indexes.
   * @param {bigint} [base] The height of the block that it begins on, which belongs to the epoch before.
   * @param {bigint | null} [last] The height of the block that ended it; null if that is not known, or it goes on.
   */
  constructor(network, number2, validators, base = 0n, last = null) {
    this.network = network;
    this.number = number2;
    this.validators = validators;
    this.base = base;
    this.last = last;
  }
  /** @param {import("./genesis.js").Genesis} genesis @returns {Epoch} The network's first epoch. */
  static ofGenesis(genesis) {
    return new _Epoch(genesis.network, 0n, genesis.validators);
  }
  /** How many of the validators must sign. */
  get quorum() {
    return quorum(this.validators.length);
  }
  /**
   * Check that a block of this epoch is final and part of the chain.
   *
   * @param {Header} header @param {Finality} finality
   * @throws {LedgerError} `header_discarded`, and the codes of `verifyFinality`.
   */
  async verify(header, finality) {
    await verifyFinality(finality, header, this.network, this.number, this.validators);
    if (header.height <= this.base || this.last !== null && header.height > this.last) {
      throw new LedgerError("header_discarded");
    }
  }
  /** @param {Header} header Of a block that was verified. @returns {Epoch} This one, known to end with that block. */
  closed(header) {
    return new _Epoch(this.network, this.number, this.validators, this.base, header.height);
  }
  /**
   * The epoch that begins on a block of this one, which was verified.
   *
   * @param {Header} header
   * @param {readonly Bytes[]} validators Those that the block appoints.
   * @returns {Promise<Epoch>}
   * @throws {LedgerError} `epoch_goes_on`: the block ends no epoch. `block_validators`: it appoints others.
   */
  async after(header, validators) {
    if (!header.endsEpoch) throw new LedgerError("epoch_goes_on");
    await checkAppointed(header, validators);
    return new _Epoch(this.network, this.number + 1n, validators, header.height);
  }
  /**
   * Check that a block ended this epoch, and go on to the next one.
   *
   * @param {Header} header @param {Finality} finality @param {readonly Bytes[]} validators
   * @returns {Promise<Epoch>}
   * @throws {LedgerError} As `verify` and `after`.
   */
  async next(header, finality, validators) {
    await this.verify(header, finality);
    return this.after(header, validators);
  }
};

// src/formats/nodes.js
var RECORDS = 0;
var RATINGS = 1;
var WINDOW = 2;
var ACCOUNTS = 3;
var SYSTEM = 4;
var PAGE_ROWS = 32;
var STATE_SIZE = 298;
var STATE_TAG = utf8("cloudnode state 1\n");
var RECORD_TAG = utf8("cloudnode record 1\n");
var NO_HASH = new Uint8Array(32);
var U64_MAX = 2n ** 64n - 1n;
var SIZES = [[32, 33], [64, 13], [40, 14], [32, 76], [32, 32]];
var NO_ROWS = { hash: NO_HASH, sum: 0n, count: 0n, rows: 0n };
function readEntry(reader) {
  const entry = { hash: reader.take(32), sum: reader.u64(), count: reader.u64(), rows: reader.u64() };
  if (!entry.rows && (entry.sum || entry.count || !equal(entry.hash, NO_HASH))) {
    throw new LedgerError("node_malformed", "An entry without rows is not all zeros.");
  }
  return entry;
}
function readHead(reader, kind) {
  const head = { kind: reader.u8(), table: reader.u8(), number: reader.u16() };
  if (head.kind !== kind.charCodeAt(0) || head.table >= SIZES.length) throw new LedgerError("node_malformed");
  return head;
}
function sizes(table) {
  return (
    /** @type {readonly [number, number]} */
    SIZES[table]
  );
}
function decodeLeaf(raw) {
  const reader = new Reader(raw, "node_malformed");
  const { table, number: number2 } = readHead(reader, "L");
  const [keySize, valueSize] = sizes(table);
  if (number2 < 1 || number2 > PAGE_ROWS || reader.left !== number2 * (keySize + valueSize)) {
    throw new LedgerError("node_malformed");
  }
  const rows = Array.from({ length: number2 }, () => ({ key: reader.take(keySize), value: reader.take(valueSize) }));
  if (rows.some(({ key }, at2) => at2 && compare(
    /** @type {Row} */
    rows[at2 - 1].key,
    key
  ) >= 0)) {
    throw new LedgerError("node_malformed", "A leaf page's rows are not in the order of their keys.");
  }
  if (table === RECORDS) rows.forEach(({ value }) => decodeRecordValue(value));
  if (table === RATINGS) rows.forEach(({ value }) => decodeRatingValue(value));
  return { table, rows, totals: leafTotals(table, rows) };
}
function leafTotals(table, rows) {
  const number2 = BigInt(rows.length);
  if (table === RATINGS) {
    const sum = rows.reduce((stars, { value }) => stars + BigInt(
      /** @type {number} */
      value[0]
    ), 0n);
    return { sum, count: number2, rows: number2 };
  }
  const live = table === RECORDS ? rows.filter(({ value }) => value[32] === 1).length : 0;
  return { sum: 0n, count: BigInt(live), rows: number2 };
}
function decodeInner(raw) {
  const reader = new Reader(raw, "node_malformed");
  const { table, number: length } = readHead(reader, "I");
  if (length >= 2 * sizes(table)[0]) throw new LedgerError("node_malformed");
  const digits = toHex(reader.take(Math.ceil(length / 2)));
  if (length % 2 && digits.at(-1) !== "0") {
    throw new LedgerError("node_malformed", "The half byte after an odd path is not zero.");
  }
  const bitmap = reader.u16();
  const children = /* @__PURE__ */ new Map();
  const totals = { sum: 0n, count: 0n, rows: 0n };
  for (let nibble = 0; nibble < 16; nibble += 1) {
    if (!(bitmap >> nibble & 1)) continue;
    const child = readEntry(reader);
    if (!child.rows) throw new LedgerError("node_malformed", "A child has no rows.");
    children.set(nibble.toString(16), child);
    totals.sum += child.sum;
    totals.count += child.count;
    totals.rows += child.rows;
  }
  reader.end();
  const overflows = totals.sum > U64_MAX || totals.count > U64_MAX || totals.rows > U64_MAX;
  if (children.size < 2 || totals.rows <= BigInt(PAGE_ROWS) || overflows) {
    throw new LedgerError("node_malformed", "An inner node stands where a leaf page belongs, or its sums overflow.");
  }
  return { table, path: digits.slice(0, length), children, totals };
}
function decodeState(raw) {
  const reader = new Reader(raw, "node_malformed");
  if (raw.length !== STATE_SIZE || !equal(reader.take(STATE_TAG.length), STATE_TAG)) {
    throw new LedgerError("node_malformed");
  }
  return SIZES.map(() => readEntry(reader));
}
function recordDigest(record) {
  const { account, version, created, updated, time, live } = record;
  const [collection, key, ref, data] = [record.collection, record.key, record.ref ?? "", record.data].map(utf8);
  if (!collection || !key || !ref || !data || account.length !== 32) throw new LocalError("no record");
  return sha2562(
    RECORD_TAG,
    account,
    u8(collection.length),
    collection,
    u16(key.length),
    key,
    u64(version),
    u64(created.height),
    u32(created.index),
    u64(updated.height),
    u32(updated.index),
    i64(time),
    u8(live ? 1 : 0),
    u16(ref.length),
    ref,
    u32(data.length),
    data
  );
}
function openValue(value, table) {
  if (value.length !== sizes(table)[1]) throw new LedgerError("row_malformed");
  return new Reader(value, "row_malformed");
}
function decodeRecordValue(value) {
  const reader = openValue(value, RECORDS);
  const [digest, live] = [reader.take(32), reader.u8()];
  if (live > 1) throw new LedgerError("row_malformed");
  return { digest, live: live === 1 };
}
function decodeRatingValue(value) {
  const reader = openValue(value, RATINGS);
  const rating = { stars: reader.u8(), height: reader.u64(), index: reader.u32() };
  if (rating.stars < 1 || rating.stars > 5) throw new LedgerError("row_malformed");
  return rating;
}
function encodeWindowKey(expiry, id) {
  return concat(u64(expiry), id);
}
function decodeWindowValue(value) {
  const reader = openValue(value, WINDOW);
  return { height: reader.u64(), index: reader.u32(), result: reader.u16() };
}
function decodeAccountValue(value) {
  const reader = openValue(value, ACCOUNTS);
  return { account: reader.take(32), inviter: reader.take(32), height: reader.u64(), index: reader.u32() };
}

// src/formats/proof.js
async function verifyState(header, height, root, nodes) {
  if (header.rootHeight !== BigInt(height)) throw new LedgerError("proof_height");
  if (!equal(header.root, root)) throw new LedgerError("proof_root");
  return ProvenState.open(header.rootHeight, header.root, nodes);
}
var ProvenState = class _ProvenState {
  #nodes;
  #tables;
  /** By the hash in hex, the slot and what the entry says besides: each is checked once. @type {Map<string, Opened>} */
  #opened = /* @__PURE__ */ new Map();
  /** @param {bigint} height @param {Bytes} root @param {Map<string, Uint8Array>} nodes By their hashes in hex. */
  constructor(height, root, nodes) {
    this.height = height;
    this.root = root;
    this.#nodes = nodes;
    this.#tables = decodeState(this.#find(root));
  }
  /**
   * @param {number | bigint} height @param {Bytes} root @param {readonly Uint8Array[]} nodes In any order.
   * @returns {Promise<ProvenState>}
   * @throws {LedgerError} `proof_node_missing` or `node_malformed`.
   */
  static async open(height, root, nodes) {
    const hashed = await Promise.all(nodes.map(async (node) => (
      /** @type {const} */
      [toHex(await sha2562(node)), node]
    )));
    return new _ProvenState(BigInt(height), root, new Map(hashed));
  }
  /** The sums over everything. @returns {ProvenTotals} */
  totals() {
    const [records, ratings, accounts] = [this.#table(RECORDS), this.#table(RATINGS), this.#table(ACCOUNTS)];
    return {
      height: this.height,
      root: this.root,
      ratingsSum: ratings.sum,
      ratingsCount: ratings.count,
      records: records.count,
      accounts: accounts.rows
    };
  }
  /**
   * @param {string} address
   * @returns {Promise<{digest: Bytes, live: boolean} | null>} A record's digest and whether it is live (false: a
   *   tombstone); null if it was never there.
   */
  async record(address) {
    const value = this.#row(RECORDS, await recordHash(address));
    return value && decodeRecordValue(value);
  }
  /**
   * Check that a record stands exactly so.
   *
   * @param {import("./nodes.js").RecordFields} record
   * @throws {LedgerError} `proof_row_wrong`.
   */
  async checkRecord(record) {
    const digest = await recordDigest(record);
    const found = await this.record(formatAddress(record.account, record.collection, record.key));
    if (!found || !equal(found.digest, digest) || found.live !== record.live) throw new LedgerError("proof_row_wrong");
  }
  /**
   * @param {string} address
   * @returns {Promise<{sum: bigint, count: bigint}>} Of all ratings of a record, of which none can have been withheld.
   */
  async ratings(address) {
    return this.#sums(RATINGS, toHex(await recordHash(address)));
  }
  /**
   * @param {string} address @param {number} sum @param {number} count
   * @throws {LedgerError} `proof_sums_wrong`: the ratings' sum or number is another.
   */
  async checkRatings(address, sum, count) {
    const found = await this.ratings(address);
    if (found.sum !== BigInt(sum) || found.count !== BigInt(count)) throw new LedgerError("proof_sums_wrong");
  }
  /**
   * @param {string} address @param {Uint8Array} account
   * @returns {Promise<import("./nodes.js").RatingValue | null>} One account's rating of a record.
   */
  async rating(address, account) {
    const value = this.#row(RATINGS, concat(await recordHash(address), await accountHash(account)));
    return value && decodeRatingValue(value);
  }
  /** @param {Uint8Array} account @returns {Promise<import("./nodes.js").AccountValue | null>} */
  async account(account) {
    const value = this.#row(ACCOUNTS, await accountHash(account));
    const found = value && decodeAccountValue(value);
    if (found && !equal(found.account, account)) throw new LedgerError("proof_row_wrong");
    return found;
  }
  /**
   * Where in the log an operation is and its result; null if no block up to this height holds it.
   *
   * @param {Uint8Array} id
   * @param {number | bigint} expiry The operation's own, not below this state's height: later states forget its id.
   * @returns {Promise<import("./nodes.js").WindowValue | null>}
   * @throws {LedgerError} Besides, `proof_height`: the state has forgotten the id, if it ever knew it.
   */
  async operation(id, expiry) {
    if (BigInt(expiry) < this.height) {
      throw new LedgerError("proof_height", "A state knows only operations that do not expire below its height.");
    }
    const value = this.#row(WINDOW, encodeWindowKey(BigInt(expiry), id));
    return value && decodeWindowValue(value);
  }
  /** @param {string} name @returns {Promise<Bytes | null>} The hash of what governs the network under a name. */
  async system(name) {
    return this.#row(SYSTEM, await sha2562(utf8(name)));
  }
  // The walk
  /** @param {number} number @returns {Entry} */
  #table(number2) {
    return (
      /** @type {Entry} */
      this.#tables[number2]
    );
  }
  /** @param {Uint8Array} hash @returns {Uint8Array} */
  #find(hash2) {
    const node = this.#nodes.get(toHex(hash2));
    if (!node) throw new LedgerError("proof_node_missing");
    return node;
  }
  /**
   * The node of an entry, which must keep what the entry says of it and lie below the slot.
   *
   * @param {number} table @param {string} slot @param {Entry} entry
   * @returns {Opened}
   */
  #open(table, slot, entry) {
    const name = [toHex(entry.hash), table, slot, entry.sum, entry.count, entry.rows].join();
    const known = this.#opened.get(name);
    if (known) return known;
    const opened = this.#check(table, slot, entry);
    this.#opened.set(name, opened);
    return opened;
  }
  /** @param {number} table @param {string} slot @param {Entry} entry @returns {Opened} */
  #check(table, slot, entry) {
    const raw = this.#find(entry.hash);
    const isLeaf = entry.rows <= BigInt(PAGE_ROWS);
    const leaf = isLeaf ? decodeLeaf(raw) : null;
    const inner = isLeaf ? null : decodeInner(raw);
    const { totals, table: of } = (
      /** @type {import("./nodes.js").Leaf | import("./nodes.js").Inner} */
      leaf ?? inner
    );
    const isBelow2 = leaf ? leaf.rows.every(({ key }) => toHex(key).startsWith(slot)) : inner?.path.startsWith(slot);
    const isSame = totals.sum === entry.sum && totals.count === entry.count && totals.rows === entry.rows;
    if (of !== table || !isSame || !isBelow2) throw new LedgerError("proof_node_wrong");
    return { leaf, inner };
  }
  /** @param {number} table @param {Uint8Array} key @returns {Bytes | null} */
  #row(table, key) {
    const wanted = toHex(key);
    let slot = "";
    let entry = this.#table(table);
    while (entry.rows) {
      const { leaf, inner } = this.#open(table, slot, entry);
      if (leaf) return leaf.rows.find((row) => equal(row.key, key))?.value ?? null;
      if (!inner || !wanted.startsWith(inner.path)) return null;
      const digit2 = wanted.charAt(inner.path.length);
      slot = inner.path + digit2;
      entry = inner.children.get(digit2) ?? NO_ROWS;
    }
    return null;
  }
  /**
   * The sum and the count over all rows whose keys begin with a prefix of at least one digit.
   *
   * @param {number} table @param {string} prefix
   * @returns {{sum: bigint, count: bigint}}
   */
  #sums(table, prefix) {
    let slot = "";
    let entry = this.#table(table);
    while (entry.rows && !slot.startsWith(prefix)) {
      const { leaf, inner } = this.#open(table, slot, entry);
      if (leaf) return leafTotals(table, leaf.rows.filter(({ key }) => toHex(key).startsWith(prefix)));
      if (!inner || inner.path.startsWith(prefix)) break;
      if (!prefix.startsWith(inner.path)) return NO_ROWS;
      const digit2 = prefix.charAt(inner.path.length);
      slot = inner.path + digit2;
      entry = inner.children.get(digit2) ?? NO_ROWS;
    }
    return entry;
  }
};
function dataHashText({ height, root, ratingsSum, ratingsCount, records, accounts }) {
  return `{"height":${height},"root":"${toHex(root)}","ratings_sum":${ratingsSum},"ratings_count":${ratingsCount},"records":${records},"accounts":${accounts}}`;
}

// src/formats/receipt.js
var PROTOCOL = 1;
var RECEIPT_SIZE = 112;
var METHOD_BYTES_MAX = 64;
function makeReceipt(fields) {
  const { network, id, node, height, expiry } = fields;
  return { ...fields, raw: concat(network, id, node, u64(height), u64(expiry)) };
}
function decodeReceipt(raw) {
  const reader = new Reader(raw, "receipt_malformed");
  const [network, id, node] = [reader.take(32), reader.take(32), reader.take(32)];
  const [height, expiry] = [reader.u64(), reader.u64()];
  reader.end();
  return { network, id, node, height, expiry, raw: (
    /** @type {Bytes} */
    raw
  ) };
}
async function verifyReceipt(receipt, signature) {
  if (!await verify(receipt.node, RECEIPT, receipt.raw, signature)) throw new LedgerError("receipt_signature");
}
function makeSignedForm(fields) {
  const { network, node, protocol, height, root, paramsHash, answerHash } = fields;
  const method = utf8(fields.method);
  if (!isMethod(method)) throw new LocalError("a method's name is 1 to 64 ASCII characters");
  const head = concat(network, node, u32(protocol), u64(height), root, paramsHash, answerHash);
  return { ...fields, raw: concat(head, u8(method.length), method) };
}
function decodeSignedForm(raw) {
  const reader = new Reader(raw, "answer_malformed");
  const fields = {
    network: reader.take(32),
    node: reader.take(32),
    protocol: reader.u32(),
    height: reader.u64(),
    root: reader.take(32),
    paramsHash: reader.take(32),
    answerHash: reader.take(32)
  };
  const method = reader.take(reader.u8());
  reader.end();
  if (!isMethod(method)) throw new LedgerError("answer_malformed");
  return { ...fields, method: String.fromCharCode(...method), raw: (
    /** @type {Bytes} */
    raw
  ) };
}
function isMethod(method) {
  return method.length >= 1 && method.length <= METHOD_BYTES_MAX && method.every((byte) => byte < 128);
}
async function verifySignedForm(form, signature, text) {
  if (!await verify(form.node, ANSWER, form.raw, signature)) throw new LedgerError("answer_signature");
  if (text !== void 0 && !equal(await sha2562(utf8(text)), form.answerHash)) throw new LedgerError("answer_other");
}

// src/formats/evidence.js
var EVIDENCE_BYTES_MAX = 65536;
var COMPARABLE = /* @__PURE__ */ new Set(["getrecord", "listrecords", "getratings", "getaccount", "getdatahash"]);
var NODES_MAX = 256;
var KINDS = (
  /** @type {const} */
  ["votes", "answers", "answer", "receipt"]
);
function encodeSigned({ form, signature }) {
  return concat(u16(form.raw.length), form.raw, signature);
}
function answersEvidence(one, other) {
  const isFirst = compare(encodeSigned(one), encodeSigned(other)) <= 0;
  return { kind: "answers", first: isFirst ? one : other, second: isFirst ? other : one };
}
function encodeEvidence(evidence) {
  const kind = u8(KINDS.indexOf(evidence.kind) + 1);
  switch (evidence.kind) {
    case "votes":
      return concat(kind, evidence.network, evidence.first.raw, evidence.second.raw);
    case "answers": {
      const { first, second } = evidence;
      return concat(kind, first.form.network, encodeSigned(first), encodeSigned(second));
    }
    case "answer": {
      const { signed, header, finality, state } = evidence;
      const head = concat(kind, signed.form.network, encodeSigned(signed), header.raw);
      return concat(head, u16(state.length), state, encodeFinality(finality));
    }
    case "receipt": {
      const { receipt, signature, header, finality, nodes } = evidence;
      const listed = nodes.flatMap((node) => [u16(node.length), node]);
      const head = concat(kind, receipt.network, receipt.raw, signature, header.raw);
      return concat(head, u16(nodes.length), ...listed, encodeFinality(finality));
    }
  }
}
function decodeEvidence(raw) {
  if (raw.length > EVIDENCE_BYTES_MAX) throw new LedgerError("evidence_too_large");
  const reader = new Reader(raw, "evidence_malformed");
  const kind = KINDS[reader.u8() - 1];
  const network = reader.take(32);
  if (!kind) throw new LedgerError("evidence_malformed");
  const evidence = DECODERS[kind](reader, network);
  if (!equal(encodeEvidence(evidence), raw)) throw new LedgerError("evidence_malformed");
  return evidence;
}
var DECODERS = {
  votes(reader, network) {
    const votes = [decodeVote(reader.take(VOTE_SIZE)), decodeVote(reader.take(VOTE_SIZE))];
    const [first, second] = (
      /** @type {[Vote, Vote]} */
      votes.sort((one, other) => compare(one.raw, other.raw))
    );
    return { kind: "votes", network, first, second };
  },
  answers: (reader) => answersEvidence(takeSigned(reader), takeSigned(reader)),
  answer(reader) {
    const [signed, header, state] = [takeSigned(reader), decodeHeader(reader.take(HEADER_SIZE)), reader.counted()];
    return { kind: "answer", signed, header, state, finality: decodeFinality(reader.rest()) };
  },
  receipt(reader) {
    const [receipt, signature] = [decodeReceipt(reader.take(RECEIPT_SIZE)), reader.take(SIGNATURE_SIZE)];
    const [header, count] = [decodeHeader(reader.take(HEADER_SIZE)), reader.u16()];
    if (count > NODES_MAX) throw new LedgerError("evidence_malformed");
    const nodes = Array.from({ length: count }, () => reader.counted());
    return { kind: "receipt", receipt, signature, header, nodes, finality: decodeFinality(reader.rest()) };
  }
};
function takeSigned(reader) {
  return { form: decodeSignedForm(reader.counted()), signature: reader.take(SIGNATURE_SIZE) };
}
async function judge(evidence, network, findEpoch) {
  switch (evidence.kind) {
    case "votes":
      return judgeVotes(evidence, network, findEpoch);
    case "answers":
      return judgeAnswers(evidence, network);
    case "answer":
      return judgeAnswer(evidence, network, findEpoch);
    case "receipt":
      return judgeReceipt(evidence, network, findEpoch);
  }
}
async function judgeVotes({ first, second, network: named2 }, network, findEpoch) {
  checkNetwork(named2, network);
  if (!contradict(first, second)) throw new LedgerError("evidence_nothing");
  const { validators } = findKnown(findEpoch, first.epoch);
  const areTrue = await Promise.all([first, second].map((vote) => verifyVote(vote, network, validators)));
  const culprit = validators[first.validator];
  if (areTrue.includes(false) || !culprit) throw new LedgerError("evidence_signature");
  const what = first.kind === second.kind ? "voted twice" : "voted for two things";
  const summary = `The validator ${what} in view ${first.view} of epoch ${first.epoch}.`;
  return { kind: "votes", culprit: toHex(culprit), epoch: Number(first.epoch), isProof: true, summary };
}
async function judgeAnswers({ first, second }, network) {
  const [one, other] = [first.form, second.form];
  checkNetwork(one.network, network);
  const isSameAnswer = equal(one.root, other.root) && equal(one.answerHash, other.answerHash);
  if (!isSameQuestion(one, other) || isSameAnswer) throw new LedgerError("evidence_nothing");
  for (const { form, signature } of [first, second]) await verifySignedForm(form, signature);
  const summary = `The node signed two different answers to the same ${one.method} at height ${one.height}.`;
  return { kind: "answers", culprit: toHex(one.node), epoch: 0, isProof: true, summary };
}
function isSameQuestion(one, other) {
  return COMPARABLE.has(one.method) && one.method === other.method && one.protocol === other.protocol && one.height === other.height && equal(one.network, other.network) && equal(one.node, other.node) && equal(one.paramsHash, other.paramsHash);
}
async function judgeAnswer({ signed, header, finality, state }, network, findEpoch) {
  const { form, signature } = signed;
  checkNetwork(form.network, network);
  if (header.rootHeight !== form.height) throw new LedgerError("proof_height");
  let what = `a state root for height ${form.height} that is not the one which the validators signed`;
  if (state.length) {
    await checkSums(form, header, state);
    what = `sums for height ${form.height} that are not those of the state root which the validators signed`;
  } else if (equal(header.root, form.root)) {
    throw new LedgerError("evidence_nothing");
  }
  await verifySignedForm(form, signature);
  await findKnown(findEpoch, header.epoch).verify(header, finality);
  const summary = `The node signed ${what} (${form.method}).`;
  return { kind: "answer", culprit: toHex(form.node), epoch: Number(header.epoch), isProof: true, summary };
}
async function checkSums(form, header, state) {
  if (state.length !== STATE_SIZE || !equal(header.root, form.root)) throw new LedgerError("evidence_malformed");
  const noParams = await sha2562(utf8("{}"));
  if (form.method !== "getdatahash" || form.protocol !== 1 || !equal(form.paramsHash, noParams)) {
    throw new LedgerError("evidence_nothing");
  }
  const text = dataHashText((await ProvenState.open(form.height, header.root, [state])).totals());
  if (equal(await sha2562(utf8(text)), form.answerHash)) throw new LedgerError("evidence_nothing");
}
async function judgeReceipt({ receipt, signature, header, finality, nodes }, network, findEpoch) {
  checkNetwork(receipt.network, network);
  if (header.rootHeight !== receipt.expiry) {
    throw new LedgerError("proof_height", "The header carries the state root of another height than the expiry's.");
  }
  await verifyReceipt(receipt, signature);
  await findKnown(findEpoch, header.epoch).verify(header, finality);
  const state = await ProvenState.open(receipt.expiry, header.root, nodes);
  if (await state.operation(receipt.id, receipt.expiry)) throw new LedgerError("evidence_nothing");
  const summary = `The node took operation ${toHex(receipt.id)}, and no block up to its expiry ${receipt.expiry} held it.`;
  return { kind: "receipt", culprit: toHex(receipt.node), epoch: Number(header.epoch), isProof: false, summary };
}
function checkNetwork(named2, network) {
  if (!equal(named2, network)) throw new LedgerError("evidence_network");
}
function findKnown(findEpoch, number2) {
  const epoch = findEpoch(number2);
  if (!epoch) throw new LedgerError("evidence_epoch");
  return epoch;
}

// src/trust/epochchain.js
var PAGE = 50;
var EpochChain = class _EpochChain {
  /** @type {Map<bigint, Epoch>} */
  #epochs;
  /** @param {Epoch} trusted Where to begin: the genesis's epoch, or one that was verified earlier. */
  constructor(trusted) {
    this.#epochs = /* @__PURE__ */ new Map([[trusted.number, trusted]]);
    this.newest = trusted;
  }
  /** @param {import("../formats/genesis.js").Genesis} genesis @returns {EpochChain} All that is known at the beginning. */
  static ofGenesis(genesis) {
    return new _EpochChain(Epoch.ofGenesis(genesis));
  }
  /** The network's id. */
  get network() {
    return this.newest.network;
  }
  /** @param {bigint | number} number @returns {Epoch | undefined} An epoch; undefined if it is not known (yet). */
  find(number2) {
    return this.#epochs.get(BigInt(number2));
  }
  /**
   * Check that a header is final by the validators of its epoch. One that ends its epoch ends it here at once: what was
   * built on it in that epoch is final too, and was discarded.
   *
   * @param {Header} header @param {Finality} finality
   * @throws {LedgerError} `header_epoch` if that one is not known: `follow` first. Else as `Epoch.verify`.
   */
  async verify(header, finality) {
    const epoch = this.find(header.epoch);
    if (!epoch) {
      throw new LedgerError("header_epoch", `Epoch ${header.epoch} is not known: the newest is ${this.newest.number}.`);
    }
    await epoch.verify(header, finality);
    if (header.endsEpoch) this.close(header);
  }
  /** Whether a header that was verified is now known to be above its epoch's end. @param {Header} header */
  isDiscarded(header) {
    const last = this.find(header.epoch)?.last ?? null;
    return last !== null && header.height > last;
  }
  /**
   * Ask a node for all epochs after the newest one, and check them.
   *
   * @param {(method: "getepochs", params: {limit: number, after?: number}) => Promise<unknown>} ask Gives the result.
   * @returns {Promise<Epoch>} The newest one now.
   * @throws {LedgerError} What the node told is not so: the codes of headers, certificates, `finality_` and `epoch_`,
   *   `block_validators`. What was verified before that is kept.
   */
  async follow(ask3) {
    let after = this.newest.number === 0n ? void 0 : Number(this.newest.number) - 1;
    let end = null;
    for (; ; ) {
      const page = readPage(await ask3("getepochs", after === void 0 ? { limit: PAGE } : { limit: PAGE, after }));
      for (const told of page.epochs) {
        await this.#take(told, end);
        end = told.end === null ? null : readFinal(told.end);
      }
      if (!page.goesOn || !page.epochs.length || end === null) return this.newest;
      after = Number(this.newest.number);
    }
  }
  /** @param {ToldEpoch} told The next epoch. @param {{header: Header, finality: Finality} | null} end Of the one before. */
  async #take(told, end) {
    const { newest } = this;
    if (!end) {
      const isSame = told.validators.length === newest.validators.length && told.validators.every((key, at2) => equal(
        key,
        /** @type {Bytes} */
        newest.validators[at2]
      ));
      if (told.epoch !== newest.number || !isSame) {
        throw new LedgerError("block_validators", `Epoch ${told.epoch} is told with other validators.`);
      }
      return;
    }
    const after = await newest.next(end.header, end.finality, told.validators);
    if (told.epoch !== after.number) {
      throw new LedgerError("header_epoch", `Epoch ${told.epoch} is told where ${after.number} follows.`);
    }
    this.close(end.header);
    this.#epochs.set(after.number, after);
    this.newest = after;
  }
  /** An epoch goes on no further. @param {Header} header Of the block that ended it, which was verified. */
  close(header) {
    const known = this.#epochs.get(header.epoch);
    if (!known || known.last !== null) return;
    const closed = known.closed(header);
    this.#epochs.set(closed.number, closed);
    if (this.newest.number === closed.number) this.newest = closed;
    this.epochClosed(closed);
  }
  /** Told of each epoch whose end is known from now on: for those that derive from this. @param {Epoch} _epoch */
  epochClosed(_epoch) {
  }
};
function readPage(told) {
  if (!isObject2(told) || !Array.isArray(told.epochs) || told.epochs.length > PAGE) {
    throw new LedgerError("finality_malformed", "The node's epochs are not of the documented form.");
  }
  return { epochs: told.epochs.map(readEpoch), goesOn: isCount(told.next) };
}
function readEpoch(told) {
  if (isObject2(told) && isCount(told.epoch) && Array.isArray(told.validators) && "end" in told) {
    const { epoch, validators, end } = told;
    if (validators.length <= VALIDATORS_MAX) {
      return { epoch: BigInt(epoch), validators: validators.map((key) => decodeAccount(key)), end };
    }
  }
  throw new LedgerError("finality_malformed", "An epoch that the node tells is not of the documented form.");
}

// src/formats/comparing.js
async function makeYardstick(header, finality, nodes) {
  const hashes2 = await Promise.all(nodes.map((node) => sha2562(node)));
  const state = nodes[hashes2.findIndex((hash2) => equal(hash2, header.root))] ?? new Uint8Array(0);
  return { header, finality, state: (
    /** @type {Bytes} */
    state
  ) };
}
async function weigh({ header, finality, state }, node, signed, text) {
  const { form, signature } = signed;
  const isAsked = form.method === "getdatahash" && form.protocol === PROTOCOL && form.height === header.rootHeight && equal(form.network, header.network) && equal(form.node, node) && equal(form.paramsHash, await sha2562(utf8("{}")));
  if (!isAsked) throw new LedgerError("answer_other", "The signed answer is not one to the question that was asked.");
  await verifySignedForm(form, signature, text);
  const none = new Uint8Array(0);
  if (!equal(form.root, header.root)) return { kind: "answer", signed, header, finality, state: none };
  if (!state.length) return null;
  const totals = (await ProvenState.open(header.rootHeight, header.root, [state])).totals();
  return text === dataHashText(totals) ? null : { kind: "answer", signed, header, finality, state };
}

// src/trust/proving.js
var POSITIONS = (
  /** @type {Record<string, string[]>} */
  {
    getdatahash: [],
    getrecord: ["account", "collection", "key"],
    getratings: ["record", "account", "after", "limit"],
    getaccount: ["account"],
    listrecords: ["account", "collection", "ref", "order", "after", "limit"],
    search: ["text", "collection", "after", "limit"]
  }
);
function isProvable(method, params) {
  if (!Object.hasOwn(POSITIONS, method)) return false;
  return method !== "getratings" || byName(method, params).record !== void 0;
}
function byName(method, params) {
  const names = POSITIONS[method] ?? [];
  const members = Array.isArray(params) ? params.slice(0, names.length).map((value, at2) => (
    /** @type {[string, unknown]} */
    [names[at2], value]
  )) : Object.entries(isObject2(params) ? params : {});
  return Object.fromEntries(members.filter(([, value]) => value !== null && value !== void 0));
}
async function checkResult(state, method, params, raw) {
  const check = Object.hasOwn(CHECKS, method) ? CHECKS[method] : void 0;
  if (!check) throw new LocalError(`${method} has no proof`);
  try {
    return await check(state, params, raw);
  } catch (error) {
    if (!(error instanceof LocalError)) throw error;
    throw new LedgerError("proof_row_wrong", `The answer is not of the documented form: ${error.message}.`);
  }
}
async function checkAbsence(state, method, params, code) {
  let isThere;
  if (code === "account_unknown" && method === "getaccount") {
    isThere = await state.account(decodeAccount(params.account)) !== null;
  } else if (code === "record_unknown" && method === "getrecord") {
    isThere = await state.record(recordOf(params).address) !== null;
  } else if (code === "record_unknown" && method === "getratings") {
    isThere = (await state.ratings(textOf(params, "record"))).count > 0n;
  } else {
    throw new LedgerError("proof_row_wrong", `${code} is no answer to ${method}.`);
  }
  if (isThere) throw new LedgerError("proof_row_wrong", "The node denies what the state root shows.");
  return method === "getratings" ? "partly" : "proof";
}
function textOf(params, name) {
  const value = params[name];
  if (typeof value !== "string") throw new LedgerError("proof_row_wrong", `The parameter ${name} is missing.`);
  return value;
}
function recordOf(params) {
  const account = decodeAccount(params.account);
  const [collection, key] = [textOf(params, "collection"), textOf(params, "key")];
  return { account, collection, key, address: formatAddress(account, collection, key) };
}
var RECORD_MEMBERS = /* @__PURE__ */ new Set([
  "account",
  "collection",
  "key",
  "data",
  "ref",
  "version",
  "deleted",
  "created",
  "updated",
  "time",
  "ratings_sum",
  "ratings_count"
]);
var RATING_MEMBERS = /* @__PURE__ */ new Set(["record", "account", "stars", "given"]);
var ONE_RATING_MEMBERS = /* @__PURE__ */ new Set(["ratings", "sum", "count", "next"]);
function refuseOthers(told, members) {
  const unknown = Object.keys(told).find((name) => !members.has(name));
  if (unknown !== void 0) throw new LedgerError("proof_row_wrong", "The answer has a member that nothing proves.");
}
function unlike() {
  return new LedgerError("proof_row_wrong", "The answer is not of the documented form.");
}
async function checkTotals(state, _, raw) {
  if (raw !== dataHashText(state.totals())) throw new LedgerError("proof_sums_wrong");
  return "proof";
}
async function checkRecord(state, params, raw) {
  const told = parseObject(raw, "proof_row_wrong");
  const { collection, key } = recordOf(params);
  if (told.account !== params.account || told.collection !== collection || told.key !== key) {
    throw new LedgerError("proof_row_wrong", "The answer is another record than the one asked for.");
  }
  await compareRecord(state, told, raw);
  return "proof";
}
async function compareRecord(state, told, raw) {
  refuseOthers(told, RECORD_MEMBERS);
  const { account, collection, key, address } = recordOf(told);
  const { version, created, updated, time, deleted, ref } = told;
  const { ratings_sum: sum, ratings_count: count } = told;
  const data = memberTexts(raw).get("data");
  if (!isCount(version) || !isPlace(created) || !isPlace(updated) || !isCount(time)) throw unlike();
  if (typeof deleted !== "boolean" || !(ref === null || typeof ref === "string") || data === void 0) throw unlike();
  if (!isCount(sum) || !isCount(count)) throw unlike();
  if (deleted && data !== "null") throw new LedgerError("proof_row_wrong", "A deleted record is told with data.");
  const written = { account, collection, key, version, created, updated, time, live: !deleted, ref };
  await state.checkRecord({ ...written, data: deleted ? "" : data });
  await state.checkRatings(address, sum, count);
  return { updated, created, sum, count };
}
async function checkPage(state, params, raw) {
  const page = parseObject(raw, "proof_row_wrong").records;
  const texts = memberTexts(raw).get("records");
  if (!Array.isArray(page) || texts === void 0) throw unlike();
  const isBest = params.order === "best";
  let last = readAfter(params.after);
  for (const [at2, text] of itemTexts(texts).entries()) {
    const told = page[at2];
    const isWanted = isObject2(told) && told.deleted === false && ["account", "collection", "ref"].every((name) => params[name] === void 0 || params[name] === told[name]);
    if (!isWanted) throw new LedgerError("proof_row_wrong", "The page has a record that does not belong there.");
    const { updated, created, sum, count } = await compareRecord(state, told, text);
    const place = isBest ? [rank(sum, count), BigInt(created.height), BigInt(created.index)] : placeOf(updated);
    if (last && comparePlaces(last, place) <= 0) {
      throw new LedgerError("proof_row_wrong", "The page's records are not in their order.");
    }
    last = place;
  }
  return "partly";
}
function placeOf({ height, index }) {
  return [BigInt(height), BigInt(index)];
}
function readAfter(after) {
  if (isPlace(after)) return placeOf(after);
  return Array.isArray(after) && after.every(isCount) ? after.map(BigInt) : null;
}
function comparePlaces(one, other) {
  const at2 = one.findIndex((part, which) => part !== other[which]);
  return at2 < 0 ? one.length - other.length : Number(
    /** @type {bigint} */
    one[at2] - (other[at2] ?? -1n)
  );
}
function rank(sum, count) {
  return 1000000n * (BigInt(sum) + 15n) / (BigInt(count) + 5n);
}
async function checkRatings(state, params, raw) {
  const told = parseObject(raw, "proof_row_wrong");
  const { ratings, sum, count } = told;
  const record = textOf(params, "record");
  parseAddress(record);
  if (!Array.isArray(ratings) || !isCount(sum) || !isCount(count)) throw unlike();
  if (params.account === void 0) {
    await state.checkRatings(record, sum, count);
    return "partly";
  }
  refuseOthers(told, ONE_RATING_MEMBERS);
  const found = await state.rating(record, decodeAccount(params.account));
  const [one] = ratings;
  if (isObject2(one)) refuseOthers(one, RATING_MEMBERS);
  const isRight = found === null ? ratings.length === 0 && sum === 0 && count === 0 && told.next === null : ratings.length === 1 && sum === found.stars && count === 1 && isObject2(one) && one.record === record && one.account === params.account && one.stars === found.stars && isAt(one.given, found) && told.next === null;
  if (!isRight) throw new LedgerError("proof_row_wrong");
  return "proof";
}
function isAt(told, place) {
  return isPlace(told) && BigInt(told.height) === place.height && told.index === place.index;
}
async function checkAccount(state, params, raw) {
  const told = parseObject(raw, "proof_row_wrong");
  const row = await state.account(decodeAccount(params.account));
  const inviter = told.inviter === null ? new Uint8Array(32) : fromHex(told.inviter, "proof_row_wrong");
  const isRight = row && told.account === params.account && equal(inviter, row.inviter) && isAt(told.first, row);
  if (!isRight) throw new LedgerError("proof_row_wrong");
  return "partly";
}
var CHECKS = {
  getdatahash: checkTotals,
  getrecord: checkRecord,
  getratings: checkRatings,
  getaccount: checkAccount,
  listrecords: checkPage,
  search: checkPage
};

// src/trust/verifying.js
async function verifyAnswer(chain, method, params, { raw, rawContext }) {
  const { state, header } = await verifyContext(chain, rawContext);
  const checked = await checkResult(state, method, byName(method, params), raw);
  return { checked, header, height: Number(state.height) };
}
async function verifyDenial(chain, method, params, { code, rawContext }) {
  const { state, header } = await verifyContext(chain, rawContext);
  const checked = await checkAbsence(state, method, byName(method, params), code);
  return { checked, header, height: Number(state.height) };
}
async function verifyContext(chain, rawContext) {
  const context = readContext(rawContext);
  const proven = await verifyProof(chain, context.told.proof);
  if (Number(proven.state.height) !== context.height) throw new LedgerError("proof_height");
  return proven;
}
async function verifyProof(chain, told) {
  const { header, finality, height, root, nodes } = readProof(told);
  await chain.verify(header, finality);
  return { header, state: await verifyState(header, height, root, nodes) };
}
async function verifyOperationProof(chain, told, id, expiry) {
  const { state, header } = await verifyProof(chain, told);
  const value = await state.operation(id, expiry);
  const found = value && { height: Number(value.height), index: value.index, result: value.result };
  return { height: Number(state.height), header, found };
}
async function readSigned({ raw, rawContext }, method) {
  const code = "answer_malformed";
  const { network, height, signature: told } = parseObject(rawContext, code);
  if (!isCount(height) || !isObject2(told) || typeof told.params !== "string") throw new LedgerError(code);
  if (hasLoneSurrogate(told.params) || hasLoneSurrogate(raw)) throw new LedgerError(code);
  const signature = fromHex(told.signature, code);
  const fields = {
    network: take32(network, code),
    node: take32(told.node, code),
    protocol: PROTOCOL,
    height: BigInt(height),
    root: take32(told.root, code),
    paramsHash: await sha2562(utf8(told.params)),
    answerHash: await sha2562(utf8(raw)),
    method
  };
  const form = makeSignedForm(fields);
  await verifySignedForm(form, signature);
  return { form, signature };
}
function take32(text, code) {
  const bytes = fromHex(text, code);
  if (bytes.length !== 32) throw new LedgerError(code);
  return bytes;
}
async function weighState(chain, answer) {
  const signed = await readSigned(answer, "getdatahash");
  const { header, finality, height, root, nodes } = readProof(readContext(answer.rawContext).told.proof);
  await chain.verify(header, finality);
  if (height !== Number(header.rootHeight)) throw new LedgerError("proof_height");
  if (!equal(root, header.root)) throw new LedgerError("proof_root");
  const yardstick = await makeYardstick(header, finality, nodes);
  const evidence = await weigh(yardstick, signed.form.node, signed, answer.raw);
  const state = yardstick.state.length ? await verifyState(header, height, root, [yardstick.state]) : null;
  return {
    height,
    root: toHex(root),
    totals: state && state.totals(),
    node: toHex(signed.form.node),
    header,
    evidence: evidence && toHex(encodeEvidence(evidence))
  };
}
async function verifyToldReceipt(network, id, expiry, told) {
  const code = "receipt_malformed";
  if (!isObject2(told) || !isCount(told.height) || !isCount(told.expiry)) throw new LedgerError(code);
  const fields = {
    network: take32(told.network, code),
    id: take32(told.id, code),
    node: take32(told.node, code),
    height: BigInt(told.height),
    expiry: BigInt(told.expiry)
  };
  const signature = fromHex(told.signature, code);
  const receipt = makeReceipt(fields);
  if (!equal(fields.network, network) || !equal(fields.id, id) || told.expiry !== expiry) {
    throw new LedgerError("receipt_signature", "The receipt is for another operation.");
  }
  await verifyReceipt(receipt, signature);
  return receipt;
}

// src/session/clock.js
var realClock = {
  now: () => performance.now() / 1e3,
  later: (seconds, call) => {
    const timer = setTimeout(call, seconds * 1e3);
    return () => clearTimeout(timer);
  },
  unix: () => Date.now() / 1e3
};
function within(clock, waited, seconds, late) {
  return new Promise((resolve, reject) => {
    const forget = clock.later(seconds, () => reject(late()));
    waited.then(resolve, reject).finally(forget);
  });
}
function pause(clock, seconds, until) {
  return new Promise((resolve) => {
    const done = () => {
      forget();
      until.removeEventListener("abort", done);
      resolve(void 0);
    };
    const forget = clock.later(seconds, done);
    until.addEventListener("abort", done, { once: true });
    if (until.aborted) done();
  });
}
var Lock = class {
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  /**
   * @template T
   * @param {() => Promise<T>} work Runs when all before it is done.
   * @returns {Promise<T>}
   */
  run(work) {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {
    });
    return mine;
  }
};

// src/session/telltales.js
function noteBug(error) {
  if (!(error instanceof ClientError) && !(error instanceof LedgerError)) console.error("cloudnode:", error);
}
function tell(callback, told) {
  try {
    callback(told);
  } catch (error) {
    console.error("cloudnode: a function given to the session failed:", error);
  }
}

// src/session/checker.js
var HEIGHTS_KEPT = 4096;
var NODES_KEPT = 256;
var FinalChain = class extends EpochChain {
  /** By height. @type {Map<number, Final>} */
  #final = /* @__PURE__ */ new Map();
  /** The newest height that is known to be final. */
  newestHeight = 0;
  /** The number of the epoch that is trusted, and the epochs before it, once they were followed. */
  #first;
  /** @type {EpochChain | null} */
  #older = null;
  /** @param {Epoch} trusted */
  constructor(trusted) {
    super(trusted);
    this.#first = trusted;
  }
  /** @param {number} height @returns {Final | undefined} */
  findFinal(height) {
    return this.#final.get(height);
  }
  /** @override @param {bigint | number} number */
  find(number2) {
    return super.find(number2) ?? (BigInt(number2) < this.#first.number ? this.#older?.find(number2) : void 0);
  }
  /** Whether there are epochs before the trusted one that were not followed yet. */
  get hasOlder() {
    return !this.#older && this.#first.number > 0n;
  }
  /**
   * Ask a node for the epochs between the genesis and the one that is trusted, and check them: they have to lead there.
   *
   * @param {Parameters<EpochChain["follow"]>[0]} ask
   * @param {import("../formats/genesis.js").Genesis} genesis
   * @throws {LedgerError} What the node told is not so, or leads elsewhere (`block_validators`).
   * @throws {ClientError} It did not answer, or does not know of so many epochs.
   */
  async followBack(ask3, genesis) {
    const older = EpochChain.ofGenesis(genesis);
    await older.follow(ask3);
    const [told, { number: number2, base, validators }] = [older.find(this.#first.number), this.#first];
    if (!told) throw new ConnectionFailed(`The node does not tell of the epochs up to ${number2}.`);
    if (told.base !== base || told.validators.map(toHex).join() !== validators.map(toHex).join()) {
      throw new LedgerError("block_validators", `Epoch ${number2} is told with other validators.`);
    }
    this.#older = older;
  }
  /** A header that an earlier session verified. @param {Header} header */
  async trust(header) {
    const final = { header, hash: toHex(await headerHash(header)) };
    if (!this.isDiscarded(header)) this.#keep(final);
    if (header.endsEpoch) this.close(header);
  }
  /** @param {Final} final */
  #keep(final) {
    const height = Number(final.header.height);
    this.#final.set(height, final);
    this.newestHeight = Math.max(this.newestHeight, height);
    if (this.#final.size > HEIGHTS_KEPT) this.#final.delete(Math.min(...this.#final.keys()));
  }
  /** Forget the blocks that were discarded with the end of their epoch. @override @param {Epoch} epoch */
  epochClosed(epoch) {
    for (const [height, { header }] of this.#final) if (this.isDiscarded(header)) this.#final.delete(height);
    this.newestHeight = Math.max(Number(epoch.last), ...this.#final.keys());
  }
  /**
   * @override
   * @param {Header} header
   * @param {import("../formats/finality.js").Finality} finality
   */
  async verify(header, finality) {
    const height = Number(header.height);
    if (equal(this.#final.get(height)?.header.raw ?? new Uint8Array(0), header.raw)) return;
    await this.verifyAnew(header, finality);
    const hash2 = toHex(await headerHash(header));
    if (this.isDiscarded(header)) throw new LedgerError("header_discarded");
    const known = this.#final.get(height);
    if (known && !equal(known.header.raw, header.raw)) {
      throw new LedgerError("finality_chain", `Two blocks of height ${height} are final.`);
    }
    this.#keep({ header, hash: hash2 });
  }
  /** Verify the signatures, even of a block that is known: for who hands them on. @type {EpochChain["verify"]} */
  verifyAnew(header, finality) {
    return super.verify(header, finality);
  }
};
var Checker = class _Checker {
  #chain;
  #following = new Lock();
  #onState;
  /** @type {Map<string, NodeState>} */
  #nodes = /* @__PURE__ */ new Map();
  /** @type {Omit<State, "nodes"> | null} */
  #totals = null;
  /**
   * @param {import("../formats/genesis.js").Genesis} genesis The network's beginning.
   * @param {Epoch} trusted The epoch to begin with.
   * @param {(state: State) => unknown} [onState] Told of each newer state that is proven.
   */
  constructor(genesis, trusted, onState = () => {
  }) {
    this.genesis = genesis;
    this.network = genesis.networkHex;
    this.#chain = new FinalChain(trusted);
    this.#onState = onState;
  }
  /**
   * Begin with what a node brings.
   *
   * @param {Client} client
   * @param {string | null} network The id that the genesis must have, in hex; null to trust the node in this alone.
   * @param {{onState?: (state: State) => unknown, saved?: import("./saved.js").SavedSession | null}} [options] `saved`: what
   *   an earlier session verified.
   * @returns {Promise<Checker>}
   * @throws {ConnectionFailed} It brings no genesis with this id, or epochs that do not follow from what is believed.
   */
  static async learn(client, network, { onState, saved = null } = {}) {
    try {
      const genesis = await fetchGenesis(client, network);
      const checker = new _Checker(genesis, saved?.epoch ?? Epoch.ofGenesis(genesis), onState);
      await checker.#chain.follow(askOf(client));
      if (saved?.header) await checker.#chain.trust(saved.header);
      return checker;
    } catch (error) {
      if (!(error instanceof ClientError || error instanceof LedgerError)) throw error;
      throw new ConnectionFailed(`${client.url} brought no genesis with its epochs: ${messageOf(error)}`);
    }
  }
  /** For a later session: the newest epoch, and the newest header that is known to be final. */
  save() {
    return { epoch: this.#chain.newest, header: this.findFinal(this.newest)?.header ?? null };
  }
  /** The newest height that is known to be final. */
  get newest() {
    return this.#chain.newestHeight;
  }
  /** Whether a block that was taken for one of the chain is known by now to be above its epoch's end. @param {Final} final */
  isDiscarded(final) {
    return this.#chain.isDiscarded(final.header);
  }
  /** A block that is known to be final; undefined if it is not known (any more). @param {number} height */
  findFinal(height) {
    return this.#chain.findFinal(height);
  }
  /** The newest state that was proven, and who proved one; null as long as none was. @returns {State | null} */
  get state() {
    if (!this.#totals) return null;
    return { ...this.#totals, nodes: [...this.#nodes.values()].sort((one, other) => other.height - one.height) };
  }
  /** It lied: what it proved before counts for nothing. @param {string} node */
  forgetNode(node) {
    this.#nodes.delete(node);
  }
  // Answers
  /**
   * Check a result.
   *
   * @param {Client} client Who answered.
   * @param {string} method
   * @param {unknown} params
   * @param {Answer} answer
   * @param {{proof: boolean}} options Whether a proof was asked for.
   * @returns {Promise<Checked>}
   * @throws {LedgerError} It is not so. @throws {ClientError} The node did not bring what the check needs.
   */
  async check(client, method, params, answer, { proof }) {
    if (proof) return (await this.#verify(client, () => verifyAnswer(this.#chain, method, params, answer))).checked;
    const { network, height, hash: hash2 } = readContext(answer.rawContext);
    if (toHex(network) !== this.network) throw new LedgerError("header_network");
    await this.checkFinal(client, height, toHex(hash2));
    return "certificate";
  }
  /**
   * Check an error that says what does not exist, for which a proof was asked.
   *
   * @param {Client} client
   * @param {string} method
   * @param {unknown} params
   * @param {import("./errors.js").RemoteError} error
   * @returns {Promise<Checked>}
   * @throws {LedgerError} It exists. @throws {ClientError} The node did not bring what the check needs.
   */
  async checkDenial(client, method, params, error) {
    return (await this.#verify(client, () => verifyDenial(this.#chain, method, params, error))).checked;
  }
  /**
   * Have a node prove where in the log an operation is.
   *
   * @param {Client} client
   * @param {{id: string, expiry: number}} operation
   * @param {number} height At this height or above, which is not above the expiry.
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<OperationProof>}
   * @throws {RangeError} The height is above the expiry, where no node could prove anything.
   * @throws {LedgerError} It is not so. @throws {ClientError} The node has no proof.
   */
  async proveOperation(client, { id, expiry }, height, options) {
    if (height > expiry) throw new RangeError(`No state above ${expiry} tells of the operation.`);
    const params = { of: "operation", id, expiry };
    let { result } = await client.call("getproof", params, { min_height: height }, options);
    let { state } = await this.#verify(client, () => verifyProof(this.#chain, result));
    if (state.height > BigInt(expiry)) {
      ({ result } = await client.call("getproof", params, { at: expiry }, options));
      ({ state } = await this.#verify(client, () => verifyProof(this.#chain, result)));
    }
    const at2 = Number(state.height);
    if (at2 < height || at2 > expiry) throw new LedgerError("proof_height");
    const row = await state.operation(decodeAccount(id), expiry);
    const { header, finality, nodes } = readProof(result);
    if (!row) await this.#chain.verifyAnew(header, finality);
    const found = row && { height: Number(row.height), index: row.index, result: row.result };
    return { found, height: at2, shown: { header, finality, nodes } };
  }
  /**
   * Have a node sign and prove its newest state, and compare what it signed with what the validators signed.
   *
   * @param {Client} client
   * @param {{timeout?: number}} [options]
   * @returns {Promise<Weighed>}
   * @throws {LedgerError} It brings no signature, or no proof. @throws {ClientError} It does not answer.
   */
  async weighState(client, options) {
    const answer = await client.call("getdatahash", {}, { sign: true, proof: true }, options);
    const { totals, height, node, evidence } = await this.#verify(client, () => weighState(this.#chain, answer));
    if (!totals && evidence === null) throw new LedgerError("proof_node_missing");
    if (evidence !== null) {
      const { header, finality } = readProof(readContext(answer.rawContext).told.proof);
      await this.#chain.verifyAnew(header, finality);
    }
    if (evidence === null) this.#agrees({ node, url: client.url, height }, answer.result);
    return { height, node, evidence };
  }
  /** A node has proven its newest state. @param {NodeState} node @param {any} totals */
  #agrees(node, totals) {
    this.#nodes.delete(node.node);
    this.#nodes.set(node.node, node);
    for (const oldest of this.#nodes.keys()) if (this.#nodes.size > NODES_KEPT) this.#nodes.delete(oldest);
    if (this.#totals && this.#totals.height >= node.height) return;
    this.#totals = totals;
    if (this.state) tell(this.#onState, this.state);
  }
  /**
   * What shows that a node signed two different answers to one question.
   *
   * @param {Answer[]} answers Of one node, the newest last.
   * @param {string} method
   * @returns {Promise<{node: string, evidence: string} | null>} In hex; null if they show nothing.
   */
  async contradiction(answers, method) {
    const [first, last] = [answers[0], answers.at(-1)];
    if (!first || !last || first === last) return null;
    try {
      const evidence = answersEvidence(await readSigned(first, method), await readSigned(last, method));
      const verdict = await judge(evidence, this.genesis.network, () => null);
      return { node: verdict.culprit, evidence: toHex(encodeEvidence(evidence)) };
    } catch (error) {
      if (error instanceof LedgerError) return null;
      throw error;
    }
  }
  /**
   * Check a node's receipt for an operation.
   *
   * @param {{id: string, expiry: number}} operation
   * @param {unknown} told As the node answered it.
   * @returns {Promise<import("./censorship.js").Promised>}
   * @throws {LedgerError} `receipt_malformed`, or `receipt_signature`: it is for something else, or not signed.
   */
  async checkReceipt({ id, expiry }, told) {
    const receipt = await verifyToldReceipt(this.genesis.network, decodeAccount(id), expiry, told);
    const signature = isObject2(told) ? fromHex(told.signature, "receipt_malformed") : new Uint8Array(0);
    return { receipt, signature };
  }
  /**
   * Check that the block at which an answer holds is final, once for each height.
   *
   * @param {Client} client
   * @param {number} height
   * @param {string} hash What a node told of it, in hex.
   * @throws {LedgerError} It is not, or the node brings another. @throws {ClientError} The node did not bring it.
   */
  async checkFinal(client, height, hash2) {
    const found = this.findFinal(height)?.hash ?? (height ? void 0 : this.network);
    const known = found === hash2 ? found : height ? (await this.learnFinal(client, height)).hash : this.network;
    if (known !== hash2) {
      throw new LedgerError("finality_chain", `Block ${height} is another than the one which the node names.`);
    }
  }
  /**
   * Have a node show a block's header and that it is final.
   *
   * @param {Client} client
   * @param {number} height From 1.
   * @param {{waits?: boolean, signal?: AbortSignal}} [options] `waits`: whether the node is to wait until it has the block.
   * @returns {Promise<Final>}
   * @throws {LedgerError} It is not final. @throws {ClientError} The node does not have it, or did not answer.
   */
  async learnFinal(client, height, { waits = false, ...options } = {}) {
    const context = waits ? { min_height: height } : {};
    const { result } = await client.call("getblock", { height, limit: 1 }, context, options);
    const { header, finality } = readFinal(result);
    if (header.height !== BigInt(height)) {
      throw new LedgerError("finality_chain", `The node shows block ${header.height} in place of ${height}.`);
    }
    await this.#verify(client, () => this.#chain.verify(header, finality));
    return { header, hash: toHex(await headerHash(header)) };
  }
  /**
   * The state that is proven by what came with an answer.
   *
   * @param {Client} client
   * @param {string} rawContext What the answer says of itself.
   * @returns {Promise<import("../formats/proof.js").ProvenState>}
   * @throws {LedgerError} It is not proven. @throws {ClientError} The node did not bring what the check needs.
   */
  async prove(client, rawContext) {
    const { height, told } = readContext(rawContext);
    const { state } = await this.#verify(client, () => verifyProof(this.#chain, told.proof));
    if (state.height !== BigInt(height)) throw new LedgerError("proof_height");
    return state;
  }
  /**
   * The lowest height at which the same data stands as at one that was seen: the one before, if its block is empty. A
   * network at rest makes an empty block now and then, whose state can't be proven until the next one comes.
   *
   * @param {number} height
   */
  leastHeight(height) {
    return this.findFinal(height)?.header.operationsCount === 0 ? height - 1 : height;
  }
  // Inside
  /**
   * Verify something, after following the epochs if it is of one that is not known yet.
   *
   * @template T
   * @param {Client} client Who brought it.
   * @param {() => Promise<T>} verify
   * @returns {Promise<T>}
   */
  async #verify(client, verify2) {
    const newest = this.#chain.newest.number;
    const ask3 = askOf(client);
    const steps = [
      async () => this.#chain.newest.number === newest && this.#chain.follow(ask3),
      async () => this.#chain.hasOlder && this.#chain.followBack(ask3, this.genesis)
    ];
    for (const step of steps) {
      try {
        return await verify2();
      } catch (error) {
        if (!(error instanceof LedgerError) || error.code !== "header_epoch") throw error;
      }
      await this.#following.run(step);
    }
    return verify2();
  }
};
function askOf(client) {
  return async (method, params) => (await client.call(method, params)).result;
}
async function fetchGenesis(client, network, options) {
  const told = take((await client.call("getgenesis", {}, void 0, options)).result, isObject2, "getgenesis");
  const genesis = await decodeGenesis(take(told.genesis, isText, "genesis"));
  if (network !== null && genesis.networkHex !== network) {
    throw new LedgerError("header_network", `The node is of network ${genesis.networkHex}.`);
  }
  return genesis;
}

// src/session/cloudsubscription.js
var CloudSubscription = class {
  #source;
  #ended;
  #isClosed = false;
  /** Why it ended, until somebody is told. @type {unknown} */
  #failure = null;
  /** The item that somebody asked for and gave up waiting for. @type {Promise<CloudItem | null> | null} */
  #asked = null;
  #lock = new Lock();
  /**
   * @param {Source} source
   * @param {(subscription: CloudSubscription) => void} ended Told when it is over.
   */
  constructor(source, ended) {
    this.#source = source;
    this.#ended = ended;
    this.ready = this.#lock.run(() => this.#open());
    this.ready.catch(() => {
    });
  }
  /** That of the last item taken, or where the subscription began; null as long as it has not. */
  get cursor() {
    return this.#source.cursor;
  }
  /** The node that serves it now, or tells when there is something to read; empty while it looks for one. */
  get url() {
    return this.#source.url;
  }
  [Symbol.asyncIterator]() {
    return this;
  }
  /** @returns {Promise<IteratorResult<CloudItem, undefined>>} */
  async next() {
    const asked = this.#asked ?? this.#lock.run(() => this.#next());
    this.#asked = null;
    const item = await asked;
    return item ? { value: item, done: false } : { value: void 0, done: true };
  }
  /** Leaving a loop. @returns {Promise<IteratorResult<CloudItem, undefined>>} */
  async return() {
    this.close();
    return { value: void 0, done: true };
  }
  /**
   * The next item, if it comes soon; nobody misses one by giving up.
   *
   * @param {Promise<unknown>} until Waits for the item until this is done.
   * @returns {Promise<CloudItem | null>} Null if it did not come, or if the subscription is closed.
   */
  async nextUntil(until) {
    this.#asked ??= this.#lock.run(() => this.#next());
    const asked = this.#asked;
    asked.catch(() => {
    });
    const item = await Promise.race([asked, until.then(() => null)]);
    if (item && this.#asked === asked) this.#asked = null;
    return item;
  }
  /** End it, at its node as well. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source.close();
    this.#ended(this);
  }
  /** Go on elsewhere if it is this place that serves it. @param {Place} place */
  leave(place) {
    this.#source.leave(place);
  }
  async #open() {
    try {
      if (!this.#isClosed) await this.#source.open();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    return this;
  }
  /** @returns {Promise<CloudItem | null>} */
  async #next() {
    let item = null;
    try {
      if (!this.#isClosed) item = await this.#source.next();
    } catch (error) {
      this.#fail(error);
    }
    const failure = this.#failure;
    this.#failure = null;
    if (failure) throw failure;
    return item;
  }
  /** @param {unknown} error What it ends by, unless it was closed. */
  #fail(error) {
    if (this.#isClosed) return;
    this.#failure = error;
    this.close();
  }
};

// src/session/directory.js
var PLACES_MAX = 256;
var TOLD_MAX = 32;
var LAG = 5;
var FIRST_PENALTY = 0.5;
var LONGEST_PENALTY = 60;
var SENTENCE_MAX2 = 512;
var FAVOUR = 3;
var UNKNOWN_LATENCY = 0.1;
var LEAST_LATENCY = 5e-3;
var WEIGHT = 0.2;
var BY_KEY = /^node:[0-9a-f]{64}$/;
var Place = class {
  /** The key of the node there in hex, as it or another says; empty if it is not known. */
  node = "";
  /** Whether it has signed with that key. */
  isProven = false;
  /** Hashes of the certificates that may be shown there, in hex; of `ws+udp` alone. @type {string[]} */
  certificates = [];
  /** Whether it was the caller who named them. */
  isVouched = false;
  /** Seconds to an answer and back, averaged; null if not measured. @type {number | null} */
  latency = null;
  /** The newest height that it told. */
  height = 0;
  /** How many heights that was below the newest known then. */
  behind = 0;
  /** In a row. */
  failures = 0;
  /** Whether it was a call that failed last, and none was answered since. */
  failsCalls = false;
  /** How often its node took an operation that the log did not get. */
  suspicions = 0;
  /** When it was last asked something for the caller, in seconds of the session's clock. */
  usedAt = 0;
  /** When its connection was last tried, likewise. */
  lookedAt = -Infinity;
  /** Until then it comes last, in seconds of the session's clock. */
  retryAt = 0;
  /** What it told that is not so; null as long as nothing was. @type {string | null} */
  lie = null;
  /** When its lie was saved first, in unix seconds; 0 before that. */
  liedAt = 0;
  /** What its last failure was. */
  trouble = "";
  /**
   * @param {string} url As given or learned.
   * @param {boolean} isSeed Whether the caller named it.
   * @param {number} taste What its latency is multiplied by.
   */
  constructor(url, isSeed, taste) {
    this.url = url;
    this.isSeed = isSeed;
    this.taste = taste;
  }
  /** Whether subscriptions are possible there. */
  get keepsConnection() {
    return !this.url.startsWith("http");
  }
  /** Whether it lags. */
  get isStale() {
    return this.behind > LAG;
  }
};
var Directory = class {
  /** @type {Map<string, Place>} */
  #places = /* @__PURE__ */ new Map();
  #surroundings;
  #random;
  /**
   * @param {Iterable<string>} seeds
   * @param {import("./address.js").Surroundings} surroundings What can be reached from here.
   * @param {() => number} [random] From 0 to 1.
   * @throws {AddressInvalid} A seed is no URL of a node, or can't be reached from here.
   */
  constructor(seeds, surroundings2, random = Math.random) {
    this.#surroundings = surroundings2;
    this.#random = random;
    for (const url of seeds) this.name(url);
  }
  get size() {
    return this.#places.size;
  }
  [Symbol.iterator]() {
    return [...this.#places.values()][Symbol.iterator]();
  }
  /** @param {string} url */
  find(url) {
    return this.#places.get(url);
  }
  /**
   * Take up a place that the caller names.
   *
   * @param {string} url
   * @returns {Place}
   * @throws {AddressInvalid} It is no URL of a node, or can't be reached from here.
   */
  name(url) {
    const address = parseUrl(url);
    const reason = obstacle(address, this.#surroundings);
    if (reason) throw new AddressInvalid(`${url}: ${reason}`);
    const place = (
      /** @type {Place} */
      this.learn(formatUrl(address), true)
    );
    if (address.certificates.length) {
      place.certificates = address.certificates;
      place.isVouched = true;
    }
    return place;
  }
  /**
   * Take up what an earlier session saved. A seed that lied is not asked either.
   *
   * @param {import("./saved.js").SavedPlace[]} places
   */
  restore(places) {
    for (const { url, node, latency, suspicions, lie, liedAt, certificates } of places) {
      const place = obstacle(parseUrl(url), this.#surroundings) ? null : this.learn(url);
      if (!place) continue;
      if (!place.isVouched) place.certificates = certificates;
      Object.assign(place, { node, latency, suspicions, lie, liedAt });
    }
  }
  /** @param {string} url In its one form. @param {boolean} [isSeed] @returns {Place | null} Null: there is no room. */
  learn(url, isSeed = false) {
    let place = this.#places.get(url);
    if (!place) {
      if (!isSeed && this.#places.size >= PLACES_MAX && !this.#makeRoom()) return null;
      place = new Place(url, isSeed, 1 + this.#random() / 2);
      this.#places.set(url, place);
    }
    return place;
  }
  /** Forget a learned place that fails, or else the liar that was learned first. */
  #makeRoom() {
    let worst = null;
    let liar = null;
    for (const each of this) {
      if (!each.isSeed && each.lie !== null) liar ??= each;
      if (!each.isSeed && each.failures && each.lie === null && each.failures > (worst?.failures ?? 0)) worst = each;
    }
    const forgotten = worst ?? liar;
    if (forgotten) this.#places.delete(forgotten.url);
    return forgotten !== null;
  }
  /**
   * Take up what a node tells of itself or of another (see `telling.js`).
   *
   * @param {import("./telling.js").ToldPlace[]} told
   */
  told(told) {
    for (const { address, node, certificates } of told.slice(0, TOLD_MAX)) {
      if (obstacle(address, this.#surroundings)) continue;
      const place = this.learn(formatUrl(address));
      if (!place) continue;
      if (!place.node || place.failures && !place.isProven) place.node = node;
      if (certificates.length && place.node === node && !place.isVouched) place.certificates = certificates;
    }
  }
  // What was seen
  /** A place answered a call. @param {Place} place */
  answered(place) {
    place.failsCalls = false;
    this.watched(place);
  }
  /**
   * A place told its state: nothing is held against it but that it leaves calls without an answer.
   *
   * @param {Place} place
   * @param {number} [seconds] How long it took; left out if the answer had to wait for something.
   */
  watched(place, seconds) {
    if (!place.failsCalls) {
      place.failures = 0;
      place.retryAt = 0;
      place.trouble = "";
    }
    if (seconds === void 0) return;
    place.latency = place.latency === null ? seconds : place.latency + WEIGHT * (seconds - place.latency);
  }
  /** @param {Place} place @param {number} height Its newest. @param {number} newest That is known to be true now. */
  toldHeight(place, height, newest) {
    place.height = height;
    place.behind = Math.max(0, newest - height);
  }
  /**
   * A place did not answer, or not in time: it comes last for a while.
   *
   * @param {Place} place
   * @param {number} now
   * @param {string} trouble
   */
  failed(place, now, trouble) {
    place.retryAt = now + Math.min(FIRST_PENALTY * 2 ** Math.min(place.failures, 16), LONGEST_PENALTY);
    place.failures += 1;
    place.trouble = trouble.slice(0, SENTENCE_MAX2);
  }
  /** @param {Place} place It answered what is not so, and is not asked again. @param {string} lie */
  lied(place, lie) {
    place.lie = lie.slice(0, SENTENCE_MAX2);
  }
  /** A place's node took an operation that the log did not get. @param {Place} place */
  suspected(place) {
    for (const each of this) if (each === place || place.node && each.node === place.node) each.suspicions += 1;
  }
  // Choice
  /**
   * The places that there should be a connection with: of different nodes as far as there are, since each may be killed.
   * Those that fail are among them, to be tried again, and count for nothing meanwhile.
   *
   * One that there is a connection with stays among them unless another is clearly better: where latencies are nearly
   * equal, each new one would change the order, and so the connections, for ever.
   *
   * @param {number} now
   * @param {Iterable<Place>} connected
   * @param {number} count
   * @returns {Set<Place>}
   */
  ready(now, connected, count) {
    const ranked = this.rank(now, { favoured: new Set(connected) });
    const nodes = /* @__PURE__ */ new Set();
    const first = [];
    const further = [];
    for (const place of ranked) {
      const node = place.node || place.url;
      (nodes.has(node) ? further : first).push(place);
      nodes.add(node);
    }
    const all = [...first, ...further];
    return /* @__PURE__ */ new Set([...all.slice(0, count), ...all.filter((each) => !each.failures).slice(0, count)]);
  }
  /**
   * The places that may be asked, the best first.
   *
   * @param {number} now
   * @param {{without?: Set<Place>, keeping?: boolean, favoured?: Set<Place>}} [options] `without`: leave these out.
   *   `keeping`: only those where subscriptions are possible. `favoured`: these count as several times as fast.
   * @returns {Place[]}
   */
  rank(now, { without = /* @__PURE__ */ new Set(), keeping = false, favoured = /* @__PURE__ */ new Set() } = {}) {
    const usable = [...this].filter(
      (each) => each.lie === null && !without.has(each) && (each.keepsConnection || !keeping)
    );
    const rank2 = (place) => {
      const latency = Math.max(place.latency ?? UNKNOWN_LATENCY, LEAST_LATENCY);
      const slowness = latency * place.taste * (place.keepsConnection ? 1 : 1.5) / (favoured.has(place) ? FAVOUR : 1);
      return { place, fails: Number(place.retryAt > now), lags: Number(place.isStale), breaks: place.suspicions, slowness };
    };
    return usable.map(rank2).sort((one, other) => one.fails - other.fails || one.lags - other.lags || one.breaks - other.breaks || one.slowness - other.slowness).map((each) => each.place);
  }
};
function readPin(name) {
  if (!name.startsWith("node:")) return { url: formatUrl(parseUrl(name)) };
  if (BY_KEY.test(name)) return { node: name.slice(5) };
  throw new AddressInvalid(`${JSON.stringify(name)} names no node: give node: with its key, 64 lower-case hex digits.`);
}

// src/session/comparing.js
async function compareNodes(nodes, { most, onEach }) {
  const found = /* @__PURE__ */ new Map();
  const add2 = (compared) => {
    const key = compared.node || compared.url;
    if (found.has(key)) return;
    found.set(key, compared);
    onEach(compared);
  };
  for (const { node, url, reason } of nodes.accusations) add2(judge2({ node, url, state: "lying", reason }));
  const rank2 = (place) => 2 * Number(nodes.isResting(place)) + Number(!place.isProven);
  const ranked = nodes.ranked().map((place) => ({ place, rank: rank2(place) })).sort((one, other) => one.rank - other.rank);
  const places = choosePlaces(ranked.map((each) => each.place), new Set(found.keys())).slice(0, most);
  await Promise.all(places.map(async (place) => add2(await ask2(nodes, place))));
  return [...found.values()];
}
function choosePlaces(ranked, without) {
  const chosen2 = /* @__PURE__ */ new Map();
  for (const place of ranked) {
    const key = place.node || place.url;
    if (!chosen2.has(key) && !without.has(key)) chosen2.set(key, place);
  }
  return [...chosen2.values()];
}
async function ask2(nodes, place) {
  const { url } = place;
  if (nodes.isResting(place)) return judge2({ node: place.node, url, state: "silent", reason: place.trouble });
  try {
    await nodes.look(place);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return judge2({ node: place.node, url, state: place.lie === null ? "silent" : "lying", reason: place.lie ?? messageOf(error) });
  }
  const { node, height, latency } = place;
  const behind = Math.max(0, nodes.newestProven - height);
  return { node, url, state: behind > LAG ? "behind" : "agrees", height, behind, latency, reason: "" };
}
function judge2(told) {
  return { height: 0, behind: 0, latency: null, ...told };
}

// src/session/items.js
var FILTERS = {
  records: ["account", "collection", "ref", "record"],
  ratings: ["account", "collection", "record"],
  blocks: []
};
function readFilter(topic, wanted) {
  const given = Object.entries(wanted).filter(([, value]) => value !== null && value !== void 0);
  for (const [name, value] of given) {
    if (!FILTERS[topic]?.includes(name) || typeof value !== "string") {
      throw new RangeError(`The topic ${topic} has no filter ${JSON.stringify(name)}, or it is no text.`);
    }
  }
  return Object.fromEntries(given);
}
function passes({ about }, wanted) {
  return Object.entries(wanted).every(([name, value]) => about[
    /** @type {keyof Wanted} */
    name
  ] === value);
}
function blockItem({ header, hash: hash2 }) {
  const [height, count] = [Number(header.height), header.operationsCount];
  const item = {
    cursor: { height, index: Math.max(count - 1, 0) },
    height,
    hash: hash2,
    time: Number(header.time),
    operations_count: count,
    root_height: Number(header.rootHeight),
    root: toHex(header.root)
  };
  return { item, about: { account: "", collection: "", ref: "", record: "" } };
}
function operationItem(topic, { cursor, id, written, isEffective }) {
  if (!isEffective) return null;
  const { type, account, time } = written;
  if (topic === "records" && (type === "put" || type === "delete")) {
    const { collection, key, data = null, ref = null } = written;
    const item = { cursor, id, type, account, collection, key, data, ref, time };
    return { item, about: { account, collection, record: `${account}/${collection}/${key}`, ref: ref ?? "" } };
  }
  if (topic === "ratings" && (type === "rate" || type === "withdraw")) {
    const { record, stars = null } = written;
    const item = { cursor, id, type, account, record, stars, time };
    return { item, about: { account, collection: record.split("/")[1] ?? "", record, ref: "" } };
  }
  return null;
}

// src/session/blocks.js
var STATES_KEPT = 1e3;
var PAGE2 = 200;
var UNPROVABLE = /* @__PURE__ */ new Set(["not_provable", "height_pruned"]);
async function fetchBlock(checker, client, final) {
  const fetching = new Fetching(checker, client, final);
  await fetching.run();
  const { operations, results, unproven } = fetching;
  return { operations, results, unproven: new Set(unproven.keys()) };
}
var Fetching = class {
  /** @type {LoggedOperation[]} */
  operations = [];
  /** @type {string[]} */
  results = [];
  /** The expiries of those whose result is not proven, by index. @type {Map<number, number>} */
  unproven = /* @__PURE__ */ new Map();
  /** @type {Uint8Array[]} */
  #ids = [];
  /** @type {Uint8Array[]} */
  #signatures = [];
  #checker;
  #client;
  #header;
  #height;
  #limit = PAGE2;
  #bytesLeft;
  /**
   * @param {import("./checker.js").Checker} checker
   * @param {import("./client.js").Client} client
   * @param {import("./checker.js").Final} final
   */
  constructor(checker, client, { header }) {
    this.#checker = checker;
    this.#client = client;
    this.#header = header;
    this.#height = Number(header.height);
    this.#bytesLeft = checker.genesis.parameters.max_block_bytes;
  }
  async run() {
    const { window } = this.#checker.genesis.parameters;
    const isRemembered = this.#height + window >= this.#checker.newest;
    const context = { min_height: this.#height, ...isRemembered && { proof: true } };
    while (this.operations.length < this.#header.operationsCount) {
      const { page, state } = await this.#page(this.operations.length, context);
      for (const told of page) await this.#take(told, state);
    }
    const isWhole = equal(await operationsHash(this.#ids), this.#header.operationsHash) && equal(await signaturesHash(this.#signatures), this.#header.signaturesHash);
    if (!isWhole) throw new LedgerError("block_operations");
    if (this.unproven.size && this.#checker.newest - this.#height < STATES_KEPT) await this.#proveThere();
  }
  /**
   * @param {number} first
   * @param {import("./session.js").RequestContext} context
   * @returns {Promise<{page: ToldOperation[], state: ProvenState | null}>}
   */
  async #page(first, context) {
    const params = { height: this.#height, limit: this.#limit, ...first && { after: first - 1 } };
    let answer;
    try {
      answer = await this.#client.call("getblock", params, context);
    } catch (error) {
      const longest = error instanceof RemoteError && error.code === "page_too_long" ? error.data.longest : null;
      if (!isCount(longest) || longest < 1 || longest >= this.#limit) throw error;
      this.#limit = longest;
      return this.#page(first, context);
    }
    const { operations } = take(answer.result, isPage, "getblock");
    const left = this.#header.operationsCount - first;
    const isNext = operations.length > 0 && operations.length <= left;
    if (!isNext || operations.some((each, at2) => each.index !== first + at2)) {
      throw new LedgerError("block_operations", "The page's operations are not those that follow.");
    }
    const state = context.proof ? await this.#checker.prove(this.#client, answer.rawContext) : null;
    return { page: operations, state };
  }
  /** @param {ToldOperation} told @param {ProvenState | null} state */
  async #take(told, state) {
    const body = utf8(told.operation);
    this.#bytesLeft -= body.length;
    if (this.#bytesLeft < 0) {
      throw new LedgerError("block_operations", "The block has more bytes than the genesis allows.");
    }
    const id = await sha2562(body);
    const written = readWritten(told.operation);
    const signature = fromHex(told.signature, "block_operations");
    if (told.id !== toHex(id)) throw new LedgerError("block_operations", "An operation has another id than is told.");
    if (!state || BigInt(written.expiry) < state.height) this.unproven.set(told.index, written.expiry);
    else await this.#compare(state, id, written.expiry, told);
    this.#ids.push(id);
    this.#signatures.push(signature);
    this.results.push(told.result);
    const cursor = { height: this.#height, index: told.index };
    this.operations.push({ cursor, id: told.id, written, isEffective: told.result === "ok" });
  }
  /** @param {ProvenState} state @param {Uint8Array} id @param {number} expiry @param {ToldOperation} told */
  async #compare(state, id, expiry, { index, result }) {
    const row = await state.operation(id, expiry);
    const isSame = row?.height === BigInt(this.#height) && row.index === index && resultCode(row.result) === result;
    if (!isSame) throw new LedgerError("proof_row_wrong", "The operation's place or result is another.");
  }
  /** Prove what expired since in the state right after the block, if that has a proof and the node has it. */
  async #proveThere() {
    for (let [first] = this.unproven.keys(); first !== void 0; [first] = this.unproven.keys()) {
      let found;
      try {
        found = await this.#page(first, { proof: true, at: this.#height });
      } catch (error) {
        if (error instanceof RemoteError && UNPROVABLE.has(error.code)) return;
        throw error;
      }
      const { page, state } = found;
      if (state?.height !== BigInt(this.#height)) throw new LedgerError("proof_height");
      for (const told of page) {
        const [id, expiry] = [this.#ids[told.index], this.unproven.get(told.index)];
        if (!id || expiry === void 0) continue;
        await this.#compare(state, id, expiry, { ...told, result: this.results[told.index] ?? "" });
        this.unproven.delete(told.index);
      }
    }
  }
};
function isPage(told) {
  return isObject2(told) && Array.isArray(told.operations) && told.operations.every((each) => isObject2(each) && isCount(each.index) && isText(each.id) && isText(each.operation) && isText(each.signature) && isText(each.result));
}
function readWritten(text) {
  let written;
  try {
    written = JSON.parse(text);
  } catch {
    written = null;
  }
  if (!isObject2(written) || !isCount(written.expiry)) {
    throw new LedgerError("block_operations", "An operation is not of the documented form.");
  }
  return written;
}

// src/session/log.js
var LOOK = 2;
var AHEAD = 4;
var READS_KEPT = 8;
var SECOND_WORD = 5;
var HEADER_SECONDS = 6;
var BLOCK_SECONDS = 20;
var PAUSE = 1;
var NO_OPERATIONS = { operations: [], results: [], unproven: /* @__PURE__ */ new Set() };
var ProvenLog = class {
  #questions;
  #nodes;
  #clock;
  #follow;
  #users = 0;
  #tip = 0;
  /** @type {Map<number, Shared<Read>>} */
  #reads = /* @__PURE__ */ new Map();
  /** @type {Map<number, Shared<Final>>} */
  #headers = /* @__PURE__ */ new Map();
  /** @type {Set<{height: number, done: () => void}>} */
  #waiting = /* @__PURE__ */ new Set();
  /** Ends what is under way when nobody reads any more. */
  #life = new AbortController();
  #forgetLook = () => {
  };
  /** @type {import("./cloudsubscription.js").CloudSubscription | null} */
  #served = null;
  /**
   * @param {import("./questions.js").Questions} questions
   * @param {import("./nodes.js").Nodes} nodes
   * @param {import("./clock.js").Clock} clock
   * @param {() => import("./cloudsubscription.js").CloudSubscription} follow Has a node tell of blocks from now on.
   */
  constructor(questions, nodes, clock, follow) {
    this.#questions = questions;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#follow = follow;
  }
  // Beginning and end
  /** Somebody reads from now on. */
  begin() {
    this.#users += 1;
    if (this.#users > 1) return;
    this.#life = new AbortController();
    this.#followHeights(this.#life.signal).catch(noteBug);
    this.#planLook();
  }
  /** Somebody reads no more. */
  end() {
    this.#users -= 1;
    if (this.#users) return;
    this.#life.abort();
    this.#forgetLook();
    this.#served?.close();
    this.#reads.clear();
    this.#headers.clear();
  }
  /** The node that tells of new heights; empty while there is none. */
  get url() {
    return this.#served?.url ?? "";
  }
  // Reading
  /** @param {import("./told.js").LogPlace} cursor Whether it is known to be the end of its block. */
  endsBlock({ height, index }) {
    const header = this.#checker.findFinal(height)?.header;
    return !height || header !== void 0 && index + 1 >= header.operationsCount;
  }
  /**
   * See that a node still has the block after a cursor.
   *
   * @param {import("./told.js").LogPlace} cursor
   * @param {number} deadline In seconds of the clock.
   * @param {AbortSignal} signal Gives it up.
   * @throws {RemoteError} `cursor_pruned`. @throws {ClientError} No node answers in time.
   */
  async checkKept(cursor, deadline, signal) {
    const height = cursor.height + 1;
    if (height > this.#newest || this.#checker.findFinal(height)) return;
    const learn = (client) => this.#checker.learnFinal(client, height);
    await this.#askAt(height, learn, deadline, /* @__PURE__ */ new Set(), { until: signal, seconds: HEADER_SECONDS });
  }
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
  async items(height, topic, signal) {
    await this.#until(height, signal);
    if (topic === "blocks") return { items: [blockItem(await this.#header(height))], unproven: /* @__PURE__ */ new Set() };
    const { operations, unproven } = await this.#block(height);
    const items = operations.map((each) => operationItem(topic, each)).filter((item) => item !== null);
    return { items, unproven };
  }
  /** @param {number} height @returns {Promise<LogBlock>} */
  async #block(height) {
    for (; ; ) {
      const last = Math.min(height + AHEAD, this.#newest);
      for (let ahead = height; ahead <= last; ahead += 1) {
        const known = this.#reads.get(ahead);
        if (!known || known.hasFailed) this.#reads.set(ahead, share(this.#read(ahead)));
      }
      const { final, block } = await (this.#reads.get(height)?.promise ?? this.#read(height));
      this.#forget();
      if (!this.#checker.isDiscarded(final) && this.#follows(final)) return block;
      this.#reads.delete(height);
    }
  }
  /** Whether a block follows on the one before it, if that one is known. @param {Final} final */
  #follows({ header }) {
    const before = this.#checker.findFinal(Number(header.height) - 1);
    return !before || before.hash === toHex(header.parent);
  }
  #forget() {
    const done = [...this.#reads].filter(([, shared]) => shared.isDone).map(([height]) => height);
    for (const height of done.slice(0, Math.max(0, done.length - READS_KEPT))) this.#reads.delete(height);
  }
  /** A block's header, verified; several who want the same ask once. @param {number} height @returns {Promise<Final>} */
  async #header(height) {
    const known = this.#checker.findFinal(height);
    if (known && this.#follows(known)) return known;
    let shared = this.#headers.get(height);
    if (!shared) {
      shared = share(this.#askHeader(height));
      this.#headers.set(height, shared);
      const forget = () => this.#headers.delete(height);
      shared.promise.then(forget, forget);
    }
    return shared.promise;
  }
  /** @param {number} height @returns {Promise<Final>} */
  #askHeader(height) {
    return this.#ask(height, async (client, signal) => {
      const final = await this.#checker.learnFinal(client, height, { waits: true, signal });
      if (!this.#follows(final)) {
        throw new LedgerError("finality_chain", `Block ${height} does not follow on the one before it.`);
      }
      return final;
    });
  }
  /** @param {number} height @returns {Promise<Read>} */
  async #read(height) {
    const final = await this.#header(height);
    return { final, block: final.header.operationsCount ? await this.#fetch(height, final) : NO_OPERATIONS };
  }
  /** @param {number} height @param {Final} final @returns {Promise<LogBlock>} */
  async #fetch(height, final) {
    const fetch = (client) => fetchBlock(this.#checker, client, final);
    const first = await this.#askAt(height, fetch, null, /* @__PURE__ */ new Set());
    const told = [first.answer];
    const asked = this.#questions.sameNode(first.place);
    for (let last = first.answer; last.unproven.size && !told.slice(0, -1).some((each) => tellsSame(each, last)); ) {
      let other;
      try {
        other = await this.#askAt(height, fetch, this.#clock.now() + SECOND_WORD, asked);
      } catch (error) {
        if (!(error instanceof ClientError) || this.#life.signal.aborted) throw error;
        if (told.length === 1) break;
        throw new NotEnoughNodes(
          `Nodes tell different results for block ${height}, and no state that is left proves one.`
        );
      }
      last = other.answer;
      told.push(last);
      for (const place of this.#questions.sameNode(other.place)) asked.add(place);
    }
    return (
      /** @type {LogBlock} */
      told.at(-1)
    );
  }
  /**
   * @template T
   * @param {number} height
   * @param {(client: import("./client.js").Client, signal: AbortSignal) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #ask(height, work) {
    return (await this.#askAt(height, work, null, /* @__PURE__ */ new Set(), { seconds: HEADER_SECONDS })).answer;
  }
  /**
   * @template T
   * @param {number} height
   * @param {(client: import("./client.js").Client, signal: AbortSignal) => Promise<T>} work
   * @param {number | null} deadline
   * @param {Set<import("./directory.js").Place>} without
   * @param {{until?: AbortSignal, seconds?: number}} [options] `until`: gives it up. `seconds`: that one place may take.
   */
  async #askAt(height, work, deadline, without, { until = this.#life.signal, seconds = BLOCK_SECONDS } = {}) {
    const blame = { method: "getblock", params: { height }, height };
    const begins = [];
    try {
      return await this.#questions.ask(
        (place, signal) => this.#questions.workAt(place, blame, (client) => {
          const late = () => new TimedOut(`${place.url} did not bring block ${height} in time.`);
          return within(this.#clock, work(client, signal), seconds, late).catch((error) => {
            const first = error instanceof RemoteError && error.code === "block_pruned" ? error.data.blocks_from : null;
            if (isCount(first) && first > height) begins.push(first);
            throw error;
          });
        }),
        deadline,
        { hedges: true, without, signal: until }
      );
    } catch (error) {
      throw error instanceof RemoteError ? this.#cursorPruned(error, begins) : error;
    }
  }
  /**
   * What a subscriber is told of a block that is pruned everywhere: where to begin instead, which is as early as any node
   * says for itself. One alone has nobody pass over what others have.
   *
   * @param {RemoteError} error @param {number[]} begins
   */
  #cursorPruned(error, begins) {
    if (error.code !== "block_pruned" || !begins.length) return error;
    const message = "The log before the start given is pruned: go on from there, or ask another node.";
    const height = Math.max(0, Math.min(...begins, this.#newest + 1) - 1);
    return new RemoteError(-8, "cursor_pruned", message, { start: { height, index: 0 } });
  }
  // Heights
  get #checker() {
    return (
      /** @type {import("./checker.js").Checker} */
      this.#nodes.checker
    );
  }
  get #newest() {
    return Math.max(this.#tip, this.#checker.newest);
  }
  /** Wait until there is a block of a height, as far as can be told. @param {number} height @param {AbortSignal} signal */
  async #until(height, signal) {
    if (this.#newest >= height) return;
    await new Promise((resolve, reject) => {
      const waiting = { height, done: () => finish(resolve) };
      const stop = () => finish(() => reject(new SessionClosed()));
      const finish = (settle) => {
        this.#waiting.delete(waiting);
        signal.removeEventListener("abort", stop);
        settle();
      };
      this.#waiting.add(waiting);
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
    });
  }
  #look() {
    const newest = this.#newest;
    for (const waiting of [...this.#waiting]) if (waiting.height <= newest) waiting.done();
  }
  #planLook() {
    this.#forgetLook = this.#clock.later(LOOK, () => {
      this.#look();
      this.#planLook();
    });
  }
  /** @param {AbortSignal} life */
  async #followHeights(life) {
    while (!life.aborted) {
      const served = this.#follow();
      this.#served = served;
      try {
        await served.ready;
        this.#reached(served.cursor?.height ?? 0);
        for await (const item of served) this.#reached(item.cursor.height);
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
      }
      if (life.aborted) served.close();
      else await pause(this.#clock, PAUSE, life);
    }
  }
  /** @param {number} height */
  #reached(height) {
    this.#tip = Math.max(this.#tip, height);
    this.#look();
  }
};
function share(promise) {
  const shared = { promise, isDone: false, hasFailed: false };
  promise.then(() => shared.isDone = true, () => shared.isDone = shared.hasFailed = true);
  return shared;
}
function tellsSame(one, other) {
  return one.results.join() === other.results.join();
}

// src/session/accusing.js
var TIMES = 4;
var COMPARABLE2 = /* @__PURE__ */ new Set(["getrecord", "listrecords", "getratings", "getaccount", "getdatahash"]);
async function gatherEvidence(checker, client, { method, params, height }) {
  const weighed = await checker.weighState(client).catch(() => null);
  if (weighed?.evidence) return { node: weighed.node, evidence: weighed.evidence };
  if (!COMPARABLE2.has(method)) return null;
  const answers = [];
  for (let time = 0; time < TIMES; time += 1) {
    answers.push(await client.call(method, params, { at: height, sign: true }));
    const found = await checker.contradiction(answers, method);
    if (found) return found;
  }
  return null;
}

// src/session/connections.js
var Connections = class {
  #connect;
  #lost;
  /** @type {Map<Place, Client>} */
  #open = /* @__PURE__ */ new Map();
  /** @type {Map<Place, Promise<Client>>} */
  #making = /* @__PURE__ */ new Map();
  #closing = new AbortController();
  /**
   * @param {(place: Place, signal: AbortSignal) => Promise<Client>} connect Makes a connection.
   * @param {(place: Place, reason: Error) => void} lost Told of each that broke, or was dropped.
   */
  constructor(connect2, lost) {
    this.#connect = connect2;
    this.#lost = lost;
  }
  /** Those that are there now. */
  get open() {
    return new Map(this.#open);
  }
  /**
   * @param {Place} place
   * @returns {Promise<Client>} Fails with `ConnectionFailed`.
   */
  get(place) {
    const client = this.#open.get(place);
    if (client) return Promise.resolve(client);
    if (this.#closing.signal.aborted) return Promise.reject(new SessionClosed());
    let making = this.#making.get(place);
    if (!making) {
      making = this.#make(place);
      this.#making.set(place, making);
    }
    return making;
  }
  /** @param {Place} place Calls under way there fail, and the next one makes another. @param {Error} reason */
  drop(place, reason) {
    if (this.closeOne(place)) this.#lost(place, reason);
  }
  /** Close a connection that nobody uses. @param {Place} place @returns {boolean} Whether there was one. */
  closeOne(place) {
    const client = this.#open.get(place);
    this.#open.delete(place);
    client?.close();
    return client !== void 0;
  }
  /** Close all; those under way are given up. */
  close() {
    this.#closing.abort();
    const clients = [...this.#open.values()];
    this.#open.clear();
    for (const client of clients) client.close();
  }
  /** @param {Place} place @returns {Promise<Client>} */
  async #make(place) {
    try {
      const client = await this.#connect(place, this.#closing.signal);
      if (this.#closing.signal.aborted) {
        client.close();
        throw new SessionClosed();
      }
      this.#open.set(place, client);
      client.onLost.add((reason) => {
        if (this.#open.get(place) !== client) return;
        this.#open.delete(place);
        this.#lost(place, reason ?? new ConnectionFailed(`The connection with ${place.url} was closed.`));
      });
      return client;
    } catch (error) {
      if (error instanceof ClientError) throw error;
      throw new ConnectionFailed(`Cannot reach ${place.url}: ${messageOf(error)}`);
    } finally {
      this.#making.delete(place);
    }
  }
};

// src/session/telling.js
var INTERFACES_MAX = 8;
var ENDPOINTS_MAX = 4;
var RECORDS_MAX = 64;
var SCHEMES2 = /* @__PURE__ */ new Map([["ws", "ws"], ["http", "http"], ["webtransport", "ws+udp"]]);
var OPEN = /* @__PURE__ */ new Set(["none", "endpoint-independent"]);
async function placesOfInfo(info, host, reader, now) {
  if (!isObject2(info) || typeof info.node !== "string") return [];
  const certificates = valid(await reader.certificates(info.node, info.certificates), now);
  return interfaces(info.interfaces, info.node, certificates, () => host);
}
async function placesOfPeers(peers, reader, now) {
  const places = [];
  for (const peer of Array.isArray(peers) ? peers.slice(0, RECORDS_MAX) : []) {
    if (!isObject2(peer) || typeof peer.addr !== "string" || typeof peer.id !== "string") continue;
    const host = peer.addr.slice(0, Math.max(0, peer.addr.lastIndexOf(":"))).replace(/^\[|\]$/g, "");
    const record = isObject2(peer.stun) && typeof peer.stun.record === "string" ? await reader.record(peer.stun.record) : null;
    const certificates = record?.node === peer.id && record.expiry > now ? valid(record.certificates, now) : [];
    places.push(...interfaces(peer.interfaces, peer.id, certificates, (told) => told || host));
  }
  return places;
}
async function placesOfStun(info, reader, now) {
  const places = [];
  const records = isObject2(info) && Array.isArray(info.nodes) ? info.nodes.slice(0, RECORDS_MAX) : [];
  for (const told of records) {
    const record = isObject2(told) && typeof told.record === "string" ? await reader.record(told.record) : null;
    if (!record || record.expiry <= now) continue;
    const certificates = valid(record.certificates, now);
    const open = record.endpoints.filter(({ protocol, source }) => {
      if (source !== "stun") return true;
      return protocol === "udp" ? OPEN.has(record.nat.filtering) : record.nat.syn === "accepted";
    });
    const seen = /* @__PURE__ */ new Set();
    for (const { protocol, address, port } of open) {
      const scheme = protocol === "udp" ? "ws+udp" : "ws";
      if (seen.has(`${scheme} ${address} ${port}`) || seen.size === ENDPOINTS_MAX) continue;
      seen.add(`${scheme} ${address} ${port}`);
      const place = at(scheme, address, port, record.node, certificates);
      if (place) places.push(place);
    }
  }
  return places;
}
function interfaces(told, node, certificates, hostOf) {
  const places = [];
  for (const each of Array.isArray(told) ? told.slice(0, INTERFACES_MAX) : []) {
    if (!isObject2(each) || typeof each.transport !== "string" || !isCount(each.port)) continue;
    const host = hostOf(typeof each.address === "string" ? each.address : "");
    const place = at(SCHEMES2.get(each.transport), host, each.port, node, certificates);
    if (place) places.push(place);
  }
  return places;
}
function at(scheme, host, port, node, certificates) {
  const isHost = /^[0-9a-z.-]{1,253}$|^[0-9a-f:.]{2,45}$/i.test(host);
  if (!scheme || !isHost || port < 1 || port > 65535 || !/^[0-9a-f]{64}$/.test(node)) return null;
  const isVouched = scheme === "ws+udp";
  if (isVouched && !certificates.length) return null;
  const address = { scheme, host: host.toLowerCase(), port, path: "/", certificates: [] };
  return { address, node, certificates: isVouched ? certificates : [] };
}
function valid(certificates, now) {
  return certificates.filter((each) => each.notAfter > now).map((each) => each.hash);
}

// src/session/nodes.js
var REFRESH = 2;
var REST = 10;
var LEARN = 30;
var PATIENCE = 4;
var READY = 3;
var VISITED = 8;
var IDLE = 15;
var ACCUSATIONS_MAX = 256;
var Nodes = class {
  #clock;
  #connections;
  #options;
  /** @type {Set<Place>} */
  #busy = /* @__PURE__ */ new Set();
  #isClosed = false;
  #forgetTimer = () => {
  };
  #learnAt = 0;
  /**
   * @param {import("./directory.js").Directory} directory
   * @param {import("./clock.js").Clock} clock
   * @param {object} options
   * @param {(place: Place, signal: AbortSignal) => Promise<Client>} options.connect Makes a connection.
   * @param {string | null} options.network The network's id in hex; null to learn it from the first node.
   * @param {((client: Client, network: string | null) => Promise<Checker>) | null} options.learn Makes what checks
   *   answers, with what a node brings; null if nothing is checked.
   * @param {import("./telling.js").Reader} options.reader Reads what is signed of what nodes tell of places.
   * @param {(place: Place) => void} options.left Told of each place whose subscriptions are to go elsewhere.
   * @param {(accusation: Accusation) => void} options.accused Told of each liar.
   */
  constructor(directory, clock, options) {
    this.directory = directory;
    this.network = options.network;
    this.checker = null;
    this.accusations = [];
    this.pinned = null;
    this.#clock = clock;
    this.#options = options;
    this.#connections = new Connections(options.connect, (place, reason) => this.#lost(place, reason));
  }
  // Beginning and end
  /**
   * Visit the seeds and the best of the places that an earlier session knew; done when the first has answered.
   *
   * @throws {ConnectionFailed} None does; the message has what each did instead.
   */
  async begin() {
    const known = this.ranked().filter((place) => !place.isSeed);
    const first = [...[...this.directory].filter((place) => place.isSeed && place.lie === null), ...known.slice(0, VISITED)];
    const troubles = [];
    const hasBegun = await this.#visitAll(first, troubles) || await this.#visitAll(known.slice(VISITED), troubles);
    if (!hasBegun) throw new ConnectionFailed(`No node answers: ${troubles.join(" ")}`);
    this.#learnAt = this.#clock.now() + LEARN;
    this.#plan();
  }
  /**
   * Visit places all at once.
   *
   * @param {Place[]} places
   * @param {string[]} troubles Takes what each did, if none answered.
   * @returns {Promise<boolean>} Whether one has answered, as soon as it has.
   */
  async #visitAll(places, troubles) {
    const visits = places.map((place) => {
      const visit = this.#visit(place);
      this.#inBackground(visit, place);
      return visit;
    });
    try {
      await Promise.any(visits);
      return true;
    } catch (error) {
      troubles.push(.../** @type {AggregateError} */
      error.errors.map(messageOf));
      return false;
    }
  }
  /** Close all connections. */
  close() {
    this.#isClosed = true;
    this.#forgetTimer();
    this.#connections.close();
  }
  #plan() {
    if (this.#isClosed) return;
    this.#forgetTimer = this.#clock.later(REFRESH, () => {
      this.#refresh();
      this.#plan();
    });
  }
  // Asking
  /** The newest height that is known. */
  get newest() {
    if (this.checker) return this.checker.newest;
    return Math.max(0, ...[...this.directory].map((place) => place.height));
  }
  /** The newest height whose state was proven; as told if nothing is checked. */
  get newestProven() {
    return this.checker ? this.checker.state?.height ?? 0 : this.newest;
  }
  /** Whether a place failed just now, and there is no connection with it. @param {Place} place */
  isResting(place) {
    return place.retryAt > this.#clock.now() && !this.#connections.open.has(place);
  }
  /** All places but those of liars, the best first. */
  ranked() {
    return this.directory.rank(this.#clock.now());
  }
  /** The places that there are connections with. */
  get connected() {
    return [...this.#connections.open.keys()];
  }
  /**
   * The place to ask next: the best that there is a connection with, unless it fails or lags.
   *
   * @param {{without?: Set<Place>, keeping?: boolean}} [options] As of `Directory.rank`.
   * @returns {Place | null}
   */
  choose(options) {
    if (this.#isClosed) return null;
    const now = this.#clock.now();
    const open = this.#connections.open;
    const ranked = this.directory.rank(now, options).filter(this.pinned ?? (() => true));
    return ranked.find((each) => open.has(each) && each.retryAt <= now && !each.isStale) ?? ranked[0] ?? null;
  }
  /**
   * @param {Place} place
   * @returns {Promise<Client>} Fails with `ConnectionFailed`.
   */
  async connect(place) {
    place.usedAt = this.#clock.now();
    try {
      return await this.#connections.get(place);
    } catch (error) {
      this.failed(place, error);
      throw error;
    }
  }
  /** A place did not answer. @param {Place} place @param {unknown} error */
  failed(place, error) {
    this.directory.failed(place, this.#clock.now(), messageOf(error));
  }
  /** A place did not answer a call: that it tells its state all the same does not make up for it. @param {Place} place @param {unknown} error */
  failedCall(place, error) {
    this.failed(place, error);
    place.failsCalls = true;
  }
  /**
   * Have a node tell, and if answers are checked sign and prove, its newest state: the place has what came of it.
   *
   * @param {Place} place
   * @throws {ClientError} It does not, or lies.
   */
  async look(place) {
    const client = await this.connect(place);
    try {
      await this.#look(place, client);
    } catch (error) {
      if (error instanceof TimedOut) this.failed(place, error);
      throw error;
    }
  }
  // Liars
  /**
   * Leave a node that answered what is not so, and report it.
   *
   * @param {Place} place
   * @param {Client | null} client Null if it may be gone.
   * @param {LedgerError} lie
   * @param {{method: string, params: unknown, height: number}} question What it was asked; the height is where the
   *   answer was to hold.
   * @returns {AnswerFalse} For whoever asked.
   */
  accuse(place, client, lie, question) {
    const error = new AnswerFalse(
      lie.code,
      place.url,
      `${place.url} answered ${question.method} falsely: ${lie.message}`
    );
    if (place.lie === null) {
      const reason = `${lie.code}: ${lie.message}`;
      this.directory.lied(place, reason);
      this.#options.left(place);
      this.#inBackground(this.#report(place, client, reason, question), place);
    }
    return error;
  }
  /**
   * @param {Place} place
   * @param {Client | null} client
   * @param {string} reason
   * @param {{method: string, params: unknown, height: number}} question
   */
  async #report(place, client, reason, question) {
    let found = null;
    const { checker } = this;
    if (checker) {
      const late = () => new TimedOut("It signed nothing in time.");
      const reached = client ? Promise.resolve(client) : this.connect(place);
      const gathering = reached.then((reachable) => gatherEvidence(checker, reachable, question));
      found = await within(this.#clock, gathering, PATIENCE, late).catch(() => null);
    }
    this.#connections.drop(place, new ConnectionFailed(`${place.url} was left: ${reason}`));
    await this.#name({ url: place.url, node: place.node, reason, evidence: "", ...found });
  }
  /** Tell the caller, and with evidence all: the node's other places are left as well. @param {Accusation} accusation */
  async #name(accusation) {
    const isKnown = this.accusations.some((each) => each.evidence && each.node === accusation.node);
    if (accusation.evidence && isKnown) return;
    if (this.accusations.length < ACCUSATIONS_MAX) this.accusations.push(accusation);
    tell(this.#options.accused, accusation);
    if (!accusation.evidence) return;
    for (const other of this.directory) {
      const isItsOwn = other.node === accusation.node && other.isProven && other.lie === null;
      if (isItsOwn) this.#leave(other, accusation.reason);
    }
    this.checker?.forgetNode(accusation.node);
    await this.handIn(accusation.evidence);
  }
  /** Hand evidence to a node that keeps it, and passes it on. @param {string} evidence In hex. */
  async handIn(evidence) {
    for (const place of this.ranked()) {
      try {
        const client = await this.connect(place);
        await client.call("submitevidence", { evidence }, void 0, { timeout: PATIENCE });
        return;
      } catch (error) {
        if (!(error instanceof ClientError) || this.#isClosed) return;
      }
    }
  }
  // Watching
  /** @param {Place} place @param {Error} reason */
  #lost(place, reason) {
    if (place.lie === null) this.failed(place, reason);
    this.#options.left(place);
  }
  /** Learn what a place is. @param {Place} place @throws {ClientError} It is of no use. */
  async #visit(place) {
    const client = await this.connect(place);
    try {
      const begun = this.#clock.now();
      const info = (await client.call("getnodeinfo", {}, void 0, { timeout: PATIENCE })).result;
      this.directory.watched(place, this.#clock.now() - begun);
      await this.#learn(place, client, info);
      if (isObject2(info) && typeof info.node === "string" && !place.isProven) place.node = info.node.slice(0, 64);
      const { host } = parseUrl(place.url);
      this.directory.told(await placesOfInfo(info, host, this.#options.reader, this.#clock.unix()));
      await this.#look(place, client);
      this.#inBackground(this.#learnPlaces(client), place);
    } catch (error) {
      if (error instanceof ConnectionFailed || error instanceof TimedOut) this.failed(place, error);
      throw error;
    }
  }
  /** Have a node tell where others are. @param {Client} client */
  async #learnPlaces(client) {
    const limits = { timeout: PATIENCE };
    const peers = await client.call("getpeerinfo", {}, void 0, limits);
    this.directory.told(await placesOfPeers(peers.result, this.#options.reader, this.#clock.unix()));
    const stun = await client.call("getstuninfo", {}, void 0, limits);
    this.directory.told(await placesOfStun(stun.result, this.#options.reader, this.#clock.unix()));
  }
  /**
   * Learn the network, of whichever node is the first to bring what is verified: one that is slow with it holds up no other.
   *
   * @param {Place} place @param {Client} client @param {unknown} info
   */
  async #learn(place, client, info) {
    const told = isObject2(info) && typeof info.network === "string" ? info.network.slice(0, 64) : "";
    this.#checkNetwork(place, told);
    if (this.#options.learn && !this.checker) {
      const learned = await this.#options.learn(client, this.network);
      this.#checkNetwork(place, learned.network);
      this.checker ??= learned;
      this.network = learned.network;
    } else if (this.network === null) {
      if (!/^[0-9a-f]{64}$/.test(told)) {
        throw new ConnectionFailed(`${place.url} does not say of which network it is.`);
      }
      this.network = told;
    }
  }
  /** @param {Place} place @param {string} network That it is of. @throws {ConnectionFailed} It is another one. */
  #checkNetwork(place, network) {
    if (this.network === null || network === this.network) return;
    this.directory.lied(place, `It is of network ${network}.`);
    this.#connections.drop(place, new ConnectionFailed(`${place.url} is of another network.`));
    throw new ConnectionFailed(`${place.url} is of network ${network}, not of ${this.network}.`);
  }
  /** Have a node tell its state. @param {Place} place @param {Client} client @throws {ClientError} It lies, or fails. */
  async #look(place, client) {
    const begun = this.#clock.now();
    let height;
    try {
      height = await (this.checker ? this.#weigh(this.checker, place, client) : tellHeight(client));
    } catch (error) {
      if (error instanceof LedgerError) {
        throw this.accuse(place, client, error, { method: "getdatahash", params: {}, height: this.newest });
      }
      if (!(error instanceof RemoteError)) throw error;
      if (error.code !== "not_provable") place.behind = Math.max(place.behind, this.newest);
      this.directory.watched(place);
      if (place.isStale) this.#options.left(place);
      return;
    }
    this.directory.watched(place, this.#clock.now() - begun);
    this.directory.toldHeight(place, height, this.newest);
    if (place.isStale) this.#options.left(place);
  }
  /** @param {Checker} checker @param {Place} place @param {Client} client @returns {Promise<number>} Its height. */
  async #weigh(checker, place, client) {
    const weighed = await checker.weighState(client, { timeout: PATIENCE });
    const { node, height, evidence } = weighed;
    place.node = node;
    place.isProven = true;
    const known = this.accusations.find((each) => each.evidence && each.node === node);
    if (evidence === null && !known) return height;
    const lie = known?.reason ?? "evidence: it signed another state than the validators";
    this.#leave(place, lie);
    if (evidence !== null) await this.#name({ url: place.url, node, reason: lie, evidence });
    throw new AnswerFalse("evidence", place.url, `${place.url} is of a node that lied: ${lie}`);
  }
  /** Ask a place no more. @param {Place} place @param {string} lie */
  #leave(place, lie) {
    this.directory.lied(place, lie);
    this.#options.left(place);
    this.#connections.drop(place, new ConnectionFailed(`${place.url} was left: ${lie}`));
  }
  #refresh() {
    const now = this.#clock.now();
    const ranked = this.ranked();
    const wanted = this.directory.ready(now, this.#connections.open.keys(), READY);
    for (const [place, client] of this.#connections.open) {
      const isUnwanted = !wanted.has(place) && place.latency !== null && !this.#busy.has(place);
      if (isUnwanted && client.isIdle && now >= place.usedAt + IDLE) this.#connections.closeOne(place);
    }
    const open = this.#connections.open;
    for (const [place, client] of open) {
      const isUsed = place.usedAt > place.lookedAt || !client.isIdle;
      if (this.#busy.has(place) || !isUsed && now - place.lookedAt < REST) continue;
      place.lookedAt = now;
      this.#inBackground(this.#watch(place, client), place);
    }
    const unknown = ranked.find((each) => each.latency === null && !wanted.has(each));
    for (const place of unknown ? [...wanted, unknown] : wanted) {
      const isDue = !open.has(place) && place.retryAt <= now && !this.#busy.has(place);
      if (isDue) this.#inBackground(this.#visit(place), place);
    }
    const teller = ranked.map((each) => open.get(each)).find((client) => client !== void 0);
    if (teller && now >= this.#learnAt) {
      this.#learnAt = now + LEARN;
      this.#learnPlaces(teller).catch(noteBug);
    }
  }
  /** @param {Place} place @param {Client} client */
  async #watch(place, client) {
    const late = () => new TimedOut(`${place.url} does not answer any more.`);
    try {
      await within(this.#clock, this.#look(place, client), PATIENCE, late);
    } catch (error) {
      const isLost = error instanceof ConnectionFailed || error instanceof TimedOut;
      if (isLost) this.#connections.drop(place, error);
    }
  }
  /** @param {Promise<unknown>} work @param {Place} place */
  #inBackground(work, place) {
    this.#busy.add(place);
    const done = () => this.#busy.delete(place);
    work.then(done, (error) => {
      done();
      noteBug(error);
    });
  }
};
async function tellHeight(client) {
  const { result } = await client.call("getdatahash", {}, void 0, { timeout: PATIENCE });
  return isObject2(result) && Number.isSafeInteger(result.height) ? Number(result.height) : 0;
}

// src/session/policy.js
function readPolicy(verify2) {
  if (verify2 === "proof" || verify2 === "certificate" || verify2 === "none") {
    return { certifies: verify2 !== "none", proves: verify2 === "proof", quorum: 1 };
  }
  const quorum2 = /^quorum:(\d{1,2})$/.exec(verify2);
  if (quorum2 && Number(quorum2[1]) >= 2 && Number(quorum2[1]) <= 64) {
    return { certifies: true, proves: true, quorum: Number(quorum2[1]) };
  }
  throw new RangeError(
    `verify=${JSON.stringify(verify2)}: give "proof", "certificate", "quorum:K" with a K of 2 to 64, or "none".`
  );
}

// src/session/provensource.js
var ProvenSource = class {
  #log;
  #topic;
  #wanted;
  #begin;
  #saw;
  #closing = new AbortController();
  /** The last block that was taken. */
  #read = 0;
  /** @type {import("./items.js").LoggedItem[]} */
  #items = [];
  /** @type {Set<number>} */
  #unproven = /* @__PURE__ */ new Set();
  #hasBegun = false;
  /**
   * @param {import("./log.js").ProvenLog} log
   * @param {string} topic
   * @param {import("./items.js").Wanted} wanted
   * @param {(signal: AbortSignal) => Promise<LogPlace>} begin Tells the cursor after which items are told.
   * @param {(height: number) => void} saw Told the height of each item that the caller is shown.
   */
  constructor(log, topic, wanted, begin, saw) {
    this.cursor = null;
    this.#log = log;
    this.#topic = topic;
    this.#wanted = wanted;
    this.#begin = begin;
    this.#saw = saw;
  }
  get url() {
    return this.#log.url;
  }
  async open() {
    const cursor = await this.#begin(this.#closing.signal);
    if (this.#closing.signal.aborted) return;
    this.#read = this.#log.endsBlock(cursor) ? cursor.height : cursor.height - 1;
    this.cursor = cursor;
    this.#log.begin();
    this.#hasBegun = true;
  }
  /** @returns {Promise<import("./cloudsubscription.js").CloudItem | null>} */
  async next() {
    while (!this.#closing.signal.aborted && this.cursor) {
      const found = this.#items.shift();
      if (!found) {
        await this.#advance(this.cursor);
        continue;
      }
      const { cursor } = found.item;
      if (!isAfter(cursor, this.cursor) || !passes(found, this.#wanted)) continue;
      this.cursor = cursor;
      this.#saw(cursor.height);
      return { ...found.item, checked: this.#unproven.has(cursor.index) ? "partly" : "proof" };
    }
    return null;
  }
  /** Take the next block, which may have to be waited for. @param {LogPlace} cursor */
  async #advance(cursor) {
    const height = this.#read + 1;
    try {
      const { items, unproven } = await this.#log.items(height, this.#topic, this.#closing.signal);
      this.#items = [...items];
      this.#unproven = unproven;
    } catch (error) {
      const isPruned = error instanceof RemoteError && error.code === "cursor_pruned";
      if (!isPruned || height !== cursor.height) throw error;
    }
    this.#read = height;
  }
  close() {
    this.#closing.abort();
    this.#items = [];
    if (this.#hasBegun) this.#log.end();
    this.#hasBegun = false;
  }
  /** The log asks elsewhere by itself. */
  leave() {
  }
};

// src/session/asking.js
var FIRST_PAUSE = 0.1;
var LONGEST_PAUSE = 2;
var Asking = class {
  #ask;
  #choose;
  #clock;
  #hedgeAfter;
  #confirms;
  #sameNode;
  /** The places of the nodes that refused. @type {Set<Place>} */
  #refusing = /* @__PURE__ */ new Set();
  /** @type {Set<Place>} */
  #tried = /* @__PURE__ */ new Set();
  /** @type {Map<Place, AbortController>} */
  #running = /* @__PURE__ */ new Map();
  /** @type {RemoteError | null} */
  #refusal = null;
  /** @type {unknown} */
  #failure = null;
  #mayPass = false;
  #pause = FIRST_PAUSE;
  #isOver = false;
  #forgetTimer = () => {
  };
  #forgetDeadline = () => {
  };
  /** @type {(found: {answer: T, place: Place}) => void} */
  #resolve = () => {
  };
  /** @type {(error: unknown) => void} */
  #reject = () => {
  };
  /**
   * @param {(place: Place, signal: AbortSignal) => Promise<T>} ask Asks one place; the signal says that nobody waits.
   * @param {(tried: Set<Place>) => Place | null} choose The best place but for some.
   * @param {import("./clock.js").Clock} clock
   * @param {object} options
   * @param {number | null} options.timeout Seconds for all of it; null for no end.
   * @param {number | null} [options.hedgeAfter] Seconds after which a second place is asked; null for never.
   * @param {(refusal: RemoteError) => boolean} [options.confirms] Whether a refusal is only believed when a second
   *   place gives it as well.
   * @param {(place: Place) => Set<Place>} [options.sameNode] The places of a place's node, which confirm nothing.
   */
  constructor(ask3, choose, clock, { timeout, hedgeAfter = null, confirms = () => false, sameNode = (place) => /* @__PURE__ */ new Set([place]) }) {
    this.#ask = ask3;
    this.#choose = choose;
    this.#clock = clock;
    this.#hedgeAfter = hedgeAfter;
    this.#confirms = confirms;
    this.#sameNode = sameNode;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (timeout !== null) this.#forgetDeadline = clock.later(timeout, () => this.#timeIsOver());
    this.#next();
  }
  /** @param {unknown} error Ask no more, and fail with it; does nothing when it is over. */
  stop(error) {
    if (this.#end()) this.#reject(error);
  }
  // Asking
  #next() {
    const place = this.#choose(this.#tried);
    if (!place) {
      if (!this.#running.size) this.#allFailed();
      return;
    }
    this.#tried.add(place);
    const controller = new AbortController();
    this.#running.set(place, controller);
    if (this.#hedgeAfter !== null && this.#running.size === 1) this.#setTimer(this.#hedgeAfter, () => this.#next());
    this.#ask(place, controller.signal).then(
      (answer) => this.#succeeded(answer, place),
      (error) => this.#failed(error, place)
    );
  }
  #again() {
    this.#tried.clear();
    this.#mayPass = false;
    this.#next();
  }
  #allFailed() {
    if (this.#refusal) this.stop(this.#refusal);
    else if (this.#failure && !this.#mayPass) this.stop(this.#failure);
    else {
      this.#setTimer(this.#pause, () => this.#again());
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    }
  }
  // What comes of it
  /** @param {T} answer @param {Place} place */
  #succeeded(answer, place) {
    this.#running.delete(place);
    if (this.#end()) this.#resolve({ answer, place });
  }
  /** @param {unknown} error @param {Place} place */
  #failed(error, place) {
    this.#running.delete(place);
    if (this.#isOver) return;
    const wanted = remedy(error);
    if (wanted === "none") {
      const before = this.#refusing.has(place) ? null : this.#refusal;
      this.#refusal = error instanceof RemoteError ? error : null;
      const isEnough = !this.#refusal || !this.#confirms(this.#refusal) || before !== null && before.number === this.#refusal.number && before.code === this.#refusal.code;
      if (isEnough) {
        this.stop(error);
        return;
      }
      for (const each of this.#sameNode(place)) {
        this.#refusing.add(each);
        this.#tried.add(each);
      }
    } else {
      this.#failure = error;
      this.#mayPass ||= wanted === "later";
    }
    this.#next();
  }
  #timeIsOver() {
    this.stop(this.#refusal ?? this.#failure ?? new TimedOut("No node answered in time."));
  }
  /** @returns {boolean} Whether it was not over before. */
  #end() {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#forgetDeadline();
    this.#forgetTimer();
    for (const controller of this.#running.values()) controller.abort();
    this.#running.clear();
    return true;
  }
  /** @param {number} seconds @param {() => void} call */
  #setTimer(seconds, call) {
    this.#forgetTimer();
    this.#forgetTimer = this.#clock.later(seconds, call);
  }
};

// src/session/session.js
var OF_THE_NODE = /* @__PURE__ */ new Set([
  "getnodeinfo",
  "getpeerinfo",
  "getstuninfo",
  "gettime",
  "ping",
  "rpc.discover",
  "getgenesis",
  "compare",
  "getevidence",
  "submitevidence",
  "submit",
  "requestpunch",
  "checkreach"
]);
var Session = class {
  /** @param {number} [height] Of an earlier session that this one goes on with. */
  constructor(height = 0) {
    this.height = height;
  }
  /** @param {number} height The caller is shown something that holds there. */
  saw(height) {
    this.height = Math.max(this.height, height);
  }
  /**
   * @param {string} method
   * @param {RequestContext | null} [wanted] What the caller wants of the request's context.
   * @returns {RequestContext} That, and the session's height unless the caller chose one.
   */
  context(method, wanted) {
    const context = { ...wanted };
    if (OF_THE_NODE.has(method) || context.at !== void 0) return context;
    const least = Math.max(this.height, context.min_height ?? 0);
    if (least) context.min_height = least;
    return context;
  }
};
function goesBack(context, height) {
  return context.at !== void 0 ? height !== context.at : height < (context.min_height ?? 0);
}

// src/session/questions.js
var HEDGE = 0.5;
var HEDGE_LATENCIES = 8;
var Questions = class {
  #nodes;
  #policy;
  #session;
  #clock;
  /** @type {Set<Asking<any>>} */
  #asking = /* @__PURE__ */ new Set();
  #isClosed = false;
  /**
   * @param {import("./nodes.js").Nodes} nodes
   * @param {import("./policy.js").Policy} policy
   * @param {import("./session.js").Session} session
   * @param {import("./clock.js").Clock} clock
   */
  constructor(nodes, policy, session, clock) {
    this.#nodes = nodes;
    this.#policy = policy;
    this.#session = session;
    this.#clock = clock;
  }
  /** Ask no more; what is under way fails. */
  close() {
    this.#isClosed = true;
    for (const asking of [...this.#asking]) asking.stop(new SessionClosed());
  }
  // Calls
  /**
   * Call a method; the session does not see yet what is shown.
   *
   * @param {string} method
   * @param {unknown} params
   * @param {RequestContext | undefined} wanted What the caller wants of the answer.
   * @param {number} seconds Over all nodes that are asked.
   * @returns {Promise<CloudAnswer>} Fails as `Cloud.call` says.
   */
  async call(method, params, wanted, seconds) {
    const isOfNode = OF_THE_NODE.has(method);
    const context = this.#session.context(method, wanted);
    const proof = this.#policy.proves && !isOfNode && isProvable(method, params);
    if (proof) context.proof = true;
    const question = { method, params, context, deadline: this.#clock.now() + seconds, proof };
    const { answer, place } = await this.ask(
      (at2, signal) => this.#answer(question, at2, signal),
      question.deadline,
      { hedges: method !== "submit" }
    );
    return this.#policy.quorum > 1 && !isOfNode ? this.#agree(question, answer, place) : answer;
  }
  /**
   * Ask the best places until one answers.
   *
   * @template T
   * @param {(place: Place, signal: AbortSignal) => Promise<T>} ask
   * @param {number | null} deadline In seconds of the clock; null for no end.
   * @param {AskOptions} options
   * @returns {Promise<{answer: T, place: Place}>} What `ask` gave, and the place; fails with the last failure.
   */
  async ask(ask3, deadline, { hedges, leastHedge = HEDGE, keeping = false, without = /* @__PURE__ */ new Set(), signal }) {
    if (this.#isClosed || signal?.aborted) throw new SessionClosed();
    const choose = (tried) => this.#nodes.choose({ without: /* @__PURE__ */ new Set([...tried, ...without]), keeping });
    const latency = choose(/* @__PURE__ */ new Set())?.latency ?? 0;
    const asking = new Asking(ask3, choose, this.#clock, {
      timeout: deadline === null ? null : Math.max(0, deadline - this.#clock.now()),
      hedgeAfter: hedges ? Math.max(leastHedge, HEDGE_LATENCIES * latency) : null,
      confirms: (refusal) => this.#policy.certifies && !(refusal instanceof Denied && refusal.checked === "proof"),
      sameNode: (place) => this.sameNode(place)
    });
    const stop = () => asking.stop(new ConnectionFailed("The question was given up."));
    signal?.addEventListener("abort", stop, { once: true });
    this.#asking.add(asking);
    try {
      return await asking.done;
    } finally {
      this.#asking.delete(asking);
      signal?.removeEventListener("abort", stop);
    }
  }
  /**
   * Have something done at a place that checks by itself what it is told.
   *
   * @template T
   * @param {Place} place
   * @param {Blame} blame What the place is accused of, if `work` fails with a `LedgerError`.
   * @param {(client: Client) => Promise<T>} work
   * @returns {Promise<T>}
   * @throws {ClientError} It failed, or the place lied and is left.
   */
  async workAt(place, blame, work) {
    const client = await this.#nodes.connect(place);
    try {
      const done = await work(client);
      this.#nodes.directory.answered(place);
      return done;
    } catch (error) {
      if (error instanceof LedgerError) throw this.#nodes.accuse(place, client, error, blame);
      if (error instanceof RemoteError && remedy(error) === "none") throw notShown(place, error);
      if (error instanceof ConnectionFailed || error instanceof TimedOut) this.#nodes.failedCall(place, error);
      throw error;
    }
  }
  /** A place, and the others of the same node as far as that is proven. @param {Place} place @returns {Set<Place>} */
  sameNode(place) {
    const isSame = (other) => other.isProven && other.node === place.node;
    const others = place.isProven ? [...this.#nodes.directory].filter(isSame) : [];
    return /* @__PURE__ */ new Set([place, ...others]);
  }
  // At one place
  /** Ask one place, and check what it answers. @param {Question} question @param {Place} place @param {AbortSignal} signal */
  async #answer(question, place, signal) {
    const client = await this.#nodes.connect(place);
    const { method, params, context } = question;
    const timeout = Math.max(0.05, question.deadline - this.#clock.now());
    let answer;
    try {
      answer = await client.call(method, params, context, { timeout, signal });
    } catch (error) {
      if (error instanceof RemoteError) {
        this.#noteRefusal(place, error);
        if (question.proof && error.number === -5 && error.rawContext) {
          throw await this.#checkDenial(question, place, client, error);
        }
      } else if (!signal.aborted) this.#nodes.failedCall(place, error);
      throw error;
    }
    this.#nodes.directory.answered(place);
    const { raw, rawContext, result } = answer;
    const { height, checked } = OF_THE_NODE.has(method) ? { height: 0, checked: (
      /** @type {Checked} */
      "none"
    ) } : await this.#judge(question, place, client, rawContext, (checker) => checker.check(client, method, params, answer, { proof: question.proof }));
    const said = rawContext ? JSON.parse(rawContext) : null;
    return { result, raw, context: said, checked, height, url: place.url, node: place.node };
  }
  /** @param {Place} place @param {RemoteError} error */
  #noteRefusal(place, error) {
    this.#nodes.directory.answered(place);
    if (BEHIND.has(error.code) && isCount(error.data.height)) this.#toldHeight(place, error.data.height);
  }
  /** @param {Place} place @param {number} height */
  #toldHeight(place, height) {
    this.#nodes.directory.toldHeight(place, height, Math.max(this.#nodes.newest, this.#session.height));
  }
  /**
   * @param {Question} question
   * @param {Place} place
   * @param {Client} client
   * @param {RemoteError} error
   * @returns {Promise<ClientError>} What the refusal is worth.
   */
  async #checkDenial(question, place, client, error) {
    try {
      const { height, checked } = await this.#judge(question, place, client, error.rawContext, (checker) => checker.checkDenial(client, question.method, question.params, error));
      return new Denied(error, checked, height);
    } catch (other) {
      if (other instanceof ClientError) return other;
      throw other;
    }
  }
  /**
   * @param {Question} question
   * @param {Place} place
   * @param {Client} client
   * @param {string} rawContext
   * @param {(checker: Checker) => Promise<Checked>} check
   * @returns {Promise<{height: number, checked: Checked}>}
   * @throws {ClientError} The answer is false, stale, or not shown to be true.
   */
  async #judge({ method, params, context }, place, client, rawContext, check) {
    let height = 0;
    try {
      ({ height } = readContext(rawContext));
      if (goesBack(context, height)) {
        this.#toldHeight(place, height);
        throw new AnswerStale(`${place.url} answered ${method} for height ${height}, older than this session.`);
      }
      return { height, checked: this.#nodes.checker ? await check(this.#nodes.checker) : "none" };
    } catch (error) {
      if (error instanceof LedgerError) throw this.#nodes.accuse(place, client, error, { method, params, height });
      throw error instanceof RemoteError ? notShown(place, error) : error;
    }
  }
  // Several nodes
  /**
   * The answer that so many nodes give, byte for byte at one height: asked on until they are that many, however many
   * others answer something else.
   *
   * @param {Question} question
   * @param {CloudAnswer} first
   * @param {Place} place Who gave it.
   * @returns {Promise<CloudAnswer>}
   * @throws {NotEnoughNodes} They are not.
   */
  async #agree(question, first, place) {
    const { min_height: _, ...context } = question.context;
    const same = { ...question, context: { ...context, at: first.height } };
    const given = /* @__PURE__ */ new Map([[first.raw, [first]]]);
    if (!place.isProven) await this.#nodes.look(place);
    const asked = this.sameNode(place);
    const { quorum: quorum2 } = this.#policy;
    for (let most = given.get(first.raw) ?? []; ; ) {
      const [best] = most;
      if (best && most.length >= quorum2) return best;
      if (!this.#nodes.choose({ without: asked })) throw disagreement(same, given, quorum2, "name more nodes.");
      let other;
      try {
        other = await this.ask(async (at2, signal) => {
          if (!at2.isProven) await this.#nodes.look(at2);
          if ([...this.sameNode(at2)].some((each) => asked.has(each))) {
            asked.add(at2);
            throw new ConnectionFailed(`${at2.url} is of a node that was asked.`);
          }
          return this.#answer(same, at2, signal);
        }, same.deadline, { hedges: false, without: asked });
      } catch (error) {
        if (error instanceof Denied || !(error instanceof ClientError)) throw error;
        throw disagreement(same, given, quorum2, messageOf(error));
      }
      for (const each of this.sameNode(other.place)) asked.add(each);
      const alike = given.get(other.answer.raw) ?? [];
      alike.push(other.answer);
      given.set(other.answer.raw, alike);
      if (alike.length > most.length) most = alike;
    }
  }
};
function disagreement({ method, context }, given, quorum2, reason) {
  const groups = [...given.values()].map((alike) => alike.length).sort((one, other) => other - one).join(" and ");
  const told = given.size > 1 ? `${groups} nodes give different answers` : `${groups} nodes agree`;
  return new NotEnoughNodes(`${told} to ${method} at height ${context.at}, ${quorum2} were to agree: ${reason}`);
}
function notShown(place, error) {
  return new ConnectionFailed(`${place.url} does not show what its answer is checked with: ${error.message}`);
}

// src/session/saved.js
var FORMAT2 = 1;
var CHARACTERS_MAX = 256 * 1024;
var PLACES_MAX2 = 64;
var LIAR_SECONDS = 7 * 86400;
var StateInvalid = class extends ClientError {
  name = "StateInvalid";
  /** @param {string} why */
  constructor(why) {
    super(`The saved session can't be used: ${why}. Begin without it, with seeds and the network's id.`);
  }
};
function savePlaces(ranked, now) {
  const good = ranked.filter((place) => place.lie === null).slice(0, PLACES_MAX2);
  const liars = ranked.filter((place) => place.lie !== null).slice(0, PLACES_MAX2);
  for (const place of liars) place.liedAt ||= now;
  return [...good, ...liars].map(({ url, isSeed, node, latency, suspicions, lie, liedAt, certificates }) => ({ url, isSeed, node, latency, suspicions, lie: lie && lie.slice(0, 512), liedAt, certificates }));
}
async function encodeSession({ network, height, epoch, header, places }) {
  const state = JSON.stringify({
    network,
    height,
    epoch: epoch && { number: Number(epoch.number), base: Number(epoch.base), validators: epoch.validators.map(toHex) },
    header: header ? toHex(header.raw) : "",
    places
  });
  return JSON.stringify({ format: FORMAT2, digest: toHex(await sha2562(utf8(state))), state });
}
async function decodeSession(text, now) {
  if (text.length > CHARACTERS_MAX) throw new StateInvalid("it is larger than any");
  const file = parse(text);
  if (!isObject2(file) || !isText(file.state)) throw new StateInvalid("it is damaged");
  if (file.format !== FORMAT2) throw new StateInvalid(`its format is ${file.format}, this version reads ${FORMAT2}`);
  if (toHex(await sha2562(utf8(file.state))) !== file.digest) throw new StateInvalid("it is damaged");
  try {
    return readState(parse(file.state), now);
  } catch (error) {
    if (!(error instanceof LedgerError || error instanceof AddressInvalid)) throw error;
    throw new StateInvalid(`it has what no session saves (${error.message})`);
  }
}
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
function readState(state, now) {
  if (!isObject2(state) || !isCount(state.height) || !isText(state.header) || !Array.isArray(state.places)) {
    throw new StateInvalid("it has what no session saves");
  }
  const network = decodeAccount(state.network);
  const places = state.places.slice(0, 2 * PLACES_MAX2).map(readPlace);
  return {
    network: toHex(network),
    height: state.height,
    epoch: state.epoch === null ? null : readEpoch2(state.epoch, network),
    header: state.header ? decodeHeader(fromHex(state.header, "header_malformed")) : null,
    places: places.filter((each) => each.lie === null || now - each.liedAt < LIAR_SECONDS)
  };
}
function readEpoch2(epoch, network) {
  const isEpoch = isObject2(epoch) && isCount(epoch.number) && isCount(epoch.base) && Array.isArray(epoch.validators) && epoch.validators.length > 0 && epoch.validators.length <= VALIDATORS_MAX;
  if (!isEpoch) throw new StateInvalid("it has what no session saves");
  const { number: number2, base, validators } = (
    /** @type {{number: number, base: number, validators: unknown[]}} */
    epoch
  );
  return new Epoch(network, BigInt(number2), validators.map((key) => decodeAccount(key)), BigInt(base));
}
function readPlace(place) {
  const isPlace2 = isObject2(place) && isText(place.url) && typeof place.isSeed === "boolean" && isText(place.node) && (place.latency === null || typeof place.latency === "number") && isCount(place.suspicions) && (place.lie === null || isText(place.lie)) && typeof place.liedAt === "number" && Array.isArray(place.certificates) && place.certificates.every(isText);
  if (!isPlace2) throw new StateInvalid("it has what no session saves");
  const saved = (
    /** @type {SavedPlace} */
    /** @type {unknown} */
    place
  );
  return { ...saved, url: formatUrl(parseUrl(saved.url)) };
}

// src/session/servedsource.js
var PAUSE2 = 1;
var ServedSource = class {
  #begin;
  #take;
  #clock;
  #closing = new AbortController();
  /** Subscriptions at nodes, in a row, that ended without an item that was taken. */
  #fruitless = 0;
  /** @type {Opened | null} */
  #opened = null;
  /** One that came and is not checked yet. @type {Item | null} */
  #item = null;
  /**
   * @param {LogPlace | null} after
   * @param {object} options
   * @param {(after: LogPlace | null, signal: AbortSignal) => Promise<Opened>} options.begin Subscribes at a node
   *   after a cursor.
   * @param {(opened: Opened, item: Item) => Promise<import("./checker.js").Checked>} options.take Checks an item; fails if
   *   it is to be asked for elsewhere.
   * @param {import("./clock.js").Clock} options.clock
   */
  constructor(after, { begin, take: take2, clock }) {
    this.cursor = after;
    this.#begin = begin;
    this.#take = take2;
    this.#clock = clock;
  }
  get url() {
    return this.#opened?.place.url ?? "";
  }
  async open() {
    const opened = await this.#begin(this.cursor, this.#closing.signal);
    if (this.#closing.signal.aborted) opened.subscription.close();
    else {
      this.#opened = opened;
      this.cursor ??= opened.subscription.cursor;
    }
  }
  /** @returns {Promise<import("./cloudsubscription.js").CloudItem | null>} */
  async next() {
    while (!this.#closing.signal.aborted) {
      if (!this.#opened && this.#fruitless > 1) await pause(this.#clock, PAUSE2, this.#closing.signal);
      if (!this.#opened && !this.#closing.signal.aborted) await this.open();
      const [opened, cursor] = [this.#opened, this.cursor];
      if (!opened || !cursor) continue;
      try {
        this.#item ??= await opened.subscription.next();
        const item = this.#item;
        if (!item) {
          this.#fruitless += 1;
          this.#leave(opened);
          continue;
        }
        const checked = isAfter(item.cursor, cursor) ? await this.#take(opened, item) : null;
        this.#item = null;
        if (!checked || this.#closing.signal.aborted) continue;
        this.cursor = item.cursor;
        this.#fruitless = 0;
        return { ...item, checked };
      } catch (error) {
        this.#fruitless += 1;
        this.#leave(opened);
        if (remedy(error) === "none") throw error;
      }
    }
    return null;
  }
  close() {
    this.#closing.abort();
    if (this.#opened) this.#leave(this.#opened);
  }
  /** Go on elsewhere if it is this place that serves it. @param {Place} place */
  leave(place) {
    if (this.#opened?.place === place) this.#opened.subscription.close();
  }
  /** @param {Opened} opened */
  #leave(opened) {
    this.#item = null;
    if (this.#opened === opened) this.#opened = null;
    opened.subscription.close();
  }
};

// src/formats/stundata.js
var STUN_DATA_BYTES_MAX = 4096;
var ENDPOINTS_MAX2 = 64;
var CERTIFICATES_MAX2 = 4;
var LIFETIME_MAX = 3600n;
var AHEAD_MAX = 600;
var PROTOCOLS = (
  /** @type {const} */
  ["udp", "tcp"]
);
var SOURCES = (
  /** @type {const} */
  ["stun", "interface", "router"]
);
var BEHAVIOURS = (
  /** @type {const} */
  [
    "unknown",
    "none",
    "endpoint-independent",
    "address-dependent",
    "address-and-port-dependent"
  ]
);
var TRISTATES = (
  /** @type {const} */
  ["unknown", "no", "yes"]
);
var SYNS = (
  /** @type {const} */
  ["unknown", "accepted", "dropped", "reset"]
);
var LOCAL_4 = [
  [[0], 8],
  [[10], 8],
  [[100, 64], 10],
  [[127], 8],
  [[169, 254], 16],
  [[172, 16], 12],
  [[192, 168], 16],
  [[224], 3]
];
var LOCAL_6 = [[new Array(16).fill(0), 127], [[252, 0], 7], [[254, 128], 10], [[255], 8]];
var MAPPED_4 = [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255], 96];
async function readStunData(encoded, network) {
  if (encoded.length > STUN_DATA_BYTES_MAX) throw new LedgerError("stun_data_too_large");
  const end = Math.max(0, encoded.length - SIGNATURE_SIZE);
  const [raw, signature] = [encoded.subarray(0, end), encoded.subarray(end)];
  const data = decodeStunData(raw);
  if (!equal(data.network, network)) throw new LedgerError("stun_data_network");
  if (!await verify(data.node, STUN_DATA, raw, signature)) throw new LedgerError("stun_data_signature");
  return data;
}
function decodeStunData(raw) {
  const reader = new Reader(raw, "stun_data_malformed");
  const [network, node] = [reader.take(32), reader.take(32)];
  const [sequence, issued, expiry] = [reader.u64(), reader.u64(), reader.u64()];
  if (expiry < issued || expiry - issued > LIFETIME_MAX) throw new LedgerError("stun_data_malformed");
  const nat = {
    mapping: named(reader, BEHAVIOURS),
    filtering: named(reader, BEHAVIOURS),
    ports: named(reader, TRISTATES),
    hairpin: named(reader, TRISTATES),
    syn: named(reader, SYNS)
  };
  const endpoints = many(reader, ENDPOINTS_MAX2, readEndpoint);
  const certificates = many(reader, CERTIFICATES_MAX2, readCertificate);
  reader.end();
  return { network, node, sequence, issued, expiry, nat, endpoints, certificates };
}
function named(reader, names) {
  const name = names[reader.u8()];
  if (name === void 0) throw new LedgerError("stun_data_malformed");
  return name;
}
function many(reader, most, read) {
  const count = reader.u8();
  if (count > most) throw new LedgerError("stun_data_malformed");
  return Array.from({ length: count }, () => read(reader));
}
function readEndpoint(reader) {
  const [protocol, source] = [named(reader, PROTOCOLS), named(reader, SOURCES)];
  const [port, observer] = [reader.u16(), reader.take(32)];
  const address = reader.take(reader.u8());
  const isPublic = (address.length === 4 || address.length === 16) && !isLocal(address) && !isWithin(address, MAPPED_4);
  if (!port || !isPublic) throw new LedgerError("stun_data_malformed");
  return { protocol, address: formatIp(address), port, observer, source };
}
function readCertificate(reader) {
  const [hash2, notBefore, notAfter] = [reader.take(32), reader.u64(), reader.u64()];
  return { hash: hash2, notBefore, notAfter, signature: reader.take(SIGNATURE_SIZE) };
}
function checkTime(data, now) {
  if (now > Number(data.expiry)) throw new LedgerError("stun_data_expired");
  if (Number(data.issued) > now + AHEAD_MAX) throw new LedgerError("stun_data_future");
}
function vouchesFor(node, hash2, signature) {
  return verify(node, TLS, hash2, signature);
}
function isLocal(address) {
  return (address.length === 4 ? LOCAL_4 : LOCAL_6).some((network) => isWithin(address, network));
}
function isWithin(address, [first, bits]) {
  for (let at2 = 0; at2 < bits; at2 += 8) {
    const shift = Math.max(0, 8 - (bits - at2));
    if (
      /** @type {number} */
      address[at2 / 8] >> shift !== first[at2 / 8] >> shift
    ) return false;
  }
  return true;
}
function formatIp(address) {
  if (address.length === 4) return address.join(".");
  const groups = Array.from({ length: 8 }, (_, at2) => {
    return (
      /** @type {number} */
      (address[2 * at2] * 256 + /** @type {number} */
      address[2 * at2 + 1]).toString(16)
    );
  });
  let [begin, length] = [0, 1];
  for (let at2 = 0, run = 0; at2 < 8; at2 += 1) {
    run = groups[at2] === "0" ? run + 1 : 0;
    if (run > length) [begin, length] = [at2 - run + 1, run];
  }
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, begin).join(":")}::${groups.slice(begin + length).join(":")}`;
}

// src/session/vouching.js
var CERTIFICATES_MAX3 = 4;
function makeReader(network, unix) {
  return {
    record: async (hex) => {
      const id = network();
      if (id === null || hex.length > 2 * STUN_DATA_BYTES_MAX) return null;
      return readRecord(hex, id, unix()).catch(refused);
    },
    certificates: async (node, told) => {
      const good = [];
      for (const each of Array.isArray(told) ? told.slice(0, CERTIFICATES_MAX3) : []) {
        const certificate = await readCertificate2(node, each).catch(refused);
        if (certificate) good.push(certificate);
      }
      return good;
    }
  };
}
async function readRecord(hex, network, now) {
  const data = await readStunData(fromHex(hex, "stun_data_malformed"), decodeAccount(network));
  checkTime(data, now);
  const { endpoints, nat } = data;
  const certificates = data.certificates.map(({ hash: hash2, notAfter }) => ({ hash: toHex(hash2), notAfter: Number(notAfter) }));
  return { node: toHex(data.node), expiry: Number(data.expiry), endpoints, nat, certificates };
}
async function readCertificate2(node, told) {
  if (!isObject2(told) || typeof told.hash !== "string" || !isCount(told.not_after)) return null;
  const signature = fromHex(told.signature, "signature_invalid");
  const isSigned = await vouchesFor(decodeAccount(node), decodeAccount(told.hash), signature);
  return isSigned ? { hash: told.hash, notAfter: told.not_after } : null;
}
function refused(error) {
  if (error instanceof LedgerError) return null;
  throw error;
}

// src/formats/operation.js
var DATA_BYTES_MAX = 65536;
var COMMON = ["network", "account", "type", "time", "from", "expiry"];
var TYPES = {
  put: { needed: ["collection", "key", "data"], optional: ["ref", "if_version"], read: readPut },
  delete: { needed: ["collection", "key"], optional: ["if_version"], read: readDelete },
  rate: { needed: ["record", "stars"], optional: [], read: readRate },
  withdraw: {
    needed: ["record"],
    optional: [],
    read: (members) => ({ type: "withdraw", record: readRecord2(members) })
  },
  invite: {
    needed: ["invited"],
    optional: [],
    read: (members) => ({ type: "invite", invited: decodeAccount(takeText(members, "invited")) })
  },
  appoint: { needed: ["epoch", "validators", "approvals"], optional: [], read: readAppoint }
};
async function decodeOperation(body, signature, genesis) {
  if (body.length > genesis.parameters.max_operation_bytes) throw new LedgerError("operation_too_large");
  if (signature.length !== SIGNATURE_SIZE) throw new LedgerError("signature_invalid", "A signature has 64 bytes.");
  const { members, action } = readBody(body);
  if (takeText(members, "network") !== genesis.networkHex) throw new LedgerError("network_other");
  const account = decodeAccount(takeText(members, "account"));
  const time = takeCount(members, "time");
  const [from, expiry] = [takeInteger(members, "from"), takeInteger(members, "expiry")];
  if (from < 0 || from > expiry || expiry > from + genesis.parameters.window) throw new LedgerError("window_invalid");
  if (action.type !== "appoint" && !await admitsByWork(genesis, account)) throw new LedgerError("admission_work");
  const [exact, signed] = [
    /** @type {Bytes} */
    body,
    /** @type {Bytes} */
    signature
  ];
  return { id: await operationId(body), body: exact, signature: signed, account, time, from, expiry, action };
}
function operationId(body) {
  return sha2562(body);
}
function verifyOperation(operation) {
  return verify(operation.account, OPERATION, operation.body, operation.signature);
}
function signOperation(key, body) {
  return key.sign(OPERATION, body);
}
function readBody(body) {
  const value = decodeStrict(body);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new LedgerError("member_type", "An operation is an object.");
  }
  const members = (
    /** @type {Members} */
    value
  );
  if (!Object.hasOwn(members, "type")) throw new LedgerError("member_missing", "Member 'type' is missing.");
  const name = members.type;
  const type = typeof name === "string" && Object.hasOwn(TYPES, name) ? TYPES[name] : void 0;
  if (!type) throw new LedgerError("type_unknown");
  checkNames(members, [...COMMON, ...type.needed], type.optional);
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  return { members, action: type.read(members, text) };
}
function checkNames(members, needed, optional, code) {
  for (const name of Object.keys(members)) {
    if (!needed.includes(name) && !optional.includes(name)) {
      throw new LedgerError(code ?? "member_unknown", `Member ${JSON.stringify(name.slice(0, 64))} is unknown here.`);
    }
  }
  for (const name of needed) {
    if (!Object.hasOwn(members, name)) throw new LedgerError(code ?? "member_missing", `Member '${name}' is missing.`);
  }
}
function takeText(members, name) {
  const value = members[name];
  if (typeof value !== "string") throw new LedgerError("member_type", `Member '${name}' is not a string.`);
  return value;
}
function takeInteger(members, name) {
  const value = members[name];
  if (!Number.isSafeInteger(value)) throw new LedgerError("member_type", `Member '${name}' is not an integer.`);
  return (
    /** @type {number} */
    value
  );
}
function takeCount(members, name) {
  const value = takeInteger(members, name);
  if (value < 0) throw new LedgerError("member_type", `Member '${name}' is not an integer from 0 up.`);
  return value;
}
function readVersion(members) {
  return Object.hasOwn(members, "if_version") ? takeCount(members, "if_version") : null;
}
function readKeyed(members) {
  const [collection, key] = [takeText(members, "collection"), takeText(members, "key")];
  checkCollection(collection);
  checkKey(key);
  return { collection, key };
}
function readPut(members, text) {
  const keyed = readKeyed(members);
  const data = (
    /** @type {string} */
    memberTexts(text).get("data")
  );
  if (utf8(data).length > DATA_BYTES_MAX) throw new LedgerError("data_too_large");
  const ref = Object.hasOwn(members, "ref") ? takeText(members, "ref") : null;
  if (ref !== null) checkAddress(ref, "ref_invalid");
  return { type: "put", ...keyed, data, ref, ifVersion: readVersion(members) };
}
function readDelete(members) {
  return { type: "delete", ...readKeyed(members), ifVersion: readVersion(members) };
}
function readRecord2(members) {
  const record = takeText(members, "record");
  checkAddress(record);
  return record;
}
function readRate(members) {
  const record = readRecord2(members);
  const stars = members.stars;
  if (typeof stars !== "number" || stars < 1 || stars > 5) throw new LedgerError("stars_invalid");
  return { type: "rate", record, stars };
}
function readAppoint(members) {
  const epoch = takeCount(members, "epoch");
  const { validators, approvals } = members;
  if (!isList(validators) || new Set(validators).size !== validators.length) {
    throw new LedgerError("validators_invalid");
  }
  const keys2 = validators.map((key) => decodeAccount(key, "validators_invalid"));
  if (!isList(approvals)) throw new LedgerError("approvals_invalid");
  const read = approvals.map(readApproval);
  if (read.some(({ validator }, at2) => at2 && validator <= /** @type {Approval} */
  read[at2 - 1].validator)) {
    throw new LedgerError("approvals_invalid", "The approvals are not in ascending order of validator, each once.");
  }
  return { type: "appoint", epoch, validators: keys2, approvals: read };
}
function isList(value) {
  return Array.isArray(value) && value.length >= 1 && value.length <= VALIDATORS_MAX;
}
function readApproval(value) {
  const code = "approvals_invalid";
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new LedgerError(code);
  const members = (
    /** @type {Members} */
    value
  );
  checkNames(members, ["validator", "signature"], [], code);
  const { validator } = members;
  if (typeof validator !== "number" || validator < 0 || validator >= VALIDATORS_MAX) {
    throw new LedgerError(code, "An approval's validator is not an index from 0 to 999.");
  }
  const signature = fromHex(members.signature, code);
  if (signature.length !== SIGNATURE_SIZE) throw new LedgerError(code);
  return { validator, signature };
}
function buildBody(envelope, written) {
  const { network, account, time, from, expiry } = envelope;
  const { type, ...members } = written;
  try {
    const text = JSON.stringify({ network, account, type, time, from, expiry, ...members }, checkNumber);
    const { members: read } = readBody(text);
    decodeAccount(takeText(read, "account"));
    takeCount(read, "time");
    return utf8(text);
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    throw new LocalError(`not an operation: ${told}`);
  }
}
function checkNumber(name, value) {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new LocalError(`member ${JSON.stringify(name)} is no integer within +-(2^53-1): write it as a string`);
  }
  return value;
}
function writeApproval({ validator, signature }) {
  return { validator, signature: toHex(signature) };
}

// src/session/writer.js
var Writer = class {
  #key;
  #genesis;
  #height;
  #unix;
  /**
   * @param {import("../formats/genesis.js").Genesis} genesis
   * @param {import("../formats/keys.js").SigningKey} key
   * @param {() => number} height Tells the newest height known.
   * @param {() => number} unix Seconds since 1970, for operations without a time.
   */
  constructor(genesis, key, height, unix) {
    this.#key = key;
    this.#genesis = genesis;
    this.#height = height;
    this.#unix = unix;
  }
  /** The key's account in hex. */
  get account() {
    return this.#key.account;
  }
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
  put(collection, key, data, { ref, ifVersion, ...options } = {}) {
    const optional = { ...ref !== void 0 && { ref }, ...ifVersion !== void 0 && { if_version: ifVersion } };
    return this.#sign({ type: "put", collection, key, data, ...optional }, options);
  }
  /**
   * Delete a record.
   *
   * @param {string} collection
   * @param {string} key
   * @param {WriteOptions & {ifVersion?: number}} [options]
   */
  delete(collection, key, { ifVersion, ...options } = {}) {
    const optional = ifVersion !== void 0 && { if_version: ifVersion };
    return this.#sign({ type: "delete", collection, key, ...optional }, options);
  }
  /** Rate the record at an address. @param {string} record @param {number} stars 1 to 5. @param {WriteOptions} [options] */
  rate(record, stars, options) {
    return this.#sign({ type: "rate", record, stars }, options);
  }
  /** Take a rating back. @param {string} record @param {WriteOptions} [options] */
  withdraw(record, options) {
    return this.#sign({ type: "withdraw", record }, options);
  }
  /** Make another account a member, where genesis admits invited ones. @param {string} invited @param {WriteOptions} [options] */
  invite(invited, options) {
    return this.#sign({ type: "invite", invited }, options);
  }
  /**
   * @param {import("../formats/operation.js").Written} written
   * @param {WriteOptions} [options]
   * @returns {Promise<SignedOperation>}
   */
  async #sign(written, { time = Math.floor(this.#unix() * 1e3) } = {}) {
    const from = this.#height();
    const expiry = from + this.#genesis.parameters.window;
    const body = buildBody({ network: this.#genesis.networkHex, account: this.account, time, from, expiry }, written);
    const [id, signature] = await Promise.all([operationId(body), signOperation(this.#key, body)]);
    return {
      id: toHex(id),
      body: (
        /** @type {string} */
        fromUtf8(body)
      ),
      signature: toHex(signature),
      expiry,
      leastHeight: Math.max(from - 1, 0)
    };
  }
};
function checkResult2(result) {
  if (result === null || result === "ok") return;
  let message;
  try {
    message = sentence(result);
  } catch {
    message = "The network's rules rejected the operation.";
  }
  throw new Rejected(result, message);
}

// src/session/censorship.js
var OVERDUE_HEIGHTS = 8;
var OVERDUE_SECONDS = 4;
var LOOK2 = 2;
var ANSWER_SECONDS = 10;
var PROMISES_MAX = 1e3;
var Promises = class {
  #questions;
  #nodes;
  #clock;
  #send;
  #told;
  /** @type {Kept[]} */
  #kept = [];
  #isLooking = false;
  #closing = new AbortController();
  #forgetTimer = () => {
  };
  /**
   * @param {import("./questions.js").Questions} questions
   * @param {import("./nodes.js").Nodes} nodes
   * @param {import("./clock.js").Clock} clock
   * @param {object} options
   * @param {(operation: SignedOperation, place: Place, signal: AbortSignal) => Promise<unknown>} options.send Sends an
   *   operation to one place for a receipt, which is kept here.
   * @param {(censorship: Censorship) => unknown} options.told Told of each operation that is overdue or expired.
   */
  constructor(questions, nodes, clock, { send, told }) {
    this.#questions = questions;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#send = send;
    this.#told = told;
  }
  /** Hold a node to its receipt. @param {SignedOperation} operation @param {Promised} promised @param {Place} place */
  keep(operation, promised, place) {
    const node = toHex(promised.receipt.node);
    const isKept = this.#kept.some(
      (each) => each.operation.id === operation.id && toHex(each.promised.receipt.node) === node
    );
    if (isKept || this.#closing.signal.aborted) return;
    const height = Math.min(Number(promised.receipt.height), this.#nodes.newest);
    const since = this.#clock.now();
    this.#kept.push({ operation, promised, place, since, height, isOverdue: false, isSent: false });
    if (this.#kept.length > PROMISES_MAX) this.#kept.shift();
    if (this.#kept.length === 1) this.#plan();
  }
  /** An operation is in the log. @param {string} id */
  fulfilled(id) {
    this.#kept = this.#kept.filter((each) => each.operation.id !== id);
    if (!this.#kept.length) this.#forgetTimer();
  }
  /** Look no more. */
  close() {
    this.#closing.abort();
    this.#kept = [];
    this.#forgetTimer();
  }
  // Looking
  #plan() {
    this.#forgetTimer();
    this.#forgetTimer = this.#clock.later(LOOK2, () => {
      this.#look().catch(noteBug).finally(() => {
        if (this.#kept.length) this.#plan();
      });
    });
  }
  async #look() {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const { newest } = this.#nodes;
      for (const kept of [...this.#kept]) {
        const isDue = newest > kept.operation.expiry || this.#isOverdue(kept, newest);
        if (isDue && this.#kept.includes(kept)) await this.#check(kept, newest).catch(noteBug);
      }
    } finally {
      this.#isLooking = false;
    }
  }
  /** Whether the operation should be in a block by now, as far as heights and time say. @param {Kept} kept @param {number} newest */
  #isOverdue({ operation, since, height, isSent }, newest) {
    if (isSent || this.#clock.now() - since < OVERDUE_SECONDS) return false;
    const { checker } = this.#nodes;
    const most = checker?.genesis.parameters.max_block_operations ?? 0;
    const header = checker?.findFinal(newest)?.header;
    if (header && header.operationsCount >= most) return false;
    return newest >= height + Math.min(OVERDUE_HEIGHTS, Math.max(1, Math.floor((operation.expiry - height) / 2)));
  }
  /** Have it proven whether the log has the operation, and do what follows. @param {Kept} kept @param {number} newest */
  async #check(kept, newest) {
    const { operation, promised, place } = kept;
    const isExpired = newest > operation.expiry;
    const height = isExpired ? operation.expiry : newest - 1;
    const deadline = this.#clock.now() + ANSWER_SECONDS;
    let proven;
    try {
      proven = await findOperation(this.#questions, this.#nodes, operation, height, deadline, this.#closing.signal);
    } catch (error) {
      if (isExpired && error instanceof RemoteError) this.#drop(kept);
      throw error;
    }
    if (proven.found) this.fulfilled(operation.id);
    if (!this.#kept.includes(kept)) return;
    const { receipt, signature } = promised;
    const shown = { kind: (
      /** @type {const} */
      "receipt"
    ), receipt, signature, ...proven.shown };
    const evidence = isExpired ? toHex(encodeEvidence(shown)) : "";
    if (isExpired || !kept.isOverdue) {
      this.#nodes.directory.suspected(place);
      tell(this.#told, {
        url: place.url,
        node: toHex(receipt.node),
        operation: operation.id,
        height: proven.height,
        isExpired,
        evidence
      });
    }
    kept.isOverdue = true;
    if (isExpired) {
      this.#drop(kept);
      await this.#nodes.handIn(evidence);
    } else {
      await this.#sendElsewhere(operation);
      kept.isSent = true;
    }
  }
  /** @param {Kept} kept */
  #drop(kept) {
    this.#kept = this.#kept.filter((each) => each !== kept);
  }
  /** @param {SignedOperation} operation */
  async #sendElsewhere(operation) {
    const those = this.#kept.filter((each) => each.operation.id === operation.id);
    const asked = new Set(those.flatMap((each) => [...this.#questions.sameNode(each.place)]));
    if (!this.#nodes.choose({ without: asked })) return;
    await this.#questions.ask(
      (place, signal) => this.#send(operation, place, signal),
      this.#clock.now() + ANSWER_SECONDS,
      { hedges: true, without: asked, signal: this.#closing.signal }
    );
  }
};
async function findOperation(questions, nodes, operation, height, deadline, until) {
  const checker = (
    /** @type {import("./checker.js").Checker} */
    nodes.checker
  );
  const { answer } = await questions.ask(
    (place, signal) => questions.workAt(place, { method: "getproof", params: {}, height }, (client) => checker.proveOperation(client, operation, height, { signal })),
    deadline,
    { hedges: true, ...until && { signal: until } }
  );
  return answer;
}

// src/session/writing.js
var HEDGE2 = 3;
var RECEIPT_SECONDS = 10;
var Writing = class {
  #questions;
  #nodes;
  #policy;
  #session;
  #clock;
  #promises;
  /**
   * @param {import("./questions.js").Questions} questions
   * @param {import("./nodes.js").Nodes} nodes
   * @param {import("./policy.js").Policy} policy
   * @param {import("./session.js").Session} session
   * @param {import("./clock.js").Clock} clock
   * @param {(censorship: import("./censorship.js").Censorship) => unknown} onCensorship
   */
  constructor(questions, nodes, policy, session, clock, onCensorship) {
    this.#questions = questions;
    this.#nodes = nodes;
    this.#policy = policy;
    this.#session = session;
    this.#clock = clock;
    const send = (operation, place, signal) => this.#submitAt(operation, "accepted", clock.now() + RECEIPT_SECONDS, place, signal);
    this.#promises = new Promises(questions, nodes, clock, { send, told: onCensorship });
  }
  /** Hold no node to its promises any more. */
  close() {
    this.#promises.close();
  }
  /**
   * As `Cloud.submit`.
   *
   * @param {SignedOperation} operation
   * @param {"accepted" | "final"} wait
   * @param {number} seconds
   * @returns {Promise<Submitted>}
   */
  async submit(operation, wait, seconds) {
    const deadline = this.#clock.now() + seconds;
    for (; ; ) {
      const { answer: submitted, place } = await this.#questions.ask(
        (at2, signal) => this.#submitAt(operation, wait, deadline, at2, signal),
        deadline,
        { hedges: true, leastHedge: HEDGE2 }
      );
      const { cursor } = submitted;
      if (!cursor) return submitted;
      const proven = this.#policy.proves ? await this.#prove(operation, submitted, cursor, place, deadline) : submitted;
      if (!proven?.cursor) continue;
      this.#session.saw(proven.cursor.height);
      checkResult2(proven.result);
      return proven;
    }
  }
  /**
   * @param {SignedOperation} operation
   * @param {"accepted" | "final"} wait
   * @param {number} deadline
   * @param {Place} place
   * @param {AbortSignal} signal
   * @returns {Promise<Submitted>}
   */
  async #submitAt(operation, wait, deadline, place, signal) {
    const client = await this.#nodes.connect(place);
    const params = { operation: operation.body, signature: operation.signature, wait };
    const context = operation.leastHeight && !place.isStale ? { min_height: operation.leastHeight } : {};
    const timeout = Math.max(0.05, deadline - this.#clock.now());
    let told;
    try {
      told = take((await client.call("submit", params, context, { timeout, signal })).result, isObject2, "submit");
    } catch (error) {
      const isLost = error instanceof ConnectionFailed || error instanceof TimedOut;
      if (isLost && !signal.aborted) this.#nodes.failed(place, error);
      throw error;
    }
    const cursor = told.cursor === void 0 || told.cursor === null ? null : take(told.cursor, isPlace, "cursor");
    const result = cursor ? take(told.result, isText, "result") : null;
    if (told.id !== operation.id || wait === "final" && !cursor) {
      throw notShown(place, new RemoteError(0, "", "It answered for another operation."));
    }
    const { checker } = this.#nodes;
    if (checker && cursor) await this.#checkHeight(checker, operation, cursor.height, place, signal);
    if (checker && !cursor) {
      const blame = { method: "submit", params: {}, height: this.#nodes.newest };
      const promised = await this.#questions.workAt(place, blame, () => checker.checkReceipt(operation, told.receipt));
      this.#promises.keep(operation, promised, place);
    }
    return { id: operation.id, cursor, result, receipt: told.receipt ?? null, checked: "none" };
  }
  /**
   * See that an operation may be where a node says, before others are asked for that height: they would wait for one
   * that does not exist.
   *
   * @param {import("./checker.js").Checker} checker
   * @param {SignedOperation} operation
   * @param {number} height
   * @param {Place} place Who told it, and has to show that block.
   * @param {AbortSignal} signal
   */
  async #checkHeight(checker, operation, height, place, signal) {
    const blame = { method: "submit", params: {}, height };
    const showing = this.#questions.workAt(place, blame, async (client) => {
      if (height <= operation.leastHeight || height > operation.expiry) {
        throw new LedgerError("proof_row_wrong", `The operation can't be in block ${height}.`);
      }
      if (!checker.findFinal(height)) await checker.learnFinal(client, height, { signal });
    });
    const late = () => new TimedOut(`${place.url} does not show the block in which it says the operation is.`);
    try {
      await within(this.#clock, showing, PATIENCE, late);
    } catch (error) {
      if (!signal.aborted && !(error instanceof AnswerFalse)) this.#nodes.failed(place, error);
      throw error;
    }
  }
  /**
   * What is proven of an operation that a node says to be final; null if the node lied.
   *
   * The proof may come from any node; a node that has it in a block can prove it a block later.
   *
   * @param {SignedOperation} operation
   * @param {Submitted} told
   * @param {LogPlace} cursor
   * @param {Place} place Who told it.
   * @param {number} deadline
   * @returns {Promise<Submitted | null>}
   */
  async #prove(operation, told, cursor, place, deadline) {
    const { height } = cursor;
    const { found } = await findOperation(this.#questions, this.#nodes, operation, height, deadline);
    this.#promises.fulfilled(operation.id);
    const isTrue = found?.height === height && found.index === cursor.index && resultCode(found.result) === told.result;
    if (isTrue) return { ...told, checked: "proof" };
    const lie = new LedgerError("proof_row_wrong", "The operation is not where the node says, or has another result.");
    this.#nodes.accuse(place, null, lie, { method: "submit", params: {}, height });
    if (!found) return null;
    const proven = { height: found.height, index: found.index };
    return { id: told.id, cursor: proven, result: resultCode(found.result), receipt: null, checked: "proof" };
  }
};

// src/session/cloud.js
var TOPICS = ["records", "ratings", "blocks"];
var Cloud = class _Cloud {
  #nodes;
  #policy;
  #session;
  #clock;
  #timeout;
  #questions;
  #writing;
  #log;
  /** @type {Set<CloudSubscription>} */
  #subscriptions = /* @__PURE__ */ new Set();
  #isClosed = false;
  /**
   * @param {Nodes} nodes
   * @param {Session} session
   * @param {object} options
   * @param {import("./policy.js").Policy} options.policy
   * @param {import("./clock.js").Clock} options.clock
   * @param {number} options.timeout
   * @param {(censorship: Censorship) => unknown} options.onCensorship
   */
  constructor(nodes, session, { policy, clock, timeout, onCensorship }) {
    this.#nodes = nodes;
    this.#policy = policy;
    this.#session = session;
    this.#clock = clock;
    this.#timeout = timeout;
    this.#questions = new Questions(nodes, policy, session, clock);
    this.#writing = new Writing(this.#questions, nodes, policy, session, clock, onCensorship);
    this.#log = new ProvenLog(this.#questions, nodes, clock, () => this.#keep(this.#serve("blocks", {}, null)));
  }
  /**
   * Begin a session.
   *
   * @param {Iterable<string>} [seeds] URLs of some nodes, by any transport; more are learned from them.
   * @param {CloudOptions} [options]
   * @returns {Promise<Cloud>}
   * @throws {import("./errors.js").AddressInvalid} A seed is no URL of a node, or of no use here.
   * @throws {RangeError} `verify` or `network` is none, or there is no seed.
   * @throws {import("./saved.js").StateInvalid} What was saved is damaged, of another format, or of another network.
   * @throws {ConnectionFailed} No seed answers.
   */
  static async connect(seeds = [], options = {}) {
    const { verify: verify2 = "proof", timeout = TIMEOUT, clock = realClock } = options;
    let { network = null, height = 0 } = options;
    const policy = readPolicy(verify2);
    if (network !== null && !/^[0-9a-f]{64}$/.test(network)) {
      throw new RangeError("A network's id is 64 lower-case hex digits.");
    }
    const means = findMeans(options);
    const directory = new Directory(seeds, surroundings(means), options.random);
    const saved = typeof options.saved === "string" ? await decodeSession(options.saved, clock.unix()) : null;
    if (saved) {
      if (network !== null && network !== saved.network) throw new StateInvalid(`it is of network ${saved.network}`);
      network = saved.network;
      height = Math.max(height, saved.height);
      directory.restore(saved.places);
    }
    if (!directory.size) throw new RangeError("A session needs the URL of a node at least.");
    const onState = options.onState && { onState: options.onState };
    const nodes = new Nodes(directory, clock, {
      connect: options.connect ?? ((place, signal) => connect(place, means, clock, signal)),
      network,
      learn: policy.certifies ? (client, id) => Checker.learn(client, id, { saved, ...onState }) : null,
      reader: makeReader(() => nodes.network, clock.unix),
      left: (place) => cloud.#leave(place),
      accused: options.onLiar ?? (() => {
      })
    });
    const { onCensorship = () => {
    } } = options;
    const cloud = new _Cloud(nodes, new Session(height), { policy, clock, timeout, onCensorship });
    try {
      await nodes.begin();
    } catch (error) {
      nodes.close();
      throw error;
    }
    return cloud;
  }
  // What is known
  /** The network's id in hex. */
  get network() {
    return this.#nodes.network ?? "";
  }
  /**
   * The newest height that this session was shown: no later answer is older. Of an empty block, which changed nothing,
   * it is the height before.
   */
  get height() {
    return this.#session.height;
  }
  /** All places that are known, the best first; liars last. */
  get places() {
    const { directory } = this.#nodes;
    return [...directory.rank(this.#clock.now()), ...[...directory].filter((place) => place.lie !== null)];
  }
  /** The places that there are connections with. */
  get connected() {
    return this.#nodes.connected;
  }
  /** The nodes that lied so far. @returns {Accusation[]} */
  get accusations() {
    return [...this.#nodes.accusations];
  }
  /**
   * The newest state that was proven, and the nodes that proved one: null as long as none was, or if nothing is checked.
   *
   * @returns {import("./checker.js").State | null}
   */
  get state() {
    return this.#nodes.checker?.state ?? null;
  }
  /**
   * Ask these places alone from now on; all without a name.
   *
   * @param {...string} names URLs, or `node:` and a key for all places of a node that it has proven to be.
   * @throws {import("./errors.js").AddressInvalid} One is none.
   */
  pin(...names) {
    const pins = names.map(readPin);
    const urls = new Set(pins.flatMap((pin) => "url" in pin ? [pin.url] : []));
    const nodes = new Set(pins.flatMap((pin) => "node" in pin ? [pin.node] : []));
    for (const name of names) if (!name.startsWith("node:")) this.#nodes.directory.name(name);
    this.#nodes.pinned = names.length ? (place) => urls.has(place.url) || place.isProven && nodes.has(place.node) : null;
  }
  /**
   * Compare all nodes that are known: each signs and proves its newest state, which must be what the validators signed.
   *
   * @param {{most?: number, onEach?: (compared: import("./comparing.js").Compared) => void}} [options] `most`: nodes that
   *   are asked at most. `onEach`: told of each as soon as it is known.
   * @returns {Promise<import("./comparing.js").Compared[]>} Each node once.
   */
  compare({ most = 64, onEach = () => {
  } } = {}) {
    return compareNodes(this.#nodes, { most, onEach: (compared) => tell(onEach, compared) });
  }
  // Calls
  /**
   * Ask one place what it tells of itself. That is its own word: nothing is checked, and no other is asked.
   *
   * @param {string} url
   * @param {string} method
   * @param {unknown} [params]
   * @param {{timeout?: number}} [options] Seconds.
   * @returns {Promise<any>} The result.
   * @throws {import("./errors.js").ClientError} It answered with an error, or not.
   */
  async ask(url, method, params = {}, { timeout = this.#timeout } = {}) {
    const place = this.#nodes.directory.find(formatUrl(parseUrl(url))) ?? this.#nodes.directory.name(url);
    const client = await this.#nodes.connect(place);
    return (await client.call(method, params, void 0, { timeout })).result;
  }
  /**
   * Call a method.
   *
   * @param {string} method
   * @param {unknown} [params] An object or array.
   * @param {{context?: RequestContext, timeout?: number}} [options] `context`: the request's, such as `at`. `timeout`:
   *   seconds, over all nodes that are asked.
   * @returns {Promise<CloudAnswer>}
   * @throws {import("./errors.js").RemoteError} The answer is this error; `Denied` if it is proven.
   * @throws {import("./errors.js").ClientError} No node gave a good answer in time: the last failure.
   */
  async call(method, params = {}, { context, timeout = this.#timeout } = {}) {
    try {
      const answer = await this.#questions.call(method, params, context, timeout);
      this.#saw(answer.height);
      return answer;
    } catch (error) {
      if (error instanceof Denied) this.#saw(error.height);
      throw error;
    }
  }
  /**
   * Submit a signed operation, to as many nodes as it takes. The same bytes take effect once.
   *
   * @param {SignedOperation} operation
   * @param {{wait?: "accepted" | "final", timeout?: number}} [options] `wait`: `final` for its place in the log, which
   *   is proven if answers are; `accepted` for one node's receipt, to which that node is held.
   * @returns {Promise<Submitted>}
   * @throws {import("./errors.js").Rejected} It was ordered and has no effect.
   * @throws {import("./errors.js").RemoteError} It was not taken.
   * @throws {import("./errors.js").ClientError} It is not known to be final in time; it may still become so before its
   *   expiry, and may be submitted again.
   */
  submit(operation, { wait = "final", timeout = this.#timeout } = {}) {
    return this.#writing.submit(operation, wait, timeout);
  }
  /**
   * What makes operations for a key on this network.
   *
   * @param {import("../formats/keys.js").SigningKey} key
   * @returns {Promise<Writer>}
   */
  async writer(key) {
    const deadline = this.#clock.now() + this.#timeout;
    const genesis = this.#nodes.checker?.genesis ?? (await this.#questions.ask(
      async (place, signal) => fetchGenesis(await this.#nodes.connect(place), this.#nodes.network, { signal }),
      deadline,
      { hedges: false }
    )).answer;
    return new Writer(genesis, key, () => this.#nodes.newest, this.#clock.unix);
  }
  /**
   * Be told of changes, each once and in order, as long as it takes. What happens once its `ready` is done is told.
   *
   * @param {string} topic `records`, `ratings` or `blocks`.
   * @param {object} [wanted] The method's `filter`.
   * @param {LogPlace | null} [after] Go on after this cursor; from now on if null.
   * @returns {CloudSubscription} Iterating fails with `RemoteError` (`cursor_pruned`) if no node has the log from there
   *   on.
   * @throws {RangeError} There is no such topic, or no such filter of it.
   */
  subscribe(topic, wanted = {}, after = null) {
    if (!TOPICS.includes(topic)) {
      throw new RangeError(`${JSON.stringify(topic)} is not what all nodes tell alike: give one of ${TOPICS.join(", ")}.`);
    }
    const filter = readFilter(topic, wanted);
    if (this.#isClosed) throw new SessionClosed();
    const deadline = this.#clock.now() + this.#timeout;
    const begin = async (signal) => {
      if (!after) return this.#endOfLog(signal);
      await this.#log.checkKept(after, deadline, signal);
      return after;
    };
    const source = this.#policy.proves ? new ProvenSource(this.#log, topic, filter, begin, (height) => this.#saw(height)) : this.#serve(topic, filter, after);
    return this.#keep(source);
  }
  /**
   * What a later session goes on with (`saved` of `connect`): a text of at most 256 KB, to be kept where nobody else
   * writes.
   *
   * @returns {Promise<string>}
   */
  async save() {
    const { epoch, header } = this.#nodes.checker?.save() ?? { epoch: null, header: null };
    const places = savePlaces(this.places, this.#clock.unix());
    return encodeSession({ network: this.network, height: this.height, epoch, header, places });
  }
  /** End the session: what is under way fails with `SessionClosed`, and subscriptions end. */
  close() {
    this.#isClosed = true;
    for (const subscription of [...this.#subscriptions]) subscription.close();
    this.#writing.close();
    this.#questions.close();
    this.#nodes.close();
  }
  // Subscriptions
  /** @param {import("./cloudsubscription.js").Source} source */
  #keep(source) {
    const subscription = new CloudSubscription(source, (each) => this.#subscriptions.delete(each));
    this.#subscriptions.add(subscription);
    return subscription;
  }
  /** @param {number} height */
  #saw(height) {
    this.#session.saw(this.#nodes.checker?.leastHeight(height) ?? height);
  }
  /** The cursor after everything that is final. @param {AbortSignal} until @returns {Promise<LogPlace>} */
  async #endOfLog(until) {
    const checker = (
      /** @type {Checker} */
      this.#nodes.checker
    );
    const context = this.#session.context("getdatahash");
    const blame = { method: "getdatahash", params: {}, height: this.#nodes.newest };
    const { answer } = await this.#questions.ask(
      (place, signal) => this.#questions.workAt(place, blame, async (client) => {
        const { height } = readContext((await client.call("getdatahash", {}, context, { signal })).rawContext);
        if (goesBack(context, height) || !height && checker.newest) {
          throw new AnswerStale(`${place.url} tells of height ${height}, older than this session.`);
        }
        if (!height) return { height: 0, index: 0 };
        const { header } = checker.findFinal(height) ?? await checker.learnFinal(client, height, { signal });
        return { height, index: Math.max(header.operationsCount - 1, 0) };
      }),
      this.#clock.now() + this.#timeout,
      { hedges: true, signal: until }
    );
    return answer;
  }
  /**
   * Items as a node tells them.
   *
   * @param {string} topic
   * @param {object} wanted
   * @param {LogPlace | null} after
   */
  #serve(topic, wanted, after) {
    let deadline = this.#clock.now() + this.#timeout;
    return new ServedSource(after, {
      clock: this.#clock,
      begin: (cursor, signal) => {
        const until = deadline;
        deadline = null;
        return this.#begin(topic, wanted, cursor, until, signal);
      },
      take: async ({ place }, { cursor }) => {
        try {
          await this.#checkHeight(place, cursor.height);
        } catch (error) {
          if (!(error instanceof AnswerFalse)) this.#nodes.failedCall(place, error);
          throw error;
        }
        if (!this.#policy.proves) this.#saw(cursor.height);
        return this.#nodes.checker ? "certificate" : "none";
      }
    });
  }
  /**
   * @param {string} topic
   * @param {object} wanted
   * @param {LogPlace | null} after
   * @param {number | null} deadline
   * @param {AbortSignal} until
   * @returns {Promise<import("./servedsource.js").Opened>}
   */
  async #begin(topic, wanted, after, deadline, until) {
    const { answer } = await this.#questions.ask(
      async (place, signal) => {
        const client = await this.#nodes.connect(place);
        const subscription = await this.#subscribeAt(place, client.subscribe(topic, wanted, after));
        try {
          if (!after) await this.#checkHeight(place, subscription.cursor.height);
          if (signal.aborted) throw new ConnectionFailed("The question was given up.");
        } catch (error) {
          subscription.close();
          throw error;
        }
        return { place, client, subscription };
      },
      deadline,
      { hedges: false, keeping: true, signal: until }
    );
    return answer;
  }
  /**
   * One that keeps silent is left in time for another.
   *
   * @param {Place} place
   * @param {Promise<import("./nodesubscription.js").NodeSubscription>} subscribing
   */
  async #subscribeAt(place, subscribing) {
    const late = () => new TimedOut(`${place.url} did not answer subscribe in time.`);
    try {
      return await within(this.#clock, subscribing, PATIENCE, late);
    } catch (error) {
      if (error instanceof TimedOut) {
        this.#nodes.failedCall(place, error);
        subscribing.then((subscription) => subscription.close(), () => {
        });
      }
      throw error;
    }
  }
  /** See that a height which a node tells is that of a final block. @param {Place} place @param {number} height */
  async #checkHeight(place, height) {
    const { checker } = this.#nodes;
    if (!checker || !height || checker.findFinal(height)) return;
    const blame = { method: "getblock", params: { height }, height };
    await this.#questions.workAt(place, blame, (client) => checker.learnFinal(client, height));
  }
  /** @param {Place} place */
  #leave(place) {
    for (const subscription of [...this.#subscriptions]) subscription.leave(place);
  }
};

// src/formats/appointment.js
function approvalMessage(network, epoch, validators) {
  return concat(network, u64(epoch), ...validators);
}
async function signApproval(key, index, epoch, validators) {
  const message = approvalMessage(epoch.network, epoch.number, validators);
  return { validator: index, signature: await key.sign(APPOINT, message) };
}
async function checkAppoint(appoint, epoch) {
  if (BigInt(appoint.epoch) !== epoch.number) throw new LedgerError("appoint_epoch");
  const present = epoch.validators;
  if (appoint.approvals.some(({ validator }) => validator >= present.length)) throw new LedgerError("appoint_validator");
  if (appoint.approvals.length < epoch.quorum) throw new LedgerError("appoint_quorum");
  const message = approvalMessage(epoch.network, epoch.number, appoint.validators);
  const areTrue = await Promise.all(
    appoint.approvals.map(
      ({ validator, signature }) => verify(
        /** @type {Uint8Array} */
        present[validator],
        APPOINT,
        message,
        signature
      )
    )
  );
  if (areTrue.includes(false)) throw new LedgerError("appoint_signature");
}

// src/trust/blocks.js
var STATES_KEPT2 = 1e3;
var PAGE3 = 200;
var NUMBERS = new Map(RESULTS.map(([code], number2) => [code, number2]));
var UNPROVABLE2 = /* @__PURE__ */ new Set(["not_provable", "height_pruned"]);
async function fetchBlock2(header, node) {
  const fetching = new Fetching2(header, node);
  await fetching.run();
  const hash2 = toHex(await headerHash(header));
  return { header, hash: hash2, operations: fetching.operations, unproven: new Set(fetching.unproven) };
}
var Fetching2 = class {
  /** @type {LoggedOperation[]} */
  operations = [];
  /** Indexes. @type {Set<number>} */
  unproven = /* @__PURE__ */ new Set();
  /** @type {Bytes[]} */
  #ids = [];
  /** @type {Bytes[]} */
  #signatures = [];
  #header;
  #height;
  #node;
  #limit = PAGE3;
  #bytesLeft;
  /** @param {Header} header @param {Asked} node */
  constructor(header, node) {
    this.#header = header;
    this.#height = Number(header.height);
    this.#node = node;
    this.#bytesLeft = node.genesis.parameters.max_block_bytes;
  }
  async run() {
    const { genesis, newest } = this.#node;
    const isRemembered = this.#height + genesis.parameters.window >= newest;
    const context = { min_height: this.#height, ...isRemembered ? { proof: true } : {} };
    while (this.operations.length < this.#header.operationsCount) {
      const { page, state } = await this.#page(this.operations.length, context);
      for (const told of page) await this.#take(told, state);
    }
    const [ids, signatures] = await Promise.all([operationsHash(this.#ids), signaturesHash(this.#signatures)]);
    if (!equal(ids, this.#header.operationsHash) || !equal(signatures, this.#header.signaturesHash)) {
      throw new LedgerError("block_operations");
    }
    if (this.unproven.size && newest - this.#height < STATES_KEPT2) await this.#proveThere();
  }
  /**
   * @param {number} first @param {{min_height?: number, at?: number, proof?: boolean}} context
   * @returns {Promise<{page: unknown[], state: ProvenState | null}>}
   */
  async #page(first, context) {
    const params = { height: this.#height, limit: this.#limit, ...first ? { after: first - 1 } : {} };
    let answer;
    try {
      answer = await this.#node.getblock(params, context);
    } catch (error) {
      const longest = longestPage(error);
      if (longest < 1 || longest >= this.#limit) throw error;
      this.#limit = longest;
      return this.#page(first, context);
    }
    const page = isObject2(answer.result) ? answer.result.operations : null;
    const left = this.#header.operationsCount - first;
    if (!Array.isArray(page) || !page.length || page.length > left) {
      throw new LedgerError("block_operations", "The page's operations are not those that follow.");
    }
    if (page.some((told, at2) => !isObject2(told) || told.index !== first + at2)) {
      throw new LedgerError("block_operations", "The page's operations are not those that follow.");
    }
    return { page, state: context.proof ? await this.#node.prove(answer.rawContext) : null };
  }
  /** @param {unknown} told @param {ProvenState | null} state */
  async #take(told, state) {
    const { operation, id, index, expiry, signature, result } = readOperation(told);
    const body = utf8(operation);
    this.#bytesLeft -= body.length;
    if (this.#bytesLeft < 0) {
      throw new LedgerError("block_operations", "The block has more bytes than the genesis allows.");
    }
    const hashed = await operationId(body);
    if (toHex(hashed) !== id) throw new LedgerError("block_operations", "An operation has another id than it is told.");
    const logged = { index, id, body: operation, result, expiry };
    if (state === null || BigInt(expiry) < state.height) this.unproven.add(index);
    else await this.#compare(state, logged);
    this.operations.push(logged);
    this.#ids.push(hashed);
    this.#signatures.push(signature);
  }
  /** @param {ProvenState} state @param {LoggedOperation} logged */
  async #compare(state, { id, expiry, index, result }) {
    const found = await state.operation(fromHex(id, "block_operations"), expiry);
    const isThere = found && found.height === this.#header.height && found.index === index;
    if (!isThere || found.result !== NUMBERS.get(result)) {
      throw new LedgerError("proof_row_wrong", "The operation's place or result is another.");
    }
  }
  /** Prove what expired since in the state right after the block, if that has a proof and the node has it. */
  async #proveThere() {
    while (this.unproven.size) {
      const [first] = [...this.unproven].sort((one, other) => one - other);
      let told;
      try {
        told = await this.#page(
          /** @type {number} */
          first,
          { proof: true, at: this.#height }
        );
      } catch (error) {
        if (!UNPROVABLE2.has(codeOf(error))) throw error;
        return;
      }
      const { page, state } = told;
      if (!state || state.height !== this.#header.height) throw new LedgerError("proof_height");
      for (const [at2] of page.entries()) {
        const index = (
          /** @type {number} */
          first + at2
        );
        if (!this.unproven.delete(index)) continue;
        await this.#compare(
          state,
          /** @type {LoggedOperation} */
          this.operations[index]
        );
      }
    }
  }
};
function codeOf(error) {
  return isObject2(error) && typeof error.code === "string" ? error.code : "";
}
function longestPage(error) {
  if (codeOf(error) !== "page_too_long" || !isObject2(error) || !isObject2(error.data)) return 0;
  return isCount(error.data.longest) ? error.data.longest : 0;
}
function readOperation(told) {
  const code = "block_operations";
  if (!isObject2(told)) throw new LedgerError(code);
  const { operation, id, index, result } = told;
  if (typeof operation !== "string" || hasLoneSurrogate(operation) || typeof id !== "string" || !isCount(index)) {
    throw new LedgerError(code, "An operation is not of the documented form.");
  }
  const { expiry } = parseObject(operation, code);
  const signature = fromHex(told.signature, code);
  if (!isCount(expiry) || signature.length !== SIGNATURE_SIZE || typeof result !== "string" || !NUMBERS.has(result)) {
    throw new LedgerError(code, "An operation is not of the documented form.");
  }
  return { operation, id, index, expiry, signature, result };
}
function itemsOf(block, topic, filter = {}) {
  const { header, hash: hash2, operations } = block;
  const height = Number(header.height);
  if (topic === "blocks") {
    const { time, operationsCount, rootHeight, root } = header;
    const raw = `{"height":${height},"hash":"${hash2}","time":${time},"operations_count":${operationsCount},"root_height":${rootHeight},"root":"${toHex(root)}"}`;
    return [{ cursor: { height, index: Math.max(operationsCount - 1, 0) }, index: null, raw }];
  }
  return operations.flatMap(({ index, id, body, result }) => {
    const raw = result === "ok" ? itemOf(topic, height, index, id, body, filter) : null;
    return raw === null ? [] : [{ cursor: { height, index }, index, raw }];
  });
}
function itemOf(topic, height, index, id, body, filter) {
  const { type, account, collection, key, ref = null, record, stars, time } = JSON.parse(body);
  const head = `{"cursor":{"height":${height},"index":${index}},"id":"${id}","type":"${type}","account":"${account}",`;
  const isRecord = type === "put" || type === "delete";
  if (topic === "records" && isRecord) {
    const address = `${account}/${collection}/${key}`;
    if (!passes2(filter, { account, collection, ref, record: address })) return null;
    const data = type === "put" ? memberTexts(body).get("data") : "null";
    const named2 = `"collection":"${collection}","key":${JSON.stringify(key)}`;
    return `${head}${named2},"data":${data},"ref":${JSON.stringify(ref)},"time":${time}}`;
  }
  if (topic === "ratings" && (type === "rate" || type === "withdraw") && typeof record === "string") {
    if (!passes2(filter, { account, collection: record.split("/", 2)[1], ref: null, record })) return null;
    return `${head}"record":${JSON.stringify(record)},"stars":${type === "rate" ? stars : null},"time":${time}}`;
  }
  return null;
}
function passes2(filter, item) {
  return Object.entries(filter).every(([name, wanted]) => wanted === void 0 || wanted === null || item[name] === wanted);
}

// src/index.js
var VERSION = "0.1.0";
export {
  AddressInvalid,
  AnswerFalse,
  AnswerMalformed,
  AnswerStale,
  ClientError,
  Cloud,
  ConnectionFailed,
  Denied,
  EpochChain,
  LedgerError,
  LocalError,
  NotEnoughNodes,
  ProvenState,
  Rejected,
  RemoteError,
  SessionClosed,
  SigningKey,
  StateInvalid,
  TimedOut,
  VERSION,
  Writer,
  answersEvidence,
  buildBody,
  canonical,
  checkAppoint,
  checkTime,
  currentCrypto,
  decodeEvidence,
  decodeGenesis,
  decodeOperation,
  decodeStrict,
  encodeEvidence,
  fetchBlock2 as fetchBlock,
  formatAddress,
  fromHex,
  isProvable,
  itemsOf,
  judge,
  memberTexts,
  networkId,
  operationId,
  parseAddress,
  randomBytes,
  readFinal,
  readSigned,
  readStunData,
  resultCode,
  sentence,
  signApproval,
  signOperation,
  toHex,
  verifyAnswer,
  verifyDenial,
  verifyOperation,
  verifyOperationProof,
  verifyProof,
  verifyToldReceipt,
  vouchesFor,
  weighState,
  writeApproval
};
