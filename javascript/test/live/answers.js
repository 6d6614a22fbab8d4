// Asks a real node over HTTP, writes to it, and verifies all that it answers, knowing nothing but the network's id:
// node answers.js URL NETWORK. Run by tests/integration/test_javascript.py; prints one line of JSON for each check.

import { fromHex, toHex } from "../../src/bytes.js";
import {
  EpochChain,
  SigningKey,
  buildBody,
  decodeGenesis,
  fetchBlock,
  isProvable,
  itemsOf,
  memberTexts,
  operationId,
  readFinal,
  readSigned,
  readStunData,
  resultCode,
  signOperation,
  verifyAnswer,
  verifyDenial,
  verifyOperationProof,
  verifyProof,
  verifyToldReceipt,
  weighState,
} from "../../src/index.js";

const [url = "", network = ""] = process.argv.slice(2);

/**
 * @param {string} method @param {object} params @param {object} [context]
 * @returns {Promise<{result: any, error: any, raw: string, rawContext: string}>}
 */
async function ask(method, params, context) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params, context });
  const answer = await (await fetch(url, { method: "POST", body })).text();
  const { result, error } = JSON.parse(answer);
  const texts = memberTexts(answer);
  return { result, error, raw: texts.get("result") ?? "", rawContext: texts.get("context") ?? "" };
}

/** @param {string} method @param {object} [params] @param {object} [context] */
async function call(method, params = {}, context) {
  const answer = await ask(method, params, context);
  if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  return answer;
}

/** @param {string} what @param {unknown} [told] */
const tell = (what, told = true) => console.log(JSON.stringify([what, told]));

const genesis = await decodeGenesis((await call("getgenesis")).result.genesis);
if (genesis.networkHex !== network) throw new Error("the genesis of another network");
const chain = EpochChain.ofGenesis(genesis);
await chain.follow(async (method, params) => (await call(method, params)).result);
tell("epoch", Number(chain.newest.number));

const { height: start } = JSON.parse((await call("getdatahash")).rawContext);
const [author, reader] = [await SigningKey.generate(), await SigningKey.generate()];
const film = `${author.account}/film/métropolis 😀`;

/** @param {SigningKey} key @param {import("../../src/formats/operation.js").Written} written */
async function submit(key, written) {
  const envelope = { network, account: key.account, time: Date.now(), from: start, expiry: start + genesis.parameters.window };
  const body = buildBody(envelope, written);
  const [id, signature] = [await operationId(body), await signOperation(key, body)];
  const params = { operation: new TextDecoder().decode(body), signature: toHex(signature) };
  const accepted = await call("submit", { ...params, wait: "accepted" });
  await verifyToldReceipt(genesis.network, id, envelope.expiry, accepted.result.receipt);
  const { cursor } = (await call("submit", { ...params, wait: "final" })).result;
  const proof = (await call("getproof", { of: "operation", id: toHex(id), expiry: envelope.expiry }, { min_height: cursor.height })).result;
  const { found } = await verifyOperationProof(chain, proof, id, envelope.expiry);
  if (!found || found.height !== cursor.height || found.index !== cursor.index) throw new Error("proven elsewhere");
  return { height: cursor.height, result: resultCode(found.result) };
}

const data = { title: 'Metropolis "1927"\\', year: 1927, "": [null, true, -5, { "\u2028": "😀" }] };
/** @type {number[]} */
const heights = [];
for (const [key, written] of /** @type {[SigningKey, import("../../src/formats/operation.js").Written][]} */ ([
  [author, { type: "put", collection: "film", key: "métropolis 😀", data }],
  [reader, { type: "rate", record: film, stars: 4 }],
  [reader, { type: "withdraw", record: film }],
  [author, { type: "put", collection: "film", key: "m \"2\"\\", data: null, ref: film }],
  [author, { type: "delete", collection: "film", key: "m \"2\"\\" }],
  [reader, { type: "rate", record: film, stars: 5 }],
  [author, { type: "rate", record: film, stars: 5 }],
])) {
  const { height, result } = await submit(key, written);
  heights.push(height);
  tell(written.type, result);
}
const height = /** @type {number} */ (heights.at(-1));

const context = { proof: true, sign: true, min_height: height };
const record = { account: author.account, collection: "film", key: "métropolis 😀" };
for (const [method, params] of /** @type {[string, object][]} */ ([
  ["getrecord", record],
  ["getratings", { record: film }],
  ["getratings", { record: film, account: reader.account }],
  ["getratings", { record: film, account: author.account }],
  ["getaccount", { account: reader.account }],
  ["getdatahash", {}],
  ["listrecords", { collection: "film" }],
  ["search", { text: "metropolis" }],
])) {
  const sign = method !== "search"; // what is not the same on every node is not signed
  const answer = await call(method, params, { ...context, sign });
  const { checked } = await verifyAnswer(chain, method, params, answer);
  if (!isProvable(method, params)) throw new Error(method);
  if (sign && (await readSigned(answer, method)).form.method !== method) throw new Error(method);
  tell(method, checked);
  if (method === "getrecord") tell("data", JSON.stringify(answer.result.data) === JSON.stringify(data));
}
const stranger = await SigningKey.generate();
for (const [method, params] of /** @type {[string, object][]} */ ([
  ["getrecord", { ...record, key: "none" }],
  ["getaccount", { account: stranger.account }],
])) {
  const { error, rawContext } = await ask(method, params, context);
  tell(`no ${method}`, (await verifyDenial(chain, method, params, { code: error.data.code, rawContext })).checked);
}
const weighed = await weighState(chain, await call("getdatahash", {}, context));
tell("weighed", [weighed.evidence, Number(weighed.totals?.ratingsCount)]);
for (const { record: told } of (await call("getstuninfo")).result.nodes) {
  await readStunData(fromHex(told, "stun_data_malformed"), genesis.network);
}
for (const at of heights) tell("items", [at, await items(at)]);

/** @param {number} at @returns {Promise<string[]>} The exact texts of what subscribers are told of a block. */
async function items(at) {
  const told = readFinal((await call("getblock", { height: at, limit: 1 })).result);
  await chain.verify(told.header, told.finality);
  const whole = await fetchBlock(told.header, {
    getblock: (params, wanted) => call("getblock", params, wanted),
    prove: async (rawContext) => (await verifyProof(chain, JSON.parse(rawContext).proof)).state,
    newest: height,
    genesis,
  });
  return ["records", "ratings", "blocks"].flatMap((topic) =>
    itemsOf(whole, /** @type {import("../../src/trust/blocks.js").Topic} */ (topic)).map(({ raw }) => raw),
  );
}

