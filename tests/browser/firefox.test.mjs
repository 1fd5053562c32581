// The app in Firefox: all that needs no WebGPU.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openApp } from "./support/app.mjs";
import {
  LOADED, SEARCHED, loadAgain, openSearch, pause, phase, reload, scored, scoredMoreThan, start,
} from "./support/search.mjs";
import { runTraining } from "./support/training.mjs";

const inFirefox = true;
/** Firefox tells no test of a download: what the page hands over last stays in it as `saved`. */
const before = `const create = URL.createObjectURL;
  URL.createObjectURL = (blob) => create.call(URL, (globalThis.saved = blob));`;
const right = (page) => page.locator("#result .accuracies dd .hint").first();

async function measured(page) {
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.getByText("Integer top-1, this policy").waitFor(LOADED);
  return right(page).textContent();
}

/** The name and size of the package that the page has handed over. */
async function saved(page) {
  await page.getByRole("button", { name: "Download package" }).click();
  const said = page.locator("#share [role=status] p", { hasText: "Saved" });
  await said.waitFor(LOADED);
  return said.textContent();
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

  // Firefox tells no test of a download: what the page says it handed over is compared.
  const packaged = await saved(page);
  assert.match(packaged, /^Saved .*\.zip, /);
  assert.equal(await saved(chromium.page), packaged);

  const link = await page.evaluate(() => location.hash);
  await page.goto("about:blank");
  await page.goto(address + link);
  await page.locator("#policy tbody tr").first().waitFor(LOADED);
  assert.equal(await page.evaluate(() => location.hash), link);
  assert.equal(await page.locator("#layer-2 input[type=radio]:checked").first().inputValue(), "4");
  assert.deepEqual(problems, []);
});

/** What pressing the button of that name hands over, as text in base 64. */
async function handedOver(page, name) {
  await page.evaluate(() => delete globalThis.saved);
  await page.getByRole("button", { name }).click();
  await page.waitForFunction(() => globalThis.saved, null, LOADED);
  return page.evaluate(async () => {
    const bytes = new Uint8Array(await globalThis.saved.arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  });
}

test("a search in Firefox, left and found again, ends as one in Chromium, and is kept", async (t) => {
  const wanted = { episodes: 70, tick: ["rule: largest tensors first", "agent"], warm: true, before };
  const { page, problems } = await openSearch(t, { ...wanted, inFirefox });
  await start(page).click();
  await scoredMoreThan(page, 5);
  await pause(page).click();
  await phase(page, "Paused").waitFor(LOADED);
  const held = await scored(page);
  const { go_on, done } = await reload(page);
  assert.equal(done, held);
  await go_on.click();
  await scoredMoreThan(page, held);
  // While it runs, too.
  await (await reload(page)).go_on.click();
  await phase(page, "Done").waitFor(SEARCHED);
  const log = await handedOver(page, "CSV");
  await loadAgain(page);
  await phase(page, "Done").waitFor(LOADED);
  assert.equal(await handedOver(page, "CSV"), log, "what has ended is kept");
  assert.deepEqual(problems, []);

  const chromium = await openSearch(t, wanted);
  await start(chromium.page).click();
  await phase(chromium.page, "Done").waitFor(SEARCHED);
  assert.equal(await handedOver(chromium.page, "CSV"), log, "the same log, byte for byte");
});

test("training on the processor in Firefox, left and found again, ends as in Chromium, and is kept", async (t) => {
  const stage = (page, text) => page.locator("#finetune .facts b", { hasText: text });
  const { page, problems } = await runTraining(t, { count: 3, before, inFirefox });
  await page.getByRole("region", { name: "Epochs" }).locator("tbody tr").nth(1).waitFor(SEARCHED);
  await loadAgain(page);
  await page.locator("#images .loaded").waitFor(LOADED);
  await page.getByRole("button", { name: "Continue training" }).click();
  await stage(page, "Done").waitFor(SEARCHED);
  await page.getByText("Integer top-1, this policy, trained").waitFor(LOADED);
  const found = await right(page).textContent();
  await loadAgain(page);
  await stage(page, "Done").waitFor(LOADED);
  await page.getByText("Integer top-1, this policy, trained").waitFor(LOADED);
  assert.equal(await right(page).textContent(), found, "what was measured is kept");
  const weights = await handedOver(page, "Save trained weights");
  assert.deepEqual(problems, []);

  const chromium = await runTraining(t, { count: 3, before });
  await stage(chromium.page, "Done").waitFor(SEARCHED);
  await chromium.page.locator("#finetune .notice", { hasText: "kept until you discard it" }).waitFor(LOADED);
  assert.equal(await handedOver(chromium.page, "Save trained weights"), weights, "the same weights, byte for byte");
});
