// Networks out of the files that their authors have: opened in the page, measured as on the command line, packaged.
// Some of the files are in ../shared/data; without it their tests are skipped.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { openApp, violations } from "./support/app.mjs";
import { exists, shared } from "./support/archive.mjs";

const LOADED = { timeout: 120_000 };
const MEASURED = { timeout: 600_000 };
const here = (path) => new URL(path, import.meta.url);
const weights = (name) => new URL(`weights/${name}`, shared);

const open = (page, urls) => page.locator("#weights-file").setInputFiles(urls.map((url) => fileURLToPath(url)));
const loaded = (page, text) => page.locator("#network .loaded", { hasText: text }).waitFor(LOADED);

test("a network of no zoo goes from its file to a package, and counts what the command line counts", async (t) => {
  const [file, images] = [weights("resnet8_cifar10_int8.tflite"), new URL("images/cifar10-mini.tar", shared)];
  if (!(await exists(file)) || !(await exists(images))) return t.skip("no ../shared/data");
  const paths = ["--weights", fileURLToPath(file), "--images", fileURLToPath(images)];
  const run = ["run", "--quiet", "--", "--json", "eval", ...paths, "--bits", "4/4", "--split", "test", "--limit", "100"];
  const { stdout } = await promisify(execFile)("cargo", run, { cwd: fileURLToPath(here("../../")) });
  const { correct, float_correct: float } = JSON.parse(stdout);

  const { page, problems } = await openApp(t);
  await page.locator("#network .loaded").waitFor(LOADED);
  await open(page, [file]);
  await loaded(page, "resnet8_cifar10_int8");
  await page.locator("#policy tbody tr", { hasText: "add" }).first().waitFor();
  await page.locator("#images-file").setInputFiles(fileURLToPath(images));
  await page.locator("#images .loaded", { hasText: "cifar10-mini.tar" }).waitFor(LOADED);
  await page.locator("#limit").selectOption({ label: "100 test images" });
  await page.getByRole("button", { name: "All weights 4 bits, all activations 4 bits" }).click();
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator(".accuracies > div", { hasText: "Integer against float" }).waitFor(MEASURED);
  const right = async (title) => {
    const text = await page.locator(".accuracies > div", { hasText: title }).locator(".hint").textContent();
    return Number(/^([\d,]+) of 100 images right/.exec(text)[1]);
  };
  assert.deepEqual([await right("Integer top-1"), await right("Float top-1")], [correct, float]);

  const link = await page.evaluate(() => location.hash.slice(1));
  assert.ok(link.length < 1000, `${link.length} characters`);
  const download = page.waitForEvent("download", MEASURED);
  await page.getByRole("button", { name: "Download package" }).click();
  assert.equal((await download).suggestedFilename(), "resnet8_cifar10_int8.zip");
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(problems, []);

  // A colleague sees policy and memory without any file.
  const { page: theirs } = await openApp(t, { hash: link });
  await theirs.getByText("You opened a shared policy of resnet8_cifar10_int8").waitFor(LOADED);
  assert.equal(await theirs.locator("#policy tbody tr").count(), 14);
});

test("every format opens, by itself or with the description beside it", async (t) => {
  if (!(await exists(weights("vww_96.h5")))) return t.skip("no ../shared/data");
  const { page, problems } = await openApp(t);
  await page.locator("#network .loaded").waitFor(LOADED);
  for (const [names, text] of [
    [["vww_96.h5"], "vww_96, 2 classes"],
    [["resnet8_cifar10.tflite"], "resnet8_cifar10, 10 classes"],
    [["imagenette10_mobilenet_v2_0.35_128.onnx"], "mobilenet-v2-0.35-128, 10 classes"],
    [["imagenette10_mnasnet_0.5_128.pth"], "mnasnet-0.5-224, 10 classes"],
  ]) {
    await open(page, names.map(weights));
    await loaded(page, text);
  }
  assert.deepEqual(problems, []);
});

test("a network that cannot be taken is refused with every reason, and loses nothing", async (t) => {
  const { page, problems } = await openApp(t);
  await page.locator("#network .loaded", { hasText: "mobilenet-v1-0.25-32" }).waitFor(LOADED);
  const buffer = gunzipSync(await readFile(here("../keras/keras3_refused.h5.gz")));
  await page.locator("#weights-file").setInputFiles({ name: "refused.h5", mimeType: "application/x-hdf5", buffer });
  const alert = page.locator("#network [role=alert]", { hasText: "things that cannot be taken" });
  await alert.waitFor(LOADED);
  assert.match(await alert.textContent(), /refused\.h5/);
  await page.locator("#network .loaded", { hasText: "mobilenet-v1-0.25-32" }).waitFor();
  assert.deepEqual(problems, []);
});
