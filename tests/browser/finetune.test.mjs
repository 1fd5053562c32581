// Fine-tuning in the page: it brings back what few bits cost, what is saved is what was measured, it can be held, stopped,
// left and found again, and the page stays quick.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { drop, longestTask, openImages, violations } from "./support/app.mjs";
import { photos, tgz } from "./support/archive.mjs";
import { IMAGES, bitsmith, folder } from "./support/command.mjs";
import { openTraining, setTraining, startTraining as start } from "./support/training.mjs";

const LOADED = { timeout: 60_000 };
const TRAINED = { timeout: 600_000 };
/** A longer task on the main thread is felt. */
const FELT = 100;

const stage = (page, text) => page.locator("#finetune .facts b", { hasText: text });
const epochs = (page) => page.getByRole("region", { name: "Epochs" }).locator("tbody tr");
const right = (page) => page.locator("#result .accuracies dd .hint").first();

/** Right answers of what is on the screen, as `[right, images]`. */
async function counted(page) {
  const [, found, images] = /([\d,]+) of ([\d,]+) images right/.exec(await right(page).textContent());
  return [found, images].map((number) => Number(number.replace(",", "")));
}

test("training costs nothing of what calibration left, and what is saved is what was measured", async (t) => {
  const { page, address, requests, problems } = await openTraining(t, { count: 4, traced: true });
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator("#result .accuracies b").first().waitFor(LOADED);
  const [before] = await counted(page);
  await start(page).click();
  await stage(page, "Done").waitFor(TRAINED);
  assert.equal(await epochs(page).count(), 1 + 4, "the start and four epochs");
  await page.getByText("Integer top-1, this policy, trained").waitFor(LOADED);
  const [after, images] = await counted(page);
  t.diagnostic(`${before} of ${images} right before training, ${after} after it`);
  // Reward images choose the epoch, the beginning among them; these are test images. How much it brings is for tests/trainer.rs.
  assert.ok(after > before - 0.01 * images, `${before} before, ${after} after`);

  // Measured again, it is the same network.
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator("#result .history tbody tr").nth(2).waitFor(LOADED);
  assert.deepEqual(await counted(page), [after, images]);

  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save trained weights" }).click();
  const path = join(await folder(t), "trained.safetensors");
  await (await download).saveAs(path);
  const { correct } = await bitsmith("eval", "--weights", path, "--images", IMAGES, "--bits", "2/8", "--no-float");
  assert.equal(correct, after, "the command line counts the same answers");

  const packaged = page.waitForEvent("download");
  await page.getByRole("button", { name: "Report, JSON" }).click();
  const report = JSON.parse(await streamed(await packaged));
  const { trained_epochs: kept, trained } = report.provenance;
  // The epoch with the most right answers, not the last.
  assert.ok(kept <= 4 && trained.startsWith(`${kept} epoch`) && (kept === 4 || trained.endsWith("the best of 4")), trained);

  const outside = requests.filter((url) => !url.startsWith(address) && !url.startsWith("blob:"));
  assert.deepEqual(outside, []);
  assert.deepEqual(problems, []);
  const { cpu, wall } = await longestTask(page);
  t.diagnostic(`longest task ${cpu.toFixed(0)} ms computed, ${wall.toFixed(0)} ms passed`);
  assert.ok(cpu < FELT, `a task of ${cpu} ms on the main thread`);
});

/** The text of a download. */
async function streamed(download) {
  let text = "";
  for await (const chunk of await download.createReadStream()) text += chunk;
  return text;
}

test("training is held, goes on, is stopped, and its best is measured", async (t) => {
  const { page, problems } = await openTraining(t, { count: 500 });
  await start(page).click();
  await stage(page, "Running").waitFor(LOADED);
  assert.ok(await start(page).isDisabled());
  const measure = page.getByRole("button", { name: "Measure", exact: true });
  assert.equal(await measure.getAttribute("title"), "Training is running: stop it first.");
  await epochs(page).nth(1).waitFor(TRAINED);
  await page.getByRole("button", { name: "Pause training" }).click();
  await stage(page, "Paused").waitFor(LOADED);
  await page.waitForTimeout(500);
  const held = await epochs(page).count();
  await page.waitForTimeout(1000);
  assert.equal(await epochs(page).count(), held);
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "Resume training" }).click();
  await epochs(page).nth(held).waitFor(TRAINED);
  await page.locator("#finetune .progress").getByRole("button", { name: "Stop" }).click();
  await stage(page, "Stopped; the best so far is kept").waitFor(LOADED);
  await page.getByText("Integer top-1, this policy, trained").waitFor(LOADED);
  // Once the float network beside it is measured, too.
  await page.locator("button:not([aria-disabled])", { hasText: "Save trained weights" }).waitFor(LOADED);
  assert.deepEqual(problems, []);
});

