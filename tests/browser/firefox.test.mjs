// The app in Firefox: all that needs no WebGPU.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { openApp } from "./support/app.mjs";
import { LOADED, SEARCHED, openSearch, phase, reload, scored, scoredMoreThan, start, pause } from "./support/search.mjs";

const inFirefox = true;
const right = (page) => page.locator("#result .accuracies dd .hint").first();

async function measured(page) {
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.getByText("Integer top-1, this policy").waitFor(LOADED);
  return right(page).textContent();
}

test("Firefox measures the demo as Chromium does, packages it, and opens its link", async (t) => {
  const { page, address, problems } = await openApp(t, { inFirefox });
  await page.locator("#images .loaded").waitFor(LOADED);
  assert.equal(await page.locator(".banner").count(), 0, "it can store");
  await page.getByRole("button", { name: "All weights 4 bits, all activations 8 bits" }).click();
  const found = await measured(page);

  const chromium = await openApp(t);
  await chromium.page.locator("#images .loaded").waitFor(LOADED);
  await chromium.page.getByRole("button", { name: "All weights 4 bits, all activations 8 bits" }).click();
  assert.equal(await measured(chromium.page), found);

  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download package" }).click();
  const saved = await download;
  assert.match(saved.suggestedFilename(), /\.zip$/);
  const package_ = await readFile(await saved.path());
  const other = chromium.page.waitForEvent("download");
  await chromium.page.getByRole("button", { name: "Download package" }).click();
  const theirs = await readFile(await (await other).path());
  assert.ok(package_.equals(theirs), "the same package, byte for byte");

  const link = await page.evaluate(() => location.hash);
  await page.goto("about:blank");
  await page.goto(address + link);
  await page.locator("#policy tbody tr").first().waitFor(LOADED);
  assert.equal(await page.evaluate(() => location.hash), link);
  assert.equal(await page.locator("#layer-2 input[type=radio]:checked").first().inputValue(), "4");
  assert.deepEqual(problems, []);
});

test("a search in Firefox ends, is kept over a reload, and goes on", async (t) => {
  const { page, problems } = await openSearch(t, { episodes: 2000, tick: ["best of random policies"], inFirefox });
  await start(page).click();
  await scoredMoreThan(page, 2);
  await pause(page).click();
  await phase(page, "Paused").waitFor(LOADED);
  const held = await scored(page);
  const { go_on, done } = await reload(page);
  assert.equal(done, held);
  await go_on.click();
  await scoredMoreThan(page, held);
  await page.locator("#search .progress").getByRole("button", { name: "Stop" }).click();
  await phase(page, "Stopped").waitFor(LOADED);
  await page.getByLabel("Episodes each").fill("3");
  await page.getByLabel("Episodes each").press("Enter");
  await start(page).click();
  await phase(page, "Done").waitFor(SEARCHED);
  assert.deepEqual(problems, []);
});

test("training in Firefox on the processor ends and is kept over a reload", async (t) => {
  const { page, problems } = await openApp(t, { inFirefox });
  await page.locator("#images .loaded").waitFor(LOADED);
  await page.getByLabel("Epochs", { exact: true }).fill("1");
  await page.getByLabel("Epochs", { exact: true }).press("Enter");
  await page.getByLabel("Training images").selectOption("at most 1,000");
  await page.getByLabel("Train on").selectOption("processor");
  await page.getByRole("button", { name: "Start training" }).click();
  const done = page.locator("#finetune .facts b", { hasText: "Done" });
  await done.waitFor({ timeout: 600_000 });
  await page.getByText("Integer top-1, this policy, trained").waitFor(LOADED);
  const found = await right(page).textContent();
  await page.reload();
  await done.waitFor(LOADED);
  await page.getByText("Integer top-1, this policy, trained").waitFor(LOADED);
  assert.equal(await right(page).textContent(), found);
  assert.deepEqual(problems, []);
});
