// Makes one ES module of src/index.js and all that it imports: `node tools/bundle.js [FILE]`.
//
// The result is readable, since people are asked to trust it, and it is committed, since a node must not need Node.js
// to serve it. test/fresh.test.js makes it again and compares.

import { build } from "esbuild";
import { fileURLToPath, pathToFileURL } from "node:url";

export const BUNDLE = fileURLToPath(new URL("../../cloudnode/page/files/cloudnode.js", import.meta.url));

// The compiler checks the sources; the page that imports the bundle is checked without it.
const BANNER = `// cloudnode: one cloud of many nodes, verified from the genesis. Made from javascript/src; not edited by hand.
// Licence: Apache 2.0. Contains @noble/ed25519 and @noble/hashes, MIT licence, (c) Paul Miller (paulmillr.com).
// @ts-nocheck`;

/**
 * Writes the bundle.
 *
 * @param {string} file - Where to.
 */
export async function writeBundle(file) {
  await build({
    entryPoints: [fileURLToPath(new URL("../src/index.js", import.meta.url))],
    outfile: file,
    bundle: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "inline",
    banner: { js: BANNER },
    absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
    logLevel: "warning",
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await writeBundle(process.argv[2] ?? BUNDLE);
