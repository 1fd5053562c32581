// Tabs that are closed at random moments of a search and of training: what comes out in the end is what an unbroken run gives.
// BITSMITH_KILLS says how often, BITSMITH_SEED when.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { openApp } from "./support/app.mjs";
import { LOADED, SEARCHED, csv, openSearch, phase, start } from "./support/search.mjs";

const KILLS = Number(process.env.BITSMITH_KILLS ?? 3);
const SEED = Number(process.env.BITSMITH_SEED ?? 1);
const TRAINED = { timeout: 600_000 };

/** Numbers in [0, 1), the same for the same seed (Park and Miller's generator). */
function random(seed) {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** Closes the tab after up to so many milliseconds and opens the page again. */
async function kill({ page, context, address }, milliseconds) {
  await page.waitForTimeout(milliseconds);
  await page.close();
  const next = await context.newPage();
  next.on("dialog", (dialog) => dialog.accept());
  await next.goto(address);
  await next.locator("#images .loaded").waitFor(LOADED);
  return { page: next, context, address };
}

/** Goes on if there is something to go on with; otherwise it has ended, or has not begun. */
async function goOn(page, section, name, done) {
  const button = page.locator(`#${section} .notice`).getByRole("button", { name });
  await button.or(done).first().waitFor(LOADED);
  if (await button.isVisible()) await button.click();
}

test(`a search whose tab is closed ${KILLS} times gives the log of an unbroken one`, async (t) => {
  const options = { episodes: 40, tick: ["rule: largest tensors first", "agent"], warm: true };
  const whole = await openSearch(t, options);
  await start(whole.page).click();
  await phase(whole.page, "Done").waitFor(SEARCHED);
  const log = await csv(whole.page);

  let app = await openSearch(t, options);
  const next = random(SEED);
  await start(app.page).click();
  await phase(app.page, "Running").waitFor(LOADED);
  for (let kills = 0; kills < KILLS; kills++) {
    app = await kill(app, 1500 * next());
    await goOn(app.page, "search", "Continue it", phase(app.page, "Done"));
  }
  await phase(app.page, "Done").waitFor(SEARCHED);
  assert.ok((await csv(app.page)) === log, "the same log, byte for byte");
});

/** Begins training of the demo. */
async function openTraining(t) {
  const app = await openApp(t);
  const { page } = app;
  await page.locator("#images .loaded").waitFor(LOADED);
  await page.getByRole("button", { name: "All weights 2 bits, all activations 8 bits" }).click();
  await page.getByLabel("Epochs", { exact: true }).fill("4");
  await page.getByLabel("Epochs", { exact: true }).press("Enter");
  await page.getByLabel("Training images").selectOption("at most 1,000");
  await page.getByLabel("Train on").selectOption("processor");
  await page.getByRole("button", { name: "Start training" }).click();
  await page.locator("#finetune .facts b", { hasText: "Running" }).waitFor(TRAINED);
  return app;
}

/** The weights that were trained, as they are saved. */
async function trained(page) {
  await page.locator("#finetune .facts b", { hasText: "Done" }).waitFor(TRAINED);
  const save = page.getByRole("button", { name: "Save trained weights" });
  await page.locator("#finetune .notice", { hasText: "kept until you discard it" }).waitFor(LOADED);
  const download = page.waitForEvent("download");
  await save.click();
  return readFile(await (await download).path());
}

test(`training whose tab is closed ${KILLS} times gives the weights of unbroken training`, async (t) => {
  const whole = await openTraining(t);
  const weights = await trained(whole.page);

  let app = await openTraining(t);
  const next = random(SEED);
  for (let kills = 0; kills < KILLS; kills++) {
    app = await kill(app, 4000 * next());
    await goOn(app.page, "finetune", "Continue training", app.page.locator("#finetune .facts b", { hasText: "Done" }));
  }
  assert.ok((await trained(app.page)).equals(weights), "the same weights, byte for byte");
});
