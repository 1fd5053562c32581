// The same search ten times, natively and in Chromium, on one, two and three processors, with and without a break: the
// logs are the same to the byte.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { IMAGES, WEIGHTS, folder, program } from "./support/command.mjs";
import { LOADED, SEARCHED, csv, openSearch, pause, phase, reload, scored, scoredMoreThan, start } from "./support/search.mjs";

const EPISODES = 90;
const REWARD = "100";

/** Budget and seed of the page's search, as the command line has them. */
async function settings(page) {
  const value = (label) => page.getByLabel(label, { exact: true }).inputValue();
  return ["--flash", await value("FLASH budget"), "--ram", await value("RAM budget"), "--seed", await value("Seed")];
}

/** The log of a search in the page; with `broken`, held in the middle, left, found again and gone on with. */
async function inPage(t, processors, broken) {
  const tick = ["rule: largest tensors first", "agent"];
  const options = { episodes: EPISODES, tick, warm: true, limit: REWARD, processors };
  const { page, problems } = await openSearch(t, options);
  const words = await settings(page);
  await start(page).click();
  if (broken) {
    await scoredMoreThan(page, EPISODES / 2);
    await pause(page).click();
    await phase(page, "Paused").waitFor(LOADED);
    const held = await scored(page);
    assert.ok(held < EPISODES, "it was held before its end");
    const { go_on, done } = await reload(page);
    assert.equal(done, held);
    await go_on.click();
  }
  await phase(page, "Done").waitFor(SEARCHED);
  assert.deepEqual(problems, []);
  assert.equal(page.workers().length, 1 + processors, "one that leads, and those that evaluate");
  return { log: await csv(page), words };
}

/** The log of the same search natively; with `broken`, killed half-way and called again. */
async function native(t, threads, words, broken) {
  const at = await folder(t);
  const log = join(at, "log.csv");
  const own = ["--allocator", "rule,agent", "--episodes", String(EPISODES), "--limit", REWARD, "--no-test"];
  const files = ["--weights", WEIGHTS, "--images", IMAGES, "--checkpoint", at, "--csv", log];
  const call = ["search", ...files, ...own, ...words];
  const env = { ...process.env, RAYON_NUM_THREADS: String(threads) };
  if (broken) {
    const first = spawn(program(), call, { env, stdio: "ignore" });
    const ended = once(first, "exit");
    while ((await lines(join(at, "scores.jsonl"))) < EPISODES / 2) await new Promise((wait) => setTimeout(wait, 5));
    first.kill("SIGKILL");
    assert.equal((await ended)[1], "SIGKILL", "it was stopped before its end");
  }
  await promisify(execFile)(program(), call, { env });
  return readFile(log, "utf8");
}

/** Lines of a file; none as long as there is no such file. */
const lines = async (path) => (await readFile(path, "utf8").catch(() => "")).split("\n").length;

test("ten runs, native and Wasm, one to three workers, with and without a break, give the same log", async (t) => {
  const { log, words } = await inPage(t, 1, false);
  assert.ok(log.trim().split("\n").length > 1 + 1 + EPISODES, "all episodes, and the run-off");
  for (const [processors, broken] of [[2, false], [3, false], [2, true]]) {
    const other = await inPage(t, processors, broken);
    assert.ok(other.log === log, `${processors} workers in Chromium${broken ? " with a break" : ""}`);
  }
  for (const threads of [1, 2, 3]) {
    for (const broken of [false, true]) {
      assert.ok((await native(t, threads, words, broken)) === log, `${threads} threads${broken ? ", interrupted" : ""}`);
    }
  }
});
