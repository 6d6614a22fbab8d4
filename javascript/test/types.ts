// Compiled, never run: programs of this module's users, right ones and wrong ones, as the compiler sees them.

import { EpochChain, SigningKey, buildBody, decodeGenesis, toHex, verifyAnswer } from "cloudnode";
import type { Genesis, Verified } from "cloudnode";
import type { ErrorNames, Items, Json, Methods, RecordAnswer } from "cloudnode/methods";

/** A program's own way to call a node, typed by the table of methods. */
declare function call<M extends keyof Methods>(method: M, params: Methods[M]["params"]): Promise<Methods[M]["result"]>;

export async function uses(text: string): Promise<string[]> {
  const genesis: Genesis = await decodeGenesis(text);
  const chain = EpochChain.ofGenesis(genesis);
  await chain.follow((method, params) => call(method, params));
  const answer = { raw: "{}", rawContext: "{}" };
  const verified: Verified = await verifyAnswer(chain, "getrecord", ["account", "film", "key"], answer);
  const record: RecordAnswer = await call("getrecord", { account: "", collection: "", key: "" });
  const data: Json = record.data;
  const page = await call("getratings", { record: "account/film/key", limit: 10 });
  const stars: number[] = page.ratings.map((rating) => rating.stars);
  const order: "proof" | "partly" = verified.checked;
  const key: SigningKey = await SigningKey.generate();
  const envelope = { network: genesis.networkHex, account: key.account, time: 0, from: 1, expiry: 2 };
  const body = buildBody(envelope, { type: "put", collection: "film", key: "key", data });
  return [toHex(body), order, String(stars.length), String(verified.header.height + 1n)];
}

export async function misuses(genesis: Genesis, key: SigningKey): Promise<void> {
  // @ts-expect-error There is no such method.
  await call("getrecords", {});
  // @ts-expect-error A parameter is missing.
  await call("getrecord", { account: "", collection: "" });
  // @ts-expect-error A parameter is of another type.
  await call("getratings", { record: 7 });
  // @ts-expect-error A parameter is unknown.
  await call("getratings", { stars: 5 });
  // @ts-expect-error The result has no such member.
  (await call("getaccount", { account: "" })).stars;
  // @ts-expect-error A height of a header is a BigInt.
  genesis.time + (await verifyAnswer(EpochChain.ofGenesis(genesis), "ping", [], { raw: "", rawContext: "" })).header.height;
  // @ts-expect-error The account's name is not to be written.
  key.account = "other";
  // @ts-expect-error A rating has stars.
  buildBody({ network: "", account: "", time: 0, from: 0, expiry: 0 }, { type: "rate", record: "" });
  // @ts-expect-error There is no such error.
  const name: keyof ErrorNames = "record_lost";
  const item = {} as Items["ratings"];
  // @ts-expect-error They may be null, where a rating is withdrawn.
  const stars: number = item.stars;
  void [name, stars];
}
