// The package that the page hands over is the one that the command line writes, byte for byte.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openApp } from "./support/app.mjs";

const DEMO = fileURLToPath(new URL("../../www/demo/", import.meta.url));
const WEIGHTS = join(DEMO, "mobilenet-v1-0.25-32.safetensors");
const IMAGES = join(DEMO, "fashion-mnist.tgz");
const MEASURED = { timeout: 300_000 };

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

test("page and command line make the same package", async (t) => {
  const { page, problems } = await openApp(t);
  await page.locator("#weights-file").setInputFiles(WEIGHTS);
  await page.locator("#network .loaded", { hasText: "mobilenet-v1-0.25-32.safetensors" }).waitFor(MEASURED);
  await page.locator("#images-file").setInputFiles(IMAGES);
  await page.locator("#images .loaded", { hasText: "fashion-mnist.tgz" }).waitFor(MEASURED);
  const device = await page.getByRole("combobox", { name: "Microcontroller" }).inputValue();
  await page.locator("#limit").selectOption({ label: "100 images" });
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator(".accuracies > div", { hasText: "Integer top-1" }).getByText(/images right/).waitFor(MEASURED);
  await page.locator(".accuracies > div", { hasText: "Float top-1" }).getByText(/images right/).waitFor(MEASURED);
  const saved = page.waitForEvent("download", MEASURED);
  await page.getByRole("button", { name: "Download package" }).click();
  const downloaded = await readFile(await (await saved).path());
  const link = await page.locator("#link").inputValue();

  const path = join(await folder(t), "package.zip");
  const budget = ["--device", device.toLowerCase()];
  await bitsmith("export", "--weights", WEIGHTS, "--images", IMAGES, "--link", link, ...budget, "--limit", "100", "--out", path);
  const written = await readFile(path);
  assert.equal(downloaded.length, written.length);
  assert.ok(downloaded.equals(written), "the same length and other bytes");
  assert.deepEqual(problems, []);
});
