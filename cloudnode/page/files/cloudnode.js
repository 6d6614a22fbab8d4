// cloudnode: one cloud of many nodes, verified from the genesis. Made from javascript/src; not edited by hand.
// Licence: Apache 2.0. Contains @noble/ed25519 and @noble/hashes, MIT licence, (c) Paul Miller (paulmillr.com).

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
  ["query_too_broad", "Too many rows would have to be looked through: filter further."],
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
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = digit(text, 2 * at) * 16 + digit(text, 2 * at + 1);
  return bytes;
}
function digit(text, at) {
  const code = text.charCodeAt(at);
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
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
function equal(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
function compare(one, other) {
  const both = Math.min(one.length, other.length);
  for (let at = 0; at < both; at += 1) {
    const difference = (
      /** @type {number} */
      one[at] - /** @type {number} */
      other[at]
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
  for (let at = size - 1; at >= 0; at -= 1) {
    bytes[at] = Number(left & 0xffn);
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
      const take = Math.min(blockLen - this.pos, len - pos);
      if (take === blockLen) {
        const dataView = createView(data);
        for (; blockLen <= len - pos; pos += blockLen)
          this.process(dataView, pos);
        processed = true;
        continue;
      }
      buffer.set(pos === 0 && take === len ? data : data.subarray(pos, pos + take), this.pos);
      this.pos += take;
      pos += take;
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
var noble = {
  name: "noble",
  async sha256(bytes) {
    return (
      /** @type {Bytes} */
      sha256(bytes)
    );
  },
  async verify(publicKey, message, signature) {
    const r = signature.subarray(0, 32);
    try {
      const point = Point.fromBytes(publicKey);
      const k = number(hash(concat(r, publicKey, message))) % Point.CURVE().n;
      const s = number(signature.subarray(32));
      const expected = Point.BASE.multiply(s, false).subtract(point.multiply(k, false));
      return equal(expected.toBytes(), r);
    } catch {
      return false;
    }
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
function number(bytes) {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at -= 1) value = value << 8n | BigInt(
    /** @type {number} */
    bytes[at]
  );
  return value;
}

// src/crypto/strict.js
var ORDER = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", "");
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
  return isBelow(signature.subarray(32), ORDER) && isSound(publicKey) && isSound(signature.subarray(0, 32));
}
function isSound(point) {
  const y = Uint8Array.from(point);
  y[31] = /** @type {number} */
  y[31] & 127;
  return isBelow(y, PRIME) && !SMALL_ORDER.has(y.join());
}
function isBelow(one, other) {
  for (let at = one.length - 1; at >= 0; at -= 1) {
    const difference = (
      /** @type {number} */
      one[at] - /** @type {number} */
      other[at]
    );
    if (difference) return difference < 0;
  }
  return false;
}

// src/crypto/web.js
var PKCS8 = fromHex("302e020100300506032b657004220420", "");
var KEYS_KEPT = 256;
function webCrypto(subtle) {
  const keys = /* @__PURE__ */ new Map();
  function imported(publicKey) {
    const name = toHex(publicKey);
    const known = keys.get(name);
    if (known) return known;
    if (keys.size >= KEYS_KEPT) keys.delete(
      /** @type {string} */
      keys.keys().next().value
    );
    const key = subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    keys.set(name, key);
    return key;
  }
  return {
    name: "webcrypto",
    async sha256(bytes) {
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
  chosen ??= chooseCrypto(globalThis.crypto?.subtle);
  return chosen;
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
  let source = globalThis.crypto;
  if (!source) {
    const name = "node:crypto";
    source = (await import(
      /* @vite-ignore */
      name
    )).webcrypto;
  }
  return source.getRandomValues(new Uint8Array(size));
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
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 34:
        at = endOfString(text, at);
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
    value.forEach((item, at) => {
      if (at) parts.push(",");
      write(item, parts);
    });
    parts.push("]");
  } else if (typeof value === "object" && isPlain(value)) {
    const members = (
      /** @type {Record<string, unknown>} */
      value
    );
    parts.push("{");
    Object.keys(members).sort().forEach((name, at) => {
      parts.push(at ? "," : "", quote(name), ":");
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
    read: (members) => ({ type: "withdraw", record: readRecord(members) })
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
function readRecord(members) {
  const record = takeText(members, "record");
  checkAddress(record);
  return record;
}
function readRate(members) {
  const record = readRecord(members);
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
  const keys = validators.map((key) => decodeAccount(key, "validators_invalid"));
  if (!isList(approvals)) throw new LedgerError("approvals_invalid");
  const read = approvals.map(readApproval);
  if (read.some(({ validator }, at) => at && validator <= /** @type {Approval} */
  read[at - 1].validator)) {
    throw new LedgerError("approvals_invalid", "The approvals are not in ascending order of validator, each once.");
  }
  return { type: "appoint", epoch, validators: keys, approvals: read };
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
async function validatorsHash(keys) {
  return keys.length ? sha2562(VALIDATORS_TAG, ...keys) : NOTHING;
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
  descendants.forEach((child, at) => {
    const parent = (
      /** @type {Header} */
      line[at]
    );
    if (!equal(child.network, header.network)) throw new LedgerError("header_network");
    if (child.epoch !== header.epoch) throw new LedgerError("header_epoch");
    const isChild = equal(
      child.parent,
      /** @type {Bytes} */
      hashes2[at]
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
   * Check that a header is final by the validators of its epoch.
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
  }
  /**
   * Ask a node for all epochs after the newest one, and check them.
   *
   * @param {(method: "getepochs", params: {limit: number, after?: number}) => Promise<unknown>} ask Gives the result.
   * @returns {Promise<Epoch>} The newest one now.
   * @throws {LedgerError} What the node told is not so: the codes of headers, certificates, `finality_` and `epoch_`,
   *   `block_validators`. What was verified before that is kept.
   */
  async follow(ask) {
    let after = this.newest.number === 0n ? void 0 : Number(this.newest.number) - 1;
    let end = null;
    for (; ; ) {
      const page = readPage(await ask("getepochs", after === void 0 ? { limit: PAGE } : { limit: PAGE, after }));
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
      const isSame = told.validators.length === newest.validators.length && told.validators.every((key, at) => equal(
        key,
        /** @type {Bytes} */
        newest.validators[at]
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
    this.#epochs.set(newest.number, newest.closed(end.header));
    this.#epochs.set(after.number, after);
    this.newest = after;
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
  if (rows.some(({ key }, at) => at && compare(
    /** @type {Row} */
    rows[at - 1].key,
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
   */
  #open(table, slot, entry) {
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

// src/trust/proving.js
var POSITIONS = (
  /** @type {Record<string, string[]>} */
  {
    getdatahash: [],
    getrecord: ["account", "collection", "key"],
    getratings: ["record", "account", "after", "limit"],
    getaccount: ["account"]
  }
);
function isProvable(method, params) {
  if (!Object.hasOwn(POSITIONS, method)) return false;
  return method !== "getratings" || byName(method, params).record !== void 0;
}
function byName(method, params) {
  const names = POSITIONS[method] ?? [];
  const members = Array.isArray(params) ? params.slice(0, names.length).map((value, at) => (
    /** @type {[string, unknown]} */
    [names[at], value]
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
function unlike() {
  return new LedgerError("proof_row_wrong", "The answer is not of the documented form.");
}
async function checkTotals(state, _, raw) {
  if (raw !== dataHashText(state.totals())) throw new LedgerError("proof_sums_wrong");
  return "proof";
}
async function checkRecord(state, params, raw) {
  const told = parseObject(raw, "proof_row_wrong");
  const { account, collection, key, address } = recordOf(params);
  if (told.account !== params.account || told.collection !== collection || told.key !== key) {
    throw new LedgerError("proof_row_wrong", "The answer is another record than the one asked for.");
  }
  const { version, created, updated, time, deleted, ref } = told;
  const { ratings_sum: sum, ratings_count: count } = told;
  const data = memberTexts(raw).get("data");
  if (!isCount(version) || !isPlace(created) || !isPlace(updated) || !isCount(time)) throw unlike();
  if (typeof deleted !== "boolean" || !(ref === null || typeof ref === "string") || data === void 0) throw unlike();
  if (!isCount(sum) || !isCount(count)) throw unlike();
  const written = { account, collection, key, version, created, updated, time, live: !deleted, ref };
  await state.checkRecord({ ...written, data: deleted ? "" : data });
  await state.checkRatings(address, sum, count);
  return "proof";
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
  const found = await state.rating(record, decodeAccount(params.account));
  const [one] = ratings;
  const isRight = found === null ? ratings.length === 0 && sum === 0 && count === 0 : ratings.length === 1 && sum === found.stars && count === 1 && isObject2(one) && one.record === record && one.account === params.account && one.stars === found.stars && isAt(one.given, found);
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
  getaccount: checkAccount
};

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

// src/formats/stundata.js
var STUN_DATA_BYTES_MAX = 4096;
var ENDPOINTS_MAX = 64;
var CERTIFICATES_MAX = 4;
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
  const endpoints = many(reader, ENDPOINTS_MAX, readEndpoint);
  const certificates = many(reader, CERTIFICATES_MAX, readCertificate);
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
  for (let at = 0; at < bits; at += 8) {
    const shift = Math.max(0, 8 - (bits - at));
    if (
      /** @type {number} */
      address[at / 8] >> shift !== first[at / 8] >> shift
    ) return false;
  }
  return true;
}
function formatIp(address) {
  if (address.length === 4) return address.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => {
    return (
      /** @type {number} */
      (address[2 * at] * 256 + /** @type {number} */
      address[2 * at + 1]).toString(16)
    );
  });
  let [begin, length] = [0, 1];
  for (let at = 0, run = 0; at < 8; at += 1) {
    run = groups[at] === "0" ? run + 1 : 0;
    if (run > length) [begin, length] = [at - run + 1, run];
  }
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, begin).join(":")}::${groups.slice(begin + length).join(":")}`;
}

// src/index.js
var VERSION = "0.1.0";
export {
  EpochChain,
  LedgerError,
  LocalError,
  ProvenState,
  SigningKey,
  VERSION,
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
  formatAddress,
  fromHex,
  isProvable,
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
