// Networks out of the files that their authors have: opened in the page, measured as on the command line, packaged.
// Some of the files are in ../shared/data; without it their tests are skipped.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { drop, openApp, violations } from "./support/app.mjs";
import { exists, file, photos, shared, tgz } from "./support/archive.mjs";

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

for (const colorScheme of ["light", "dark"]) {
  for (const viewport of [{ width: 1400, height: 900 }, { width: 390, height: 844 }]) {
    test(`the graph of a network of no zoo is shown, ${colorScheme} and ${viewport.width} pixels wide`, async (t) => {
      if (!(await exists(weights("resnet8_cifar10.h5")))) return t.skip("no ../shared/data");
      const { page, problems } = await openApp(t, { colorScheme, viewport });
      await page.locator("#network .loaded").waitFor(LOADED);
      // That of a network of the zoo is there to be opened.
      const summary = page.locator("#network .graph summary");
      assert.match(await summary.textContent(), /^Graph: 29 layers · one chain · bits of \d+ tensors can be chosen$/);
      assert.equal(await page.getByRole("region", { name: "Graph" }).count(), 0);

      await page.getByRole("group", { name: "From the zoo" }).getByLabel("Family").waitFor();
      await page.getByRole("group", { name: "From a file" }).locator(".drop").waitFor();
      await open(page, [weights("resnet8_cifar10.h5")]);
      await loaded(page, "A file of Keras in HDF5, read as a network of its own: 7 conv, 3 add, 2 pointwise, 1 pool and 1 linear.");
      assert.match(await summary.textContent(), /^Graph: 14 layers · branches, up to 2 side by side · bits of 22 tensors can be chosen$/);
      await page.getByRole("list", { name: "Recognized" }).getByText(/^Input size: 32x32, /).waitFor();
      await page.getByRole("list", { name: "Assumed" }).getByText(/^Preprocessing: /).waitFor();

      const graph = page.getByRole("region", { name: "Graph" });
      const rows = await graph.locator("tbody tr").evaluateAll((all) =>
        all.map((row) => ({
          texts: [...row.cells].map((cell) => cell.textContent),
          lane: row.querySelector(".centre").getAttribute("x"),
        })),
      );
      assert.equal(rows.length, 15);
      assert.deepEqual(rows.filter(({ texts }) => texts[2] === "add").map(({ texts }) => / and /.test(texts[0])), [true, true, true]);
      // What lies in a shortcut has a lane of its own, all else is one chain.
      const beside = rows.filter(({ lane }) => lane !== rows[0].lane);
      assert.deepEqual(beside.map(({ texts }) => texts[2]), ["pointwise 1x1/2", "pointwise 1x1/2"]);
      assert.deepEqual(rows[0].texts.slice(1), ["image", "input", "32x32x3", "–", "–", "– / 8 fixed"]);
      assert.match(rows.at(-1).texts[6], /^\d, can be chosen \/ 32 fixed$/);

      assert.deepEqual(await violations(page), []);
      assert.ok((await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth)) <= 0);
      // By keys alone: to the second layer, and from there to its bits.
      await graph.locator("button").first().focus();
      await page.keyboard.press("ArrowDown");
      assert.ok(await graph.locator("#graph-1 button:focus").count());
      assert.equal(await graph.locator("button[tabindex='0']").count(), 1);
      await page.keyboard.press("Enter");
      assert.ok(await page.locator("#layer-1 input:focus").count());
      assert.deepEqual(problems, []);
    });
  }
}

test("a dropped network of two classes goes to a package", async (t) => {
  if (!(await exists(weights("vww_96.h5")))) return t.skip("no ../shared/data");
  const { page, problems } = await openApp(t);
  await page.locator("#network .loaded").waitFor(LOADED);
  await drop(page, "#network .drop", fileURLToPath(weights("vww_96.h5")));
  await loaded(page, "A file of Keras in HDF5, read as a network of its own: ");
  await page.getByRole("region", { name: "Graph" }).locator("tr", { hasText: "96x96x3" }).first().waitFor();
  // Photos of whatever two classes: how many are right is of no matter here.
  const { files } = await photos(24);
  const two = [...new Set(files.map(([path]) => path.split("/")[0]))].slice(0, 2);
  const images = tgz(files.filter(([path]) => two.includes(path.split("/")[0])));
  await drop(page, "#images .drop", await file(t, "two.tgz", images));
  await page.locator("#images .loaded", { hasText: "two.tgz, 48 images in 2 classes" }).waitFor(LOADED);
  await page.getByRole("button", { name: "All weights 8 bits, all activations 8 bits" }).click();
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator(".accuracies > div", { hasText: "Integer against float" }).waitFor(MEASURED);
  const download = page.waitForEvent("download", MEASURED);
  await page.getByRole("button", { name: "Download package" }).click();
  const saved = await download;
  assert.equal(saved.suggestedFilename(), "vww_96.zip");
  assert.equal((await readFile(await saved.path())).subarray(0, 2).toString(), "PK");
  assert.deepEqual(problems, []);
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
