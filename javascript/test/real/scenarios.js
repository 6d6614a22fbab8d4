/**
 * What sessions with real nodes go through, in Node.js and in browsers alike. Each scenario gets the module, what to
 * connect with, and `tell`, by which it has nodes killed and started; what it gives back is judged by whoever runs it
 * (tests/integration/test_javascript_cloud.py).
 *
 * @typedef {object} Surroundings
 * @property {any} module The module's exports.
 * @property {string[]} seeds
 * @property {any} options Of `Cloud.connect`.
 * @property {any} wanted What the test wants besides.
 * @property {(event: object) => Promise<any>} tell Tells the test something; done when it has done its part.
 */

/** @param {number} seconds */
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** @param {() => boolean} condition @param {string} what */
async function until(condition, what) {
  for (let turn = 0; turn < 1200; turn += 1) {
    if (condition()) return;
    await pause(0.05);
  }
  throw new Error(`${what} took longer than 60 s`);
}

/** @type {Record<string, (surroundings: Surroundings) => Promise<any>>} */
export const scenarios = {
  /** Reads, writes and a subscription, while the node that serves is killed, and comes back. */
  async survive({module, seeds, options, wanted, tell}) {
    const {Cloud, SigningKey} = module;
    const cloud = await Cloud.connect(seeds, options);
    if (wanted.pins) {
      await until(() => wanted.pins.every((/** @type {string} */ url) => find(cloud, url)), "learning the places");
      cloud.pin(...wanted.pins);
    }
    const subscription = await cloud.subscribe("records", {collection: wanted.collection}).ready;
    const writer = await cloud.writer(await SigningKey.generate());
    const heights = [];
    const behind = [];
    /** Seconds to an answer after the node that served was killed. */
    const recovered = [];
    /** @type {string[]} */
    const served = [];
    /** @type {string[]} */
    const told = [];
    const listening = (async () => {
      for await (const item of subscription) if (told.push(item.key) === wanted.writes) return;
    })();
    for (let number = 0; number < wanted.writes; number += 1) {
      if (number % 8 === 3) {
        // The one that answers calls, or the one that tells of news: mostly they are the same.
        await until(() => Boolean(subscription.url), "a node that is subscribed to");
        const serving = number === 3 ? (await cloud.call("getdatahash")).url : subscription.url;
        if (!served.includes(serving)) served.push(serving);
        await tell({kill: serving});
        const begin = performance.now();
        await cloud.call("getdatahash");
        recovered.push((performance.now() - begin) / 1000);
      }
      if (number % 8 === 7) await tell({revive: true});
      const {cursor, checked} = await cloud.submit(await writer.put(wanted.collection, `${number}`, number));
      const {height, url} = await cloud.call("getdatahash");
      if (height < cursor.height || checked !== wanted.checked) behind.push({height, cursor, checked});
      heights.push(height);
      if (!served.includes(url)) served.push(url);
    }
    await listening;
    const {state, accusations} = cloud;
    const record = {account: writer.account, collection: wanted.collection, key: "0"};
    const answer = await cloud.call("getrecord", record);
    const denied = await cloud.call("getrecord", {...record, key: "none"}).catch((/** @type {any} */ error) => error);
    cloud.close();
    return {
      told, heights, behind, recovered, served, accusations, state,
      record: {data: answer.result.data, checked: answer.checked},
      denied: {name: denied.name, code: denied.code, checked: denied.checked},
    };
  },

  /** A node that lies is left, named, and its answers are not shown. */
  async expose({module, seeds, options, wanted}) {
    /** @type {any[]} */
    const accused = [];
    const cloud = await module.Cloud.connect(seeds, {...options, onLiar: (/** @type {any} */ each) => accused.push(each)});
    const versions = new Set();
    let last;
    for (let turn = 0; turn < 200 && !accused.length; turn += 1) {
      // Of the liar alone there is no answer that is false; honest nodes answer in its place later.
      cloud.pin(wanted.liar);
      await cloud.call("getrecord", wanted.record, {timeout: 2}).then(
        (/** @type {any} */ answer) => versions.add(answer.result.version),
        () => {},
      );
      await pause(0.05);
    }
    cloud.pin();
    last = await cloud.call("getrecord", wanted.record);
    versions.add(last.result.version);
    const {accusations} = cloud;
    cloud.close();
    return {accused, accusations, versions: [...versions], url: last.url, checked: last.checked};
  },

  /** Places that are learned, and a call over each. */
  async reach({module, seeds, options, wanted}) {
    const cloud = await module.Cloud.connect(seeds, options);
    const answers = [];
    for (const url of wanted.places) {
      await until(() => Boolean(find(cloud, url)), `learning ${url}`);
      cloud.pin(url);
      const {url: at, checked, node} = await cloud.call("getdatahash");
      answers.push({url: at, checked, node});
    }
    cloud.close();
    return {answers};
  },

  /** As many nodes as are wanted give the same answer. */
  async agree({module, seeds, options}) {
    const cloud = await module.Cloud.connect(seeds, options);
    await until(() => cloud.places.filter((/** @type {any} */ place) => place.isProven).length >= 3, "their signing");
    const page = await cloud.call("listrecords", {});
    const totals = await cloud.call("getdatahash");
    cloud.close();
    return {page: page.checked, totals: totals.checked};
  },
};

/** @param {any} cloud @param {string} url */
function find(cloud, url) {
  return cloud.places.find((/** @type {any} */ place) => place.url === url);
}
