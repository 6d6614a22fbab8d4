/** The connections that a session has: one for each place, made when it is first asked, shared by all who ask. */

import {ClientError, ConnectionFailed, SessionClosed, messageOf} from "./errors.js";

/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./directory.js").Place} Place */

/** Clients by place. */
export class Connections {
  #connect;
  #lost;
  /** @type {Map<Place, Client>} */
  #open = new Map();
  /** @type {Map<Place, Promise<Client>>} */
  #making = new Map();
  #closing = new AbortController();

  /**
   * @param {(place: Place, signal: AbortSignal) => Promise<Client>} connect Makes a connection.
   * @param {(place: Place, reason: Error) => void} lost Told of each that broke, or was dropped.
   */
  constructor(connect, lost) {
    this.#connect = connect;
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
    return client !== undefined;
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
}
