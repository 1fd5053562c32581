// Tabs and browsers that end at random moments of a search and of training: what comes out in the end is what an unbroken
// run gives. BITSMITH_KILLS says how often they end, BITSMITH_SEED when.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openAgain, openApp } from "./support/app.mjs";
import { LOADED, SEARCHED, allocators, csv, phase, setSearch } from "./support/search.mjs";
import { setTraining, startTraining } from "./support/training.mjs";

const KILLS = Number(process.env.BITSMITH_KILLS ?? 3);
const SEED = Number(process.env.BITSMITH_SEED ?? 1);

/** Numbers in [0, 1), the same for the same seed (Park and Miller's generator). */
function random(seed) {
  let state = seed;
  const next = () => (state = (state * 48271) % 2147483647) / 2147483647;
  // The first is small where the seed is.
  next();
  return next;
}

/** The ways in which a page ends, each of which opens it again. */
const ENDS = [closeTab, crashTab, crashBrowser];

async function closeTab(t, app) {
  await app.page.close();
  return newPage(app);
}

/** The process of the page and of its workers crashes. */
async function crashTab(t, app) {
  const crashed = app.page.waitForEvent("crash");
  const session = await app.context.newCDPSession(app.page);
  // Whom it is asked of cannot answer any more.
  session.send("Page.crash").catch(() => {});
  await crashed;
  await app.page.close();
  return newPage(app);
}

/** The browser's own process crashes. */
async function crashBrowser(t, { context, page, address, profile }) {
  const closed = context.waitForEvent("close");
  const session = await context.newCDPSession(page);
  session.send("Browser.crash").catch(() => {});
  await closed;
  return openAgain(t, address, { profile });
}

async function newPage({ context, address, ...app }) {
  const page = await context.newPage();
  page.on("dialog", (dialog) => dialog.accept());
  await page.goto(address);
  return { ...app, context, address, page };
}

/**
 * Ends the page of a run so many times and goes on each time. A run that has come to its end before is compared with one
 * that was left alone, and the next begins. `run` says how to begin, to go on, to wait for the end, and what was found then.
 */
async function check(t, run) {
  const profile = await mkdtemp(join(tmpdir(), "bitsmith-"));
  let app = { ...(await openApp(t, { profile })), profile };
  try {
    await app.page.locator("#images .loaded").waitFor(LOADED);
    await run.set(app.page);
    const begun = performance.now();
    await run.begin(app.page);
    await run.done(app.page).waitFor(SEARCHED);
    const took = performance.now() - begun;
    const whole = await run.found(app.page);

    const next = random(SEED);
    let runs = 1;
    await run.begin(app.page);
    for (let kills = 0; kills < KILLS; kills++) {
      const end = ENDS[kills % ENDS.length];
      await app.page.waitForTimeout(took * next());
      app = { ...(await end(t, app)), profile };
      await app.page.locator("#images .loaded").waitFor(LOADED);
      const goOn = run.goOn(app.page);
      await goOn.or(run.done(app.page)).first().waitFor(LOADED);
      if (await goOn.isVisible()) {
        await goOn.click();
        continue;
      }
      assert.deepEqual(await run.found(app.page), whole, "what was found with breaks and what in one go");
      runs += 1;
      await run.set(app.page);
      await run.begin(app.page);
    }
    await run.done(app.page).waitFor(SEARCHED);
    assert.deepEqual(await run.found(app.page), whole, "what was found with breaks and what in one go");
    t.diagnostic(`${KILLS} ends in ${runs} runs, each of ${(took / 1000).toFixed(1)} s in one go`);
  } finally {
    await app.context.close();
    await rm(profile, { recursive: true, maxRetries: 9 });
  }
}

const search = {
  set: (page) => setSearch(page, { episodes: 70, tick: ["rule: largest tensors first", "agent"], warm: true }),
  async begin(page) {
    await page.getByRole("button", { name: "Start search" }).click();
    await phase(page, "Running").waitFor(LOADED);
  },
  goOn: (page) => page.locator("#search .notice").getByRole("button", { name: "Continue it" }),
  done: (page) => phase(page, "Done"),
  /** The log, byte for byte, and what was tested. */
  found: async (page) => ({ log: await csv(page), tested: await allocators(page).allTextContents() }),
};

const training = {
  set: (page) => setTraining(page, { count: 3 }),
  async begin(page) {
    await startTraining(page).click();
    await page.locator("#finetune .facts b", { hasText: "Running" }).waitFor(LOADED);
  },
  goOn: (page) => page.locator("#finetune .notice").getByRole("button", { name: "Continue training" }),
  done: (page) => page.locator("#finetune .facts b", { hasText: "Done" }),
  /** The trained weights, byte for byte. */
  async found(page) {
    await page.locator("#finetune .notice", { hasText: "kept until you discard it" }).waitFor(LOADED);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save trained weights" }).click();
    return (await readFile(await (await download).path())).toString("base64");
  },
};

test(`a search whose page ends ${KILLS} times gives the log of an unbroken one`, (t) => check(t, search));

test(`training whose page ends ${KILLS} times gives the weights of unbroken training`, (t) => check(t, training));
