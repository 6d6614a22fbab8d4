/**
 * An epoch: the validators that decide, and the heights that they decide about: docs/protocol.md, chapter 16. The
 * genesis names the first ones; each epoch's last block appoints the next.
 */

import {checkAppointed, quorum} from "./block.js";
import {LedgerError} from "./errors.js";
import {verifyFinality} from "./finality.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./block.js").Header} Header */
/** @typedef {import("./finality.js").Finality} Finality */

/** The validators whose certificates are believed. Never changed once made. */
export class Epoch {
  /**
   * @param {Bytes} network
   * @param {bigint} number
   * @param {readonly Bytes[]} validators Their keys in the order of the indexes.
   * @param {bigint} [base] The height of the block that it begins on, which belongs to the epoch before.
   * @param {bigint | null} [last] The height of the block that ended it; null if that is not known, or it goes on.
   */
  constructor(network, number, validators, base = 0n, last = null) {
    this.network = network;
    this.number = number;
    this.validators = validators;
    this.base = base;
    this.last = last;
  }

  /** @param {import("./genesis.js").Genesis} genesis @returns {Epoch} The network's first epoch. */
  static ofGenesis(genesis) {
    return new Epoch(genesis.network, 0n, genesis.validators);
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
    if (header.height <= this.base || (this.last !== null && header.height > this.last)) {
      throw new LedgerError("header_discarded");
    }
  }

  /** @param {Header} header Of a block that was verified. @returns {Epoch} This one, known to end with that block. */
  closed(header) {
    return new Epoch(this.network, this.number, this.validators, this.base, header.height);
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
    return new Epoch(this.network, this.number + 1n, validators, header.height);
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
}
