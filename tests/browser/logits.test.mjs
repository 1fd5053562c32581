// The networks of ../shared/data under six policies, 64 images each, in Chromium: every logit is native code's, to which
// tests/c_package.rs holds C on this machine and on the boards. Takes minutes: with BITSMITH_FULL=1 only.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { exists, shared } from "./support/archive.mjs";

const WASM = ["--target", "wasm32-unknown-unknown", "--no-default-features", "--features", "web"];
const cwd = fileURLToPath(new URL("../../", import.meta.url));

/** Runs tests of the crate, and says what they printed. */
async function cargoTest(args, env) {
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 26 };
  const { stdout } = await promisify(execFile)("cargo", ["test", ...args, "--nocapture"], options);
  return stdout;
}

/** Serves a folder's files to every origin. */
async function serve(folder) {
  const server = createServer(async ({ url }, response) => {
    const bytes = await readFile(join(folder, basename(url))).catch(() => undefined);
    response.writeHead(bytes ? 200 : 404, { "access-control-allow-origin": "*" }).end(bytes);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { server, address: `http://127.0.0.1:${server.address().port}` };
}

const skip = process.env.BITSMITH_FULL !== "1" ? "BITSMITH_FULL is not 1" : !(await exists(shared)) && "no ../shared/data";

test("every logit of whole networks in Chromium is that of native code", { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "bitsmith-cases-"));
  t.after(() => rm(folder, { recursive: true }));
  await cargoTest(["--test", "c_package", "--", "handed_to_the_browser"], { BITSMITH_CASES: folder });
  const names = (await readFile(join(folder, "names"), "utf8")).trim().split("\n");
  const { server, address } = await serve(folder);
  t.after(() => server.close());
  const printed = await cargoTest([...WASM, "--test", "web", "--", "trained_networks"], { BITSMITH_CASES_ADDRESS: address });
  for (const name of names) {
    assert.match(printed, new RegExp(`Chromium ${name}: 64 images, 0 differing logits`));
  }
  t.diagnostic(`${names.length} networks and policies`);
});
