// The command line beside the page, and what both are given.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const DEMO = fileURLToPath(new URL("../../../www/demo/", import.meta.url));
export const WEIGHTS = join(DEMO, "mobilenet-v1-0.25-32.safetensors");
export const IMAGES = join(DEMO, "fashion-mnist.tgz");

/** Where the command line is; `make test-browser` has built it. */
export const program = () => join(process.env.CARGO_TARGET_DIR, "debug", "bitsmith");

/** Runs the command line. */
export async function bitsmith(...words) {
  const { stdout } = await promisify(execFile)(program(), [...words, "--json"]);
  return JSON.parse(stdout);
}

/** A folder for files, gone with the test. */
export async function folder(t) {
  const path = await mkdtemp(join(tmpdir(), "bitsmith-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}
