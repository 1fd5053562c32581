// Nothing is lost: results are kept until they are discarded, Stop means what it stands beside, tabs share, storage may be
// full, and workers may die.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openApp } from "./support/app.mjs";
import { WEIGHTS } from "./support/command.mjs";
import { LOADED, SEARCHED, openSearch, pause, phase, reload, scored, scoredMoreThan, start } from "./support/search.mjs";
import { runTraining } from "./support/training.mjs";

const random = { episodes: 2000, tick: ["best of random policies"] };
const TRAINED = { timeout: 600_000 };
const notice = (page, section) => page.locator(`#${section} .notice`);
const stop = (page, section) => page.locator(`#${section} .progress`).getByRole("button", { name: "Stop" });
const measure = (page) => page.getByRole("button", { name: "Measure", exact: true });
const stage = (page, text) => page.locator("#finetune .facts b", { hasText: text });
const epochs = (page) => page.getByRole("region", { name: "Epochs" }).locator("tbody tr");
const right = (page) => page.locator("#result .accuracies dd .hint").first();

/** Answers the page's questions by what they ask; resolves to the list of those that came. */
function answers(page, accept) {
  const asked = [];
  page.removeAllListeners("dialog");
  page.on("dialog", (dialog) => {
    asked.push(dialog.type() === "beforeunload" ? "beforeunload" : dialog.message());
    return accept(dialog) ? dialog.accept() : dialog.dismiss();
  });
  return asked;
}

test("loaded again right after training ended, the page still has the trained network and what was measured", async (t) => {
  const { page, problems } = await runTraining(t, { count: 1 });
  await stage(page, "Done").waitFor(TRAINED);
  await page.getByText("Integer top-1, this policy, trained").waitFor(LOADED);
  const found = await right(page).textContent();
  await page.reload();
  await stage(page, "Done").waitFor(LOADED);
  await page.getByText("Integer top-1, this policy, trained").waitFor(LOADED);
  assert.equal(await right(page).textContent(), found);
  assert.equal(await epochs(page).count(), 2);

  // Weights and package are those that were measured, without measuring again.
  const weights = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save trained weights" }).click();
  assert.match((await weights).suggestedFilename(), /trained\.safetensors$/);
  const report = page.waitForEvent("download");
  await page.getByRole("button", { name: "Report, JSON" }).click();
  let text = "";
  for await (const chunk of await (await report).createReadStream()) text += chunk;
  const kept = await epochs(page).filter({ hasText: "best so far" }).locator("th, td").first().textContent();
  assert.equal(JSON.parse(text).provenance.trained_epochs, kept === "start" ? 0 : Number(kept));

  const asked = answers(page, () => true);
  await notice(page, "finetune").getByRole("button", { name: "Discard training" }).click();
  await stage(page, "Done").waitFor({ state: "detached" });
  assert.equal(asked.length, 1);
  await page.reload();
  await page.locator("#images .loaded").waitFor(LOADED);
  await measure(page).click();
  await page.locator("#result .accuracies b").first().waitFor(LOADED);
  assert.equal(await notice(page, "finetune").count(), 0);
  assert.deepEqual(problems, []);
});

test("training that was stopped goes on without a reload", async (t) => {
  const { page } = await runTraining(t, { count: 500 });
  await epochs(page).nth(1).waitFor(TRAINED);
  await stop(page, "finetune").click();
  await stage(page, "Stopped").waitFor(LOADED);
  const done = await epochs(page).count();
  await page.getByRole("button", { name: "Continue training" }).click();
  await epochs(page).nth(done).waitFor(TRAINED);
});

test("a finished search is kept until it is discarded; one that was stopped goes on without a reload", async (t) => {
  const { page } = await openSearch(t, { ...random, episodes: 3 });
  await start(page).click();
  await phase(page, "Done").waitFor(SEARCHED);
  const found = await page.locator("#search .course .facts").textContent();
  await page.reload();
  await phase(page, "Done").waitFor(LOADED);
  assert.equal(await page.locator("#search .course .facts").textContent(), found);
  assert.equal(await page.getByRole("button", { name: "Continue it" }).count(), 0);
  await page.getByRole("button", { name: "Use the best policy" }).click();

  // Another takes its place only if that is meant.
  await page.locator("#images .loaded").waitFor(LOADED);
  const asked = answers(page, () => false);
  await start(page).click();
  assert.match(asked.join(), /A search of mobilenet-v1-0\.25-32 is stored.*A new search takes its place/);
  await phase(page, "Done").waitFor();
  answers(page, () => true);
  await notice(page, "search").getByRole("button", { name: "Discard it" }).click();
  await phase(page, "Done").waitFor({ state: "detached" });

  await page.getByLabel("Episodes each").fill("2000");
  await page.getByLabel("Episodes each").press("Enter");
  await start(page).click();
  await scoredMoreThan(page, 2);
  await stop(page, "search").click();
  await phase(page, "Stopped").waitFor(LOADED);
  const stopped = await scored(page);
  await page.getByRole("button", { name: "Continue it" }).click();
  await scoredMoreThan(page, stopped);
});

