/** The page's beginning: whom to ask, and which part of the page shows what. */

import {describeCrypto} from "./crypto.js";
import {addBlocks, showBlocks} from "./blocks.js";
import {byId} from "./dom.js";
import {startKeys} from "./keys.js";
import {drawMap, flashMap, startMap} from "./map.js";
import {buildNetwork} from "./network.js";
import {showNodes} from "./nodestable.js";
import {chooseNode, showNode, startNodeView} from "./nodeview.js";
import {plainText} from "./hostile.js";
import {showProof} from "./proofview.js";
import {openRecord, startRecord} from "./record.js";
import {recordsShown, startRecords} from "./records.js";
import {addView, currentView, startRouter} from "./router.js";
import {PageSession} from "./session.js";
import {recall, remember} from "./storage.js";
import {startTheme} from "./theme.js";
import {showVerdict} from "./verdict.js";
import {count, list} from "./words.js";

/** @type {Record<string, string>} */
const SCHEMES = {http: "HTTP", https: "HTTPS", ws: "WebSocket", wss: "WebSocket with TLS", "ws+udp": "WebTransport"};

const session = new PageSession();
/** Milliseconds between two drawings: changes come in bursts, one for each node. */
const PAUSE = 250;

/** Milliseconds between two looks at the clock, for what says how long ago something was. */
const TICK = 1000;

let cryptoSentence = "";
let isDue = false;
let drawnAt = 0;

/** Draw what is seen, once for all changes of a burst. */
function changed() {
  if (isDue) return;
  isDue = true;
  setTimeout(() => {
    isDue = false;
    drawnAt = performance.now();
    draw();
  }, Math.max(10, drawnAt + PAUSE - performance.now()));
}

function draw() {
  const {cloud, compared, facts, stun, own, isNamed} = session;
  if (!cloud) return;
  const network = buildNetwork({compared, facts, stun, own, places: cloud.places});
  const view = currentView();
  if (view === "network") {
    showVerdict(cloud.state, compared, {network: cloud.network, isNamed, known: network.nodes.length});
    drawMap(network);
    showNodes(network.nodes, network.links);
    showBlocks();
  }
  if (view === "node") showNode(network.nodes);
  if (view === "proof") showProof(session, cryptoSentence);
  showConnection(network.nodes);
}

/** @param {import("./network.js").NetworkNode[]} nodes */
function showConnection(nodes) {
  const {cloud} = session;
  const named = nodes.map((each) => each.facts?.info.chain).find((each) => typeof each === "string");
  if (named) {
    byId("network-name").textContent = plainText(named, 40);
    document.title = `${plainText(named, 40)} – cloudnode`;
  }
  const open = cloud.connected;
  const schemes = [...new Set(open.map((/** @type {{url: string}} */ place) => SCHEMES[place.url.split(":")[0]]))];
  const keys = new Set(open.map((/** @type {{url: string, node: string}} */ place) => place.node || place.url));
  byId("connection").textContent = open.length ? `Connected with ${count(keys.size, "node")} by ${list(schemes)}.` : "Not connected now; trying.";
}

/** @param {string[]} seeds @param {string | null} network @param {string} origin */
async function begin(seeds, network, origin) {
  byId("connection").textContent = `Asking ${list(seeds)} …`;
  await session.begin(seeds, network, origin);
  byId("seeds").hidden = true;
  byId("views").hidden = false;
  startRouter();
  changed();
}

/** A copy of the page that no node served asks for one. */
function askForSeeds() {
  byId("seeds").hidden = false;
  byId("connection").textContent = "Not connected.";
  const [urls, network, error] = [byId("seeds-urls"), byId("seeds-network"), byId("seeds-error")];
  urls.value = recall("seeds") ?? "";
  network.value = recall("network") ?? "";
  byId("seeds-form").addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    error.textContent = "";
    const seeds = urls.value.trim().split(/[\s,]+/);
    try {
      await begin(seeds, network.value.trim() || null, "");
      remember("seeds", seeds.join(" "));
      remember("network", network.value.trim() || null);
    } catch (failure) {
      error.textContent = plainText(/** @type {Error} */ (failure).message, 500);
      urls.focus();
    }
  });
}

async function start() {
  startTheme();
  session.whenChanged(changed);
  session.whenBlocks((blocks) => {
    addBlocks(blocks);
    if (blocks.length === 1) flashMap();
  });
  startMap((id) => {
    location.hash = `#node/${id}`;
  });
  startNodeView(changed);
  startRecord(session);
  startRecords(session);
  await startKeys();
  cryptoSentence = await describeCrypto();
  addView("network", {shown: changed});
  addView("records", {shown: (rest) => {
    openRecord(rest);
    recordsShown();
  }});
  addView("node", {shown: (rest) => {
    chooseNode(rest);
    changed();
  }});
  addView("key", {shown: () => {}});
  addView("proof", {shown: changed});
  setInterval(() => currentView() === "network" && showBlocks(), TICK);
  if (location.protocol !== "http:" && location.protocol !== "https:") {
    askForSeeds();
    return;
  }
  const origin = new URL(".", location.href).href; // with the path below which a proxy may serve the node
  for (;;) {
    try {
      await begin([origin], null, origin);
      return;
    } catch (error) {
      byId("connection").textContent = `${plainText(/** @type {Error} */ (error).message, 300)} Trying again.`;
      await new Promise((done) => {
        setTimeout(done, 3000);
      });
    }
  }
}

start();