test("training that was left goes on after a reload with the same curve", async (t) => {
  const { page } = await openTraining(t, { count: 4 });
  await start(page).click();
  await stage(page, "Done").waitFor(TRAINED);
  const whole = await epochs(page).allTextContents();

  await page.reload();
  await page.locator("#images .loaded").waitFor(LOADED);
  await page.locator("#finetune .notice").getByRole("button", { name: "Discard training" }).click();
  await setTraining(page, { count: 4 });
  await start(page).click();
  await epochs(page).nth(2).waitFor(TRAINED);
  await page.reload();
  const notice = page.locator("#finetune .notice");
  await notice.waitFor(LOADED);
  await page.locator("#images .loaded").waitFor(LOADED);
  await notice.getByText("Training was not finished").waitFor(LOADED);
  assert.match(await notice.textContent(), /Training was not finished: mobilenet-v1-0.25-32.*[1-4] of 4 epochs done/);
  await notice.getByRole("button", { name: "Continue training" }).click();
  await stage(page, "Done").waitFor(TRAINED);
  assert.deepEqual(await epochs(page).allTextContents(), whole);
});

test("training that was left goes on with the same images alone, whatever others are called", async (t) => {
  const { page } = await openTraining(t, { count: 500 });
  const { files } = await photos(24);
  const others = files.map(([path], at) => [path, files[(at + 1) % files.length][1]]);
  const open = async (images) => {
    const path = join(await folder(t), "photos.tgz");
    await writeFile(path, tgz(images));
    await openImages(page, () => drop(page, "footer", path));
    await page.locator("#images .loaded", { hasText: "photos.tgz" }).waitFor(LOADED);
  };
  await open(files);
  await start(page).click();
  await epochs(page).nth(1).waitFor(TRAINED);
  await page.reload();
  await page.locator("#network .loaded").waitFor(LOADED);
  await page.locator("#images .loaded").waitFor(LOADED);
  await open(others);
  const goOn = page.getByRole("button", { name: "Continue training" });
  await goOn.click();
  const refused = page.locator("#finetune [role=alert]", { hasText: "is on other images of photos.tgz" });
  await refused.waitFor(TRAINED);
  await open(files);
  await goOn.click();
  await stage(page, "Running").waitFor(TRAINED);
});

test("when the worker that trains does not load, the screen says so, and training can begin later", async (t) => {
  const { page } = await openTraining(t, { count: 500 });
  const alert = (cause) => page.locator("#finetune [role=alert]", { hasText: `trains stopped (${cause})` });
  const loader = "**/trainer_loader.js";
  const refuse = (route) => route.abort();
  await page.context().route(loader, refuse);
  await start(page).click();
  await alert("its files did not load").waitFor(LOADED);

  await page.context().unroute(loader, refuse);
  await start(page).click();
  await epochs(page).nth(1).waitFor(TRAINED);
});

test("a GPU in software is named, and when the browser takes it away training goes on", async (t) => {
  const { page, browser } = await openTraining(t, { count: 1, device: "GPU (WebGPU)" });
  await start(page).click();
  await stage(page, "Running").waitFor(TRAINED);
  await page.locator("#finetune .facts", { hasText: "a GPU in software is far slower than the processor" }).waitFor(LOADED);
  const session = await browser.newBrowserCDPSession();
  await session.send("Browser.crashGpuProcess");
  await page.locator("#finetune .warning", { hasText: /training goes on from epoch 0/ }).waitFor(TRAINED);
  await page.locator("#finetune .progress").getByRole("button", { name: "Stop" }).click();
  await stage(page, "Stopped; the best so far is kept").waitFor(TRAINED);
});

test("what cannot be trained says why, and a phone is wide enough", async (t) => {
  const { page } = await openTraining(t, { count: 1, viewport: { width: 390, height: 844 } });
  await page.getByLabel("Learning rate").fill("fast");
  await page.getByLabel("Learning rate").press("Enter");
  await page.getByText("'fast': expected a number above 0 and at most 1, such as 0.001.").waitFor();
  await start(page).click();
  await stage(page, "Done").waitFor(TRAINED);
  assert.ok((await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth)) <= 0);
  assert.deepEqual(await violations(page, "#finetune"), []);
});
