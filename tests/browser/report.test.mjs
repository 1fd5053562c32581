// The report of a package, opened as the file that was saved.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openFile, violations } from "./support/app.mjs";

const DEMO = fileURLToPath(new URL("../../www/demo/", import.meta.url));
const WEIGHTS = join(DEMO, "mobilenet-v1-0.25-32.safetensors");
const IMAGES = join(DEMO, "fashion-mnist.tgz");

/** Runs the command line; `make test-browser` has built it. */
async function bitsmith(...words) {
  const program = join(process.env.CARGO_TARGET_DIR, "debug", "bitsmith");
  const { stdout } = await promisify(execFile)(program, [...words, "--json"]);
  return JSON.parse(stdout);
}

/** A folder for files, gone with the test. */
async function folder(t) {
  const path = await mkdtemp(join(tmpdir(), "bitsmith-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test("the report is readable in both themes, on a phone, and by a screen reader", async (t) => {
  const path = join(await folder(t), "report.html");
  await bitsmith(
    "export", "--weights", WEIGHTS, "--images", IMAGES, "--bits", "4/8", "--limit", "10", "--calibration", "8",
    "--device", "stm32h743zi", "--report", path,
  );
  for (const colorScheme of ["light", "dark"]) {
    const { page, requests, problems } = await openFile(t, path, { colorScheme, viewport: { width: 360, height: 740 } });
    await page.getByRole("heading", { name: "mobilenet-v1-0.25-32" }).waitFor();
    assert.equal(await page.getByRole("table", { name: /In execution order/ }).locator("tbody tr").count(), 29);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page scrolls sideways");
    assert.deepEqual(await violations(page), [], colorScheme);
    assert.equal(requests.length, 1, "the report asks for something else");
    assert.deepEqual(problems, []);
  }
});
