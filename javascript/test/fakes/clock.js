/** A clock that stands still until it is told to go on, and time for all that was promised to happen. */

/** Let all that waits for no time and no other machine happen. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class FakeClock {
  /** @type {{at: number, call: () => void}[]} */
  #timers = [];
  #now = 0;

  now = () => this.#now;
  unix = () => 1_790_000_000 + this.#now;

  /** @param {number} seconds @param {() => void} call */
  later = (seconds, call) => {
    const timer = {at: this.#now + seconds, call};
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };

  /** How many calls are to come. */
  get pending() {
    return this.#timers.length;
  }

  /** Let so many seconds pass, and all happen that they bring. @param {number} seconds */
  async advance(seconds) {
    const end = this.#now + seconds;
    await settle();
    for (;;) {
      const [next] = this.#timers.filter((each) => each.at <= end).sort((one, other) => one.at - other.at);
      if (!next) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.call();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}
