/**
 * Runs a scenario with real nodes in Node.js. Gets what to do as a line of JSON on standard input; what it tells, and what
 * came of it, are lines on standard output, each of the former answered by a line.
 */

import {createInterface} from "node:readline";
import {WebSocket} from "ws";

import {scenarios} from "./scenarios.js";

process.on("unhandledRejection", (error) => {
  console.log(JSON.stringify({error: `Nobody has caught: ${error}`}));
  process.exit(1);
});

const lines = createInterface({input: process.stdin})[Symbol.asyncIterator]();

/** @param {object} event */
async function tell(event) {
  console.log(JSON.stringify(event));
  return JSON.parse((await lines.next()).value ?? "null");
}

const {scenario, seeds, options, wanted} = JSON.parse((await lines.next()).value ?? "null");
const module = await import("../../src/index.js");
try {
  const found = await scenarios[scenario]?.({module, seeds, options: {WebSocket, ...options}, wanted, tell});
  console.log(JSON.stringify({found}));
} catch (error) {
  console.log(JSON.stringify({error: error instanceof Error ? error.stack : String(error)}));
}
// It ends by itself once the session has left nothing open.
process.stdin.pause();
process.stdin.unref?.();