test("Measure during a search's preparation and its Stop leave the search alone", async (t) => {
  const { page } = await openSearch(t, { ...random, limit: "all", processors: 1 });
  await start(page).click();
  await page.locator("#search .progress").waitFor(LOADED);
  await measure(page).click();
  await stop(page, "result").click();
  await page.locator("#result .progress").waitFor({ state: "detached" });
  await phase(page, "Running").waitFor(LOADED);
  await scoredMoreThan(page, 2);
});

test("own weights opened while the demo loads are those on the screen", async (t) => {
  const { page } = await openApp(t);
  let arrive;
  const held = new Promise((resolve) => (arrive = resolve));
  await page.context().route("**/demo/*.safetensors", async (route) => {
    await held;
    await route.continue();
  });
  await page.reload();
  await page.locator("#network .progress").waitFor(LOADED);
  await page.locator("#weights-file").setInputFiles({
    name: "own.safetensors", mimeType: "", buffer: await readOther(),
  });
  arrive();
  await page.locator("#network .loaded", { hasText: "own.safetensors" }).waitFor(LOADED);
  await page.locator("#images .loaded").waitFor(LOADED);
  await page.getByText("mnasnet-0.35-32", { exact: true }).first().waitFor();
  assert.match(await page.locator("#network .loaded").textContent(), /own\.safetensors/);
});

const readOther = async () => {
  const { readFile } = await import("node:fs/promises");
  return readFile(WEIGHTS.replace("mobilenet-v1-0.25", "mnasnet-0.35"));
};

test("what would end a run asks first, and so does leaving the page", async (t) => {
  const { page } = await openSearch(t, random);
  await start(page).click();
  await scoredMoreThan(page, 2);
  let asked = answers(page, () => false);
  const demo = page.getByRole("group", { name: "Demo networks" }).getByRole("button", { name: "MNasNet" });
  await demo.click();
  assert.match(asked.join(), /A search is running on the present weights/);
  await scoredMoreThan(page, await scored(page));
  await page.close({ runBeforeUnload: true });
  await page.waitForTimeout(500);
  assert.equal(asked.at(-1), "beforeunload");

  asked = answers(page, () => true);
  await demo.click();
  await phase(page, "Stopped").waitFor(LOADED);
  await page.locator("#network .loaded", { hasText: "mnasnet-0.35-32" }).waitFor(LOADED);
  assert.equal(asked.length, 1);
  // Its weights open again, it goes on.
  await page.getByRole("group", { name: "Demo networks" }).getByRole("button", { name: "MobileNetV1" }).click();
  const done = await scored(page);
  await page.getByRole("button", { name: "Continue it" }).click();
  await scoredMoreThan(page, done);
});

test("of two tabs one runs, and the other says so", async (t) => {
  const before = "navigator.storage.persist = async () => { globalThis.persisted = true; return true; };";
  const { page, context, address } = await openSearch(t, { ...random, before });
  await start(page).click();
  await scoredMoreThan(page, 2);
  assert.equal(await page.evaluate(() => globalThis.persisted), true, "storage was asked for");

  const other = await context.newPage();
  await other.goto(address);
  await other.locator("#images .loaded").waitFor(LOADED);
  await notice(other, "search").getByText("A search is running in another tab").waitFor(LOADED);
  await start(other).click();
  await other.locator("#search [role=alert]", { hasText: "running in another tab of this browser" }).waitFor(LOADED);
  const done = await scored(page);
  await scoredMoreThan(page, done);

  await stop(page, "search").click();
  await phase(page, "Stopped").waitFor(LOADED);
  const stopped = await scored(page);
  // Unless it has looked by itself after its own search was refused.
  const look = notice(other, "search").getByRole("button", { name: "Look again" });
  const goOn = other.getByRole("button", { name: "Continue it" });
  await look.or(goOn).first().waitFor(LOADED);
  if (await look.isVisible()) await look.click();
  await goOn.click();
  await scoredMoreThan(other, stopped);
});

