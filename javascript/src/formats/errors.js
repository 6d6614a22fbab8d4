/**
 * The named errors of the network's formats and rules; the table of them is `codes.js`, made from the node's.
 */

import {CODES, RESULTS} from "./codes.js";

/** Something that another's bytes or answer did wrong. `code` is a name from the table, `message` one sentence. */
export class LedgerError extends Error {
  name = "LedgerError";

  /** @param {string} code @param {string} [message] The code's own sentence unless a better one is given. */
  constructor(code, message = sentence(code)) {
    super(message);
    this.code = code;
  }
}

/** A value of our own that a format can't carry: a programming or input mistake on this side. */
export class LocalError extends Error {
  name = "LocalError";
}

/**
 * @param {string} code
 * @returns {string} The documented sentence of a code.
 * @throws {LocalError} No such code is documented.
 */
export function sentence(code) {
  const known = CODES.get(code) ?? RESULTS.find(([name]) => name === code)?.[1];
  if (known === undefined) throw new LocalError(`undocumented error code ${JSON.stringify(code)}`);
  return known;
}

/**
 * @param {number} number Of an executor's result, as the state has it.
 * @returns {string} Its code, such as `ok` for 0.
 * @throws {LocalError} No such result exists.
 */
export function resultCode(number) {
  const result = RESULTS[number];
  if (result === undefined) throw new LocalError(`unknown executor result ${number}`);
  return result[0];
}
