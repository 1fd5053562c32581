// ImageNet weights on real photos, scored 1000-way: the browser counts the same right answers as the command line.
// Needs ../shared/data. On 100 images; on all of them (minutes) with BITSMITH_FULL=1.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { promisify } from "node:util";
import { openApp } from "./support/app.mjs";
import { exists, shared } from "./support/archive.mjs";

const FULL = process.env.BITSMITH_FULL === "1";
const LOADED = { timeout: 120_000 };
const MEASURED = { timeout: 3_600_000 };
const weights = new URL("weights/mobilenet_v1_0.25_224.safetensors", shared);
const images = new URL("images/imagenette-val-224.tar", shared);

/** Right answers of the command line: in integers at 8/8, and in float. */
async function commandLine() {
  const limit = FULL ? [] : ["--limit", "100"];
  const paths = ["--weights", fileURLToPath(weights), "--images", fileURLToPath(images)];
  const run = ["run", "--quiet", "--", "--json", "eval", ...paths, "--bits", "8/8", "--split", "test", ...limit];
  const { stdout } = await promisify(execFile)("cargo", run, { cwd: fileURLToPath(new URL("../../", import.meta.url)) });
  const { correct, float_correct: float, images: counted } = JSON.parse(stdout);
  return { integers: [correct, counted], float: [float, counted] };
}

/** The same of the page. */
async function browser(t) {
  const { page, problems } = await openApp(t);
  await page.locator("#network .loaded").waitFor(LOADED);
  await page.locator("#weights-file").setInputFiles(fileURLToPath(weights));
  await page.locator("#network .loaded", { hasText: "mobilenet-v1-0.25-224" }).waitFor(LOADED);
  await page.locator("#images-file").setInputFiles(fileURLToPath(images));
  await page.locator("#images .loaded", { hasText: "imagenette-val-224.tar" }).waitFor(LOADED);
  if (!FULL) await page.locator("#limit").selectOption({ label: "100 test images" });
  await page.getByRole("button", { name: "All weights 8 bits, all activations 8 bits" }).click();
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator(".accuracies > div", { hasText: "Integer against float" }).waitFor(MEASURED);
  const counts = async (title) => {
    const text = await page.locator(".accuracies > div", { hasText: title }).locator(".hint").textContent();
    const [, right, of] = /^([\d,]+) of ([\d,]+) images right/.exec(text);
    return [right, of].map((number) => Number(number.replaceAll(",", "")));
  };
  assert.deepEqual(problems, []);
  return { integers: await counts("Integer top-1"), float: await counts("Float top-1") };
}

test("1000-way, the browser counts what the command line counts", async (t) => {
  if (!(await exists(weights)) || !(await exists(images))) return t.skip("no ../shared/data");
  const expected = await commandLine();
  const found = await browser(t);
  t.diagnostic(`right of all: integers ${found.integers.join(" of ")}, float ${found.float.join(" of ")}`);
  assert.deepEqual(found, expected);
});