test("when storage is full, the page says what can be freed, and the search goes on in memory", async (t) => {
  const first = `if (self.FileSystemSyncAccessHandle) {
    const { write } = FileSystemSyncAccessHandle.prototype;
    let full = false;
    new BroadcastChannel("full").onmessage = ({ data }) => (full = data);
    FileSystemSyncAccessHandle.prototype.write = function (bytes, ...rest) {
      if (full && bytes.byteLength > 0) throw new DOMException("no room", "QuotaExceededError");
      return write.call(this, bytes, ...rest);
    };
  }`;
  const { page } = await openSearch(t, { ...random, first });
  const fill = (full) => page.evaluate((full) => new BroadcastChannel("full").postMessage(full), full);
  await start(page).click();
  await scoredMoreThan(page, 2);
  await fill(true);
  const warning = page.locator("#search .warning", { hasText: "The search is not stored any more" });
  await warning.waitFor(LOADED);
  assert.match(await warning.textContent(), /no room left for its .*B: .* of .* are in use.*goes on in memory.*To make room/);
  await scoredMoreThan(page, (await scored(page)) + 2);

  // Stopped, it goes on from memory.
  await stop(page, "search").click();
  await phase(page, "Stopped").waitFor(LOADED);
  const stopped = await scored(page);
  await page.getByRole("button", { name: "Continue it" }).click();
  await scoredMoreThan(page, stopped);
  await fill(false);
  await warning.waitFor({ state: "detached", ...LOADED });
  await pause(page).click();
  await phase(page, "Paused").waitFor(LOADED);
  const held = await scored(page);
  assert.equal((await reload(page)).done, held, "it is stored again");
});

/**
 * Workers die on demand: those of a name, or the one behind the page, whose name is its address. They do so with several
 * errors, of which some arrive when whoever has started them has let go of them.
 */
const mortal = `new BroadcastChannel("die").onmessage = ({ data }) => {
  if (data === (self.name === "evaluation" ? "evaluation" : import.meta.url.includes("/trainer") ? "trainer" : "page")) {
    for (let errors = 0; errors < 9; errors++) setTimeout(() => { throw Error("died"); });
  }
};`;
const kill = (page, which) => page.evaluate((which) => new BroadcastChannel("die").postMessage(which), which);

for (const [which, words] of [["evaluation", "evaluation worker died"], ["page", "part of the page that computes stopped"]]) {
  test(`a search goes on by itself when its workers die: ${which}`, async (t) => {
    const { page } = await openSearch(t, { ...random, first: mortal });
    await start(page).click();
    await scoredMoreThan(page, 3);
    const done = await scored(page);
    await kill(page, which);
    await page.locator("#search .warning", { hasText: words }).getByText("started again").waitFor(LOADED);
    await phase(page, "Running").waitFor(LOADED);
    await scoredMoreThan(page, done + 3);
    assert.equal(await notice(page, "search").count(), 0);
  });
}

for (const [which, words] of [["trainer", "part of the app that trains stopped"], ["page", "part of the page that computes stopped"]]) {
  test(`training goes on by itself when its workers die: ${which}`, async (t) => {
    const { page } = await runTraining(t, { count: 500, first: mortal });
    await epochs(page).nth(2).waitFor(TRAINED);
    const done = await epochs(page).count();
    await kill(page, which);
    await page.locator("#finetune .warning", { hasText: words }).getByText("started again").waitFor(LOADED);
    await stage(page, "Running").waitFor(TRAINED);
    await epochs(page).nth(done).waitFor(TRAINED);
  });
}

test("a worker that dies again and again is given up, and what was found stays", async (t) => {
  const { page } = await openSearch(t, { ...random, first: mortal });
  await start(page).click();
  for (let deaths = 0; deaths < 3; deaths++) {
    await phase(page, "Running").waitFor(LOADED);
    await scoredMoreThan(page, 1 + (await scored(page)));
    await kill(page, "page");
    await page.waitForTimeout(300);
  }
  await page.getByRole("alert").getByText(/computes stopped .*Reload the page/).first().waitFor(LOADED);
  assert.ok(await page.getByRole("button", { name: "Use the best policy" }).isEnabled());
  const { go_on, done } = await reload(page);
  await go_on.click();
  await scoredMoreThan(page, done);
});
