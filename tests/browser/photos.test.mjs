// The whole flow on files from the user: real photos, dropped as an archive, and where they are, real weights.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { drop, longestTask, openApp } from "./support/app.mjs";
import { photos, shared, tgz } from "./support/archive.mjs";

const LOADED = { timeout: 60_000 };
const MEASURED = { timeout: 300_000 };
/** A longer task on the main thread is felt. */
const FELT = 100;

/** Writes a file that is gone after the test. */
async function file(t, name, bytes) {
  const folder = await mkdtemp(join(tmpdir(), "bitsmith-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
}

test("a dropped tgz of photos is measured and the package downloaded, and the page never freezes", async (t) => {
  const { page, address, requests, problems } = await openApp(t, { traced: true });
  await page.locator("#network .loaded").waitFor(LOADED);
  const { files, labelled } = await photos(24);
  if (labelled) {
    const name = "imagenette10_mobilenet_v1_0.25_128.safetensors";
    await drop(page, "#network .drop", fileURLToPath(new URL(`weights/${name}`, shared)));
    await page.locator("#network .loaded", { hasText: name }).waitFor(LOADED);
  } else {
    t.diagnostic("no ../shared/data: the demo network classifies copies of three photos, which says nothing of accuracy");
  }
  // Anywhere on the page: the ending says what it is.
  await drop(page, "footer", await file(t, "photos.tgz", tgz(files)));
  await page.locator("#images .loaded", { hasText: "photos.tgz" }).waitFor(LOADED);
  assert.match(await page.locator("#images .loaded").textContent(), /240 images in 10 classes\.60 to calibrate with, 180 to measure on/);

  await page.getByRole("button", { name: "All weights 8 bits, all activations 8 bits" }).click();
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  const difference = page.locator(".accuracies > div", { hasText: "Integer against float" });
  await difference.waitFor(MEASURED);
  const integers = page.locator(".accuracies > div", { hasText: "Integer top-1" });
  const [, correct] = /^(\d+) of 180 images right/.exec(await integers.locator(".hint").textContent());
  if (labelled) assert.ok(correct >= 150, `${correct} of 180 right: the network reaches nine in ten`);

  const saved = page.waitForEvent("download", MEASURED);
  await page.getByRole("button", { name: "Download package" }).click();
  const bytes = await readFile(await (await saved).path());
  assert.equal(bytes.subarray(0, 2).toString(), "PK");
  await page.locator("#share").getByText("Saved").waitFor();

  const outside = requests.filter((url) => !url.startsWith(address) && !url.startsWith("blob:"));
  assert.deepEqual(outside, []);
  assert.deepEqual(problems, []);
  const { tasks, cpu, wall } = await longestTask(page);
  t.diagnostic(`longest of ${tasks} tasks: ${cpu.toFixed(0)} ms computed, ${wall.toFixed(0)} ms passed; load ${loadavg()[0].toFixed(1)}`);
  assert.ok(tasks > 100 && cpu < FELT, `a task of ${cpu} ms on the main thread`);
});

test("archives of training and validation images are picked together", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor(LOADED);
  const { files } = await photos(8);
  const part = async (name, from, to) => {
    const some = files.filter((_, number) => number % 8 >= from && number % 8 < to);
    return file(t, `${name}.tgz`, tgz(some.map(([path, bytes]) => [`${name}/${path}`, bytes])));
  };
  await page.getByLabel("Choose archives").setInputFiles([await part("train", 0, 3), await part("val", 3, 8)]);
  await page.locator("#images .loaded", { hasText: "train.tgz, val.tgz, 80 images in 10 classes" }).waitFor(LOADED);
  // Of the validation images none calibrates.
  await page.locator("#images .loaded", { hasText: "30 to calibrate with, 50 to measure on" }).waitFor(LOADED);
});

test("what is no archive of photos is refused with the reason", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor(LOADED);
  await drop(page, "#images .drop", await file(t, "broken.tgz", "not an archive"));
  await page.locator("#images").getByRole("alert").getByText(/broken\.tgz/).waitFor(LOADED);
  await drop(page, "#images .drop", await file(t, "flat.tgz", tgz([["LICENSE.txt", Buffer.from("text")]])));
  await page.locator("#images").getByRole("alert").getByText(/one folder per class/).waitFor(LOADED);
});
