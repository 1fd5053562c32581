// The whole flow on files from the user: real photos, dropped as an archive, and where they are, real weights.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { drop, inputTables, longestTask, openApp, openImages } from "./support/app.mjs";
import { file, photos, shared, tgz, zip } from "./support/archive.mjs";

const LOADED = { timeout: 60_000 };
const MEASURED = { timeout: 300_000 };
/** A longer task on the main thread is felt. */
const FELT = 100;

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
  const said = await page.locator("#images .loaded").textContent();
  const split = /240 images in 10 classes\.60 to calibrate with; (\d+) reward images, .*; (\d+) test images/.exec(said);
  assert.ok(split, said);
  assert.match(said, /Decoded for this network they take \d+ MiB of memory\./);
  const [reward, test] = split.slice(1).map(Number);
  assert.equal(reward + test, 180);

  await page.getByRole("button", { name: "All weights 8 bits, all activations 8 bits" }).click();
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  const difference = page.locator(".accuracies > div", { hasText: "Integer against float" });
  await difference.waitFor(MEASURED);
  const integers = page.locator(".accuracies > div", { hasText: "Integer top-1" });
  const [, correct] = /^(\d+) of (\d+) images right/.exec(await integers.locator(".hint").textContent());
  if (labelled) assert.ok(correct >= 0.83 * test, `${correct} of ${test} right: the network reaches nine in ten`);
  await page.locator(".images-used", { hasText: `Measured on ${test} test images, seen by no search and no training.` }).waitFor();

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
  await page.locator("#images .loaded", { hasText: /30 to calibrate with; 13 reward images, .*; 37 test images/ }).waitFor(LOADED);
});

test("what is no archive of photos is refused with the reason", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor(LOADED);
  await drop(page, "#images .drop", await file(t, "broken.tgz", "not an archive"));
  await page.locator("#images").getByRole("alert").getByText(/broken\.tgz/).waitFor(LOADED);
  await drop(page, "#images .drop", await file(t, "flat.tgz", tgz([["LICENSE.txt", Buffer.from("text")]])));
  await page.locator("#images").getByRole("alert").getByText(/one folder per class/).waitFor(LOADED);
});

/** Photos as `[number, bytes]` pairs, `each` of two classes. */
async function pairs(each) {
  const { files } = await photos(each);
  return files.slice(0, 2 * each).map(([, bytes], number) => [number, bytes]);
}

/** Opens images and gives what the tables of the page say, by their titles. */
async function tables(page, paths, name) {
  await openImages(page, () => page.getByLabel("Choose archives").setInputFiles(paths));
  await page.locator("#images .loaded", { hasText: name }).waitFor(LOADED);
  return inputTables(page);
}

test("sets as people have them are read as on the command line, and a table says how", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor(LOADED);
  const eight = await pairs(4);
  const class_of = (number) => (number < 4 ? "bag" : "coat");

  // Deeper folders belong to the class.
  const nested = eight.map(([i, bytes]) => [`${class_of(i)}/${i % 2 ? "in" : "out"}/${i}.jpg`, bytes]);
  let found = await tables(page, await file(t, "nested.tgz", tgz(nested)), "nested.tgz");
  assert.deepEqual(found("Classes").map(([name, output, , images]) => [name, output, images]), [["bag", "1", "4"], ["coat", "2", "4"]]);

  // Two archives are splits, and equal paths in them are two files.
  const flat = eight.map(([i, bytes]) => [`${class_of(i)}/${i}.jpg`, bytes]);
  const both = [await file(t, "train.tgz", tgz(flat)), await file(t, "val.tgz", tgz(flat))];
  found = await tables(page, both, "train.tgz, val.tgz, 16 images in 2 classes");
  await page.locator("#images .loaded", { hasText: "2 reward images, by which searches and training choose; 6 test images" }).waitFor(LOADED);
  assert.deepEqual(found("Sources").map(([name, , images]) => [name, images]), [["train.tgz", "8"], ["val.tgz", "8"]]);

  // Files are known by their bytes; what is passed over is counted and named, and opens the tables.
  const jfif = [...flat.map(([path, bytes]) => [path.replace("jpg", "jfif"), bytes]), ["bag/x.gif", Buffer.from("GIF89a")]];
  found = await tables(page, await file(t, "jfif.tgz", tgz(jfif)), "jfif.tgz, 8 images in 2 classes");
  assert.match(found("Files passed over").flat().join(" "), /1 a GIF image.*bag\/x\.gif/);

  // 狗 and 花 in GBK.
  const folder = (number) => Buffer.from(number < 4 ? [0xb9, 0xb7] : [0xbb, 0xa8]);
  const gbk = eight.map(([i, bytes]) => [Buffer.concat([folder(i), Buffer.from(`/${i}.jpg`)]), bytes]);
  found = await tables(page, await file(t, "gbk.zip", zip(gbk)), "gbk.zip");
  assert.deepEqual(found("Classes").map(([name]) => name), ["狗", "花"]);
  assert.match(found("Sources").flat().join(" "), /GBK \(a guess\)/);
  assert.notEqual(await page.locator("#images details.inputs").getAttribute("open"), null);
});

test("an archive of another format is refused in one sentence", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor(LOADED);
  await drop(page, "footer", await file(t, "photos.7z", Buffer.from("7z\xbc\xaf\x27\x1c\0\x04", "latin1")));
  const alert = page.locator("#images").getByRole("alert");
  await alert.getByText(/found a 7z archive/).waitFor(LOADED);
  assert.equal((await alert.textContent()).match(/found a 7z archive/g).length, 1);
});

test("a network is specialised to the classes of its images, and takes all of them again", async (t) => {
  const { page, problems } = await openApp(t);
  await page.locator("#network .loaded").waitFor(LOADED);
  const files = (await pairs(8)).map(([i, bytes]) => [`${i < 8 ? "bag" : "coat"}/${i}.jpg`, bytes]);
  await tables(page, await file(t, "two.tgz", tgz(files)), "two.tgz");
  const images = page.locator("#images");
  await images.getByText("The calibration images show 2 of the network's 10 classes.").waitFor(LOADED);
  const weights = async () => /[\d,]+ weights/.exec(await page.locator("#network").textContent())[0];
  const before = await weights();
  await page.getByText("Keep all classes: learn the float network's answers only.").waitFor();

  await page.getByRole("button", { name: "Specialise to these 2 classes" }).click();
  await images.getByText("The network is specialised: it has 2 of the file's 10 classes.").waitFor(LOADED);
  await page.getByText("Learn the float network's answers, too").waitFor();
  assert.equal(await images.getByText("The calibration images show").count(), 0);
  assert.notEqual(await weights(), before, "the classifier has fewer");
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator(".images-used", { hasText: "test images, seen by no search" }).waitFor(MEASURED);

  await page.getByRole("button", { name: "Use all classes again" }).click();
  await images.getByText("The calibration images show 2 of the network's 10 classes.").waitFor(LOADED);
  assert.equal(await weights(), before);
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator(".images-used", { hasText: "test images of 2 of the network's 10 classes, seen by no search" }).waitFor(MEASURED);
  assert.deepEqual(problems, []);
});
