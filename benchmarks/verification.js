/**
 * How long the JavaScript module takes to verify an answer; run by bench_verification.py in Node.js and in a page.
 *
 * `node verification.js MODULE INPUT`: MODULE is the module's file, INPUT one of JSON with the `genesis`, a call's `method`
 * and `params`, the exact texts `raw` and `rawContext` of its answer, and how many `rounds`.
 */

/** @returns {Promise<{median: number, crypto: string, checked: string}>} Milliseconds, and by which implementation. */
export async function measure(module, {genesis, method, params, raw, rawContext, rounds}) {
  const chain = module.EpochChain.ofGenesis(await module.decodeGenesis(new TextEncoder().encode(genesis)));
  const times = [];
  let checked = "";
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    ({checked} = await module.verifyAnswer(chain, method, params, {raw, rawContext}));
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return {median: times[rounds >> 1], crypto: (await module.currentCrypto()).name, checked};
}

if (typeof process !== "undefined" && process.argv[1]?.endsWith("verification.js")) {
  const {readFile} = await import("node:fs/promises");
  const {pathToFileURL} = await import("node:url");
  const module = await import(pathToFileURL(process.argv[2]).href);
  console.log(JSON.stringify(await measure(module, JSON.parse(await readFile(process.argv[3], "utf8")))));
}
