// Prints what verification costs: `node bench/run.js`, and in a browser `node bench/run.js --chromium`.
//
// Chromium is looked for at $CHROMIUM and in the usual places. The page comes from 127.0.0.1, which is a secure context.

import { createServer } from "node:http";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { measure } from "./verify.js";

const ROOT = new URL("..", import.meta.url);
const BROWSERS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** @typedef {import("./verify.js").Measured} Measured */

/** @returns {Promise<[string, Measured[]]>} What it ran in, and what was measured. */
async function inChromium() {
  const { chromium } = await import("playwright-core");
  const executablePath = BROWSERS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("There is no Chromium: set CHROMIUM to its path.");
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const isPage = path === "/";
    const file = new URL(`.${path}`, ROOT);
    const type = isPage ? "text/html" : "text/javascript";
    try {
      const text = isPage ? "<!doctype html><title>verify</title>" : await readFile(fileURLToPath(file));
      response.writeHead(200, { "content-type": type }).end(text);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    const address = /** @type {import("node:net").AddressInfo} */ (server.address());
    await page.goto(`http://127.0.0.1:${address.port}/`);
    const measured = await page.evaluate('import("/bench/verify.js").then(({measure}) => measure())');
    return [`Chromium ${browser.version()}`, /** @type {Measured[]} */ (measured)];
  } finally {
    await browser.close();
    server.close();
  }
}

const [where, measured] = process.argv.includes("--chromium")
  ? await inChromium()
  : /** @type {[string, Measured[]]} */ ([`Node.js ${process.version}`, await measure()]);
console.log(`${where}: ms\n`);
const columns = ["least", "median", "90 %"].map((column) => column.padStart(10)).join("");
console.log(`${"".padEnd(34)}${"by".padEnd(12)}${columns}${"times".padStart(8)}`);
for (const { what, implementation, least, median, worst, times } of measured) {
  const numbers = [least, median, worst].map((each) => each.toFixed(2).padStart(10)).join("");
  console.log(`${what.padEnd(34)}${implementation.padEnd(12)}${numbers}${String(times).padStart(8)}`);
}
