// The shared cases in the page: sets and weights as people have them give what they must, and what the command line counts.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { openApp, openImages } from "./support/app.mjs";
import { entries, exists, photos, shared, tgz } from "./support/archive.mjs";
import { bitsmith, folder } from "./support/command.mjs";
import { png } from "./support/png.mjs";
import { LOADED } from "./support/search.mjs";

const cases = (name) => fileURLToPath(new URL(`../cases/${name}`, shared));
const archive = new URL("images/imagenette-val-224.tar", shared);
const missing = (await Promise.all([archive, cases("README.md")].map(async (path) => !(await exists(path))))).some(Boolean);
/** Why there is nothing to test, where the project was not developed. */
const skip = missing && "no ../shared/cases and ../shared/data";
const MEASURED = { timeout: 120_000 };

/** The first 20 photos of fish and of saws, as JPEG files. */
async function fishAndSaws() {
  const files = [...entries(await readFile(archive))].sort(([a], [b]) => (a < b ? -1 : 1));
  const of = (wnid) => files.filter(([path]) => path.includes(`/${wnid}/`)).slice(0, 20).map(([, bytes]) => bytes);
  return [of("n01440764"), of("n03000684")];
}

/** A photo as a PNG whose opacity, from `x` and `y` in -1..1, leaves its colours as they are. */
async function withOpacity(page, bytes, opacity) {
  const { width, height, data } = await page.evaluate(async (bytes) => {
    const photo = await createImageBitmap(new Blob([Uint8Array.from(atob(bytes), (byte) => byte.charCodeAt())]));
    const context = new OffscreenCanvas(photo.width, photo.height).getContext("2d");
    context.drawImage(photo, 0, 0);
    const { width, height, data } = context.getImageData(0, 0, photo.width, photo.height);
    return { width, height, data: btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join("")) };
  }, bytes.toString("base64"));
  const pixels = Buffer.from(data, "base64");
  for (let at = 0; at < width * height; at++) {
    pixels[4 * at + 3] = opacity((2 * (at % width)) / width - 1, (2 * Math.floor(at / width)) / height - 1);
  }
  return png({ width, height, pixels });
}

/** Lays the sets out as `make.py` of the cases does. */
async function layOut(root, page) {
  const put = async (path, bytes) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), bytes);
  };
  for (const [number, files] of (await fishAndSaws()).entries()) {
    const [label, other] = number === 0 ? ["fish", "saw"] : ["saw", "fish"];
    for (const [i, bytes] of files.entries()) {
      if (i < 8) {
        await put(`flat/${label}/${i}.jpg`, bytes);
        await put(`nested/${label}/${["indoor", "outdoor"][i % 2]}/${i}.jpg`, bytes);
        await put(`tiny-imagenet/train/${label}/images/${label}_${i}.jpg`, bytes);
        await put(`jfif-half/${label}/${i}.${["jpg", "jfif"][i % 2]}`, bytes);
        await put(`jfif-class/${label}/${i}.${["jpg", "jfif"][number]}`, bytes);
        await put(`two-sources/train/${label}/${i}.jpg`, bytes);
        await put(`alpha-none/${label}/${i}.png`, await withOpacity(page, bytes, () => 255));
        await put(`alpha-ellipse/${label}/${i}.png`, await withOpacity(page, bytes, (x, y) => (x * x + y * y < 0.7 ? 255 : 0)));
      } else if (i < 16) {
        // Labelled wrongly on purpose, under the file names of the training photos.
        await put(`two-sources/val/${other}/${i - 8}.jpg`, bytes);
      }
      await put(i < 16 ? `kaggle/training_set/${label}/${i}.jpg` : `kaggle/test_set/${other}/${i}.jpg`, bytes);
    }
  }
}

/** Drops files and folders on the page as the desktop does. */
async function dropFromDesktop(page, paths) {
  const session = await page.context().newCDPSession(page);
  const zone = page.locator("#images .drop");
  await zone.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await zone.boundingBox();
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type, x: x + width / 2, y: y + height / 2, data });
  }
  await session.detach();
}

const network = (page) => page.locator("#network .facts code").textContent();

/** Opens weights of the cases, all tensors at 8 bits. */
async function openWeights(page, name) {
  await page.locator("#weights-file").setInputFiles(cases(name));
  await page.locator("#network .loaded", { hasText: name }).waitFor(LOADED);
  assert.equal((await page.locator("#network").getByRole("alert").allTextContents()).join(""), "", name);
  await page.getByRole("button", { name: "All weights 8 bits, all activations 8 bits" }).click();
}

