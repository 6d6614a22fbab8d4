/**
 * Who decides now: the epochs of a network, followed and checked from its genesis (or any epoch that is trusted). A node
 * tells how each set of validators was replaced; nothing of it is believed.
 */

import {equal} from "../bytes.js";
import {decodeAccount} from "../formats/addresses.js";
import {Epoch} from "../formats/epoch.js";
import {LedgerError} from "../formats/errors.js";
import {VALIDATORS_MAX} from "../formats/genesis.js";
import {isCount, isObject, readFinal} from "./told.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../formats/block.js").Header} Header */
/** @typedef {import("../formats/finality.js").Finality} Finality */

/** Epochs asked for at once: what every node allows. */
const PAGE = 50;

/** The epochs that were verified. */
export class EpochChain {
  /** @type {Map<bigint, Epoch>} */
  #epochs;

  /** @param {Epoch} trusted Where to begin: the genesis's epoch, or one that was verified earlier. */
  constructor(trusted) {
    this.#epochs = new Map([[trusted.number, trusted]]);
    /** The last one: as far as is known, its validators decide now. */
    this.newest = trusted;
  }

  /** @param {import("../formats/genesis.js").Genesis} genesis @returns {EpochChain} All that is known at the beginning. */
  static ofGenesis(genesis) {
    return new EpochChain(Epoch.ofGenesis(genesis));
  }

  /** The network's id. */
  get network() {
    return this.newest.network;
  }

  /** @param {bigint | number} number @returns {Epoch | undefined} An epoch; undefined if it is not known (yet). */
  find(number) {
    return this.#epochs.get(BigInt(number));
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
  async follow(ask) {
    let after = this.newest.number === 0n ? undefined : Number(this.newest.number) - 1;
    /** The end of the epoch before the next one that is told. @type {{header: Header, finality: Finality} | null} */
    let end = null;
    for (;;) {
      const page = readPage(await ask("getepochs", after === undefined ? {limit: PAGE} : {limit: PAGE, after}));
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
    const {newest} = this;
    if (!end) {
      const isSame =
        told.validators.length === newest.validators.length &&
        told.validators.every((key, at) => equal(key, /** @type {Bytes} */ (newest.validators[at])));
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
  epochClosed(_epoch) {}
}

/**
 * @typedef {object} ToldEpoch
 * @property {bigint} epoch @property {Bytes[]} validators @property {unknown} end Null while it goes on.
 */

/**
 * @param {unknown} told
 * @returns {{epochs: ToldEpoch[], goesOn: boolean}}
 * @throws {LedgerError} `finality_malformed`: it is not of the documented form.
 */
function readPage(told) {
  if (!isObject(told) || !Array.isArray(told.epochs) || told.epochs.length > PAGE) {
    throw new LedgerError("finality_malformed", "The node's epochs are not of the documented form.");
  }
  return {epochs: told.epochs.map(readEpoch), goesOn: isCount(told.next)};
}

/** @param {unknown} told @returns {ToldEpoch} */
function readEpoch(told) {
  if (isObject(told) && isCount(told.epoch) && Array.isArray(told.validators) && "end" in told) {
    const {epoch, validators, end} = told;
    if (validators.length <= VALIDATORS_MAX) {
      return {epoch: BigInt(epoch), validators: validators.map((key) => decodeAccount(key)), end};
    }
  }
  throw new LedgerError("finality_malformed", "An epoch that the node tells is not of the documented form.");
}