/** Opens images by `open` and measures; right answers, images, and the first column of the table of classes. */
async function measure(page, name, open) {
  await openImages(page, open);
  await page.locator("#images .loaded b", { hasText: name }).waitFor(LOADED);
  const integers = page.locator("#result .accuracies > div", { hasText: "Integer top-1" });
  await integers.getByText("not measured yet").waitFor(LOADED);
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await integers.getByText("images right").waitFor(MEASURED);
  const counts = /^(\d+) of (\d+) images right/.exec(await integers.locator(".hint").textContent());
  const rows = page.locator("#images table", { has: page.locator("caption", { hasText: /^Classes/ }) }).locator("tbody tr");
  return { counts: counts.slice(1).map(Number), classes: await rows.evaluateAll((all) => all.map((row) => row.cells[0].textContent)) };
}

/** What the command line counts on the test images. */
async function counted(weights, images) {
  const sources = images.flatMap((path) => ["--images", path]);
  const { correct, images: all } = await bitsmith("eval", "--weights", cases(weights), ...sources, "--bits", "8/8", "--split", "test", "--no-float");
  return [correct, all];
}

test("image sets give in the page what they must", { skip }, async (t) => {
  const { page, problems } = await openApp(t);
  const root = await folder(t);
  await layOut(root, page);
  await page.locator("#images .loaded").waitFor(LOADED);
  await page.getByLabel("the network as it was trained").uncheck();
  const at = (path) => join(root, path);
  const pick = (path) => page.locator("#images-folder").setInputFiles(path);

  await openWeights(page, "two_classes.safetensors");
  // Of twelve validation images eight are test images, all of them right; of sixteen twelve, of eight six.
  for (const [sets, expected] of [
    [["flat"], [8, 8]],
    [["nested"], [8, 8]],
    [["tiny-imagenet"], [8, 8]],
    [["jfif-half"], [8, 8]],
    [["jfif-class"], [8, 8]],
    [["alpha-none"], [8, 8]],
    [["alpha-ellipse"], [8, 8]],
    [["two-sources/train", "two-sources/val"], [0, 12]],
    // Of the eight photos the network takes one for the other class, which is its wrong label: a reward image here.
    [["kaggle"], [0, 6]],
  ]) {
    const paths = sets.map(at);
    const open = () => (paths.length > 1 ? dropFromDesktop(page, paths) : pick(paths[0]));
    const found = await measure(page, sets.length > 1 ? "train, val" : sets[0], open);
    assert.deepEqual(found, { counts: expected, classes: ["fish", "saw"] }, sets.join());
    assert.deepEqual(await counted("two_classes.safetensors", paths), expected, `${sets.join()} on the command line`);
  }

  await openWeights(page, "three_classes.safetensors");
  for (const name of ["zh_utf8.zip", "zh_gbk.zip"]) {
    const found = await measure(page, name, () => page.locator("#images-file").setInputFiles(cases(name)));
    assert.deepEqual(found.classes, ["狗", "花", "鸟"], name);
    assert.deepEqual(found.counts, await counted("three_classes.safetensors", [cases(name)]), name);
    assert.ok(found.counts[0] >= found.counts[1] - 1, `${name}: ${found.counts}`);
  }

  await openImages(page, () => page.locator("#images-file").setInputFiles(cases("photos.7z")));
  const alert = page.locator("#images").getByRole("alert");
  await alert.getByText("found a 7z archive").waitFor(LOADED);
  assert.equal((await alert.textContent()).match(/found a 7z archive/g).length, 1);
  assert.deepEqual(problems, []);
});

test("weights give in the page what they must", { skip }, async (t) => {
  const { page, problems } = await openApp(t);
  await page.locator("#images .loaded").waitFor(LOADED);
  await page.getByLabel("the network as it was trained").uncheck();
  for (const [name, spec, classes] of [
    ["torchvision_v2_ema.safetensors", "mobilenet-v2-0.35-128", 10],
    ["haq_v1.safetensors", "mobilenet-v1-0.25-128", 10],
    ["gray1.safetensors", "mobilenet-v1-0.25-128", 10],
    ["sigmoid1.safetensors", "mobilenet-v1-0.25-128", 2],
  ]) {
    await openWeights(page, name);
    assert.equal(await network(page), spec, name);
    assert.equal(await page.getByLabel("Classes").first().inputValue(), String(classes), name);
  }

  // The setting that the file states is used.
  const name = "torchvision_v2_half.safetensors";
  await openWeights(page, name);
  const path = join(await folder(t), "photos.tgz");
  await writeFile(path, tgz((await photos(16)).files));
  const { counts } = await measure(page, "photos.tgz", () => page.locator("#images-file").setInputFiles(path));
  const settings = page.locator("#images table", { has: page.locator("caption", { hasText: /^Settings/ }) });
  await settings.locator("tr", { hasText: "normalization" }).getByText("stated").waitFor();
  assert.deepEqual(counts, await counted(name, [path]));
  assert.ok(counts[0] > 0.85 * counts[1], `${counts}: with another normalization the network reaches two in three`);
  assert.deepEqual(problems, []);
});
