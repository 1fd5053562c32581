// What a second evaluation worker brings a search in the page: node .ci/bench-workers.mjs [WEIGHTS IMAGES]
// Opens the built app in Chromium with one and with two workers, by default on the demo, searches at random, so that
// policies have little in common, and prints the seconds that a policy takes and the processor time behind them.
import { readFileSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import { openApp } from "../tests/browser/support/app.mjs";
import { LOADED, phase, scored, scoredMoreThan, start } from "../tests/browser/support/search.mjs";

const [weights, images] = process.argv.slice(2);
/** Policies until all widths of all tensors were seen, and those that are timed. */
const [WARM_UP, TIMED] = [20, 20];
/** Linux counts processor time in hundredths of a second. */
const TICK = 0.01;

/** Processor time of each of Chromium's threads so far, in seconds. */
function threads() {
  const times = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("chromium")) continue;
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        times.set(`${/\((.*)\)/.exec(stat)[1]} ${thread}`, (Number(fields[11]) + Number(fields[12])) * TICK);
      }
    } catch {
      // It has ended meanwhile.
    }
  }
  return times;
}

/** Seconds a policy with so many workers. */
async function measure(processors) {
  const ends = [];
  const { page } = await openApp({ after: (end) => ends.unshift(end) }, { processors });
  await page.locator("#network .loaded").waitFor(LOADED);
  await page.locator("#images .loaded").waitFor(LOADED);
  for (const [section, path] of weights ? [["network", weights], ["images", images]] : []) {
    await page.locator(`#${section} input[type=file]`).first().setInputFiles(path);
    await page.locator(`#${section} .loaded`, { hasText: basename(path) }).waitFor(LOADED);
  }
  for (const box of await page.getByRole("group", { name: /^Compare/ }).getByRole("checkbox").all()) await box.uncheck();
  await page.getByLabel("best of random policies", { exact: true }).check();
  await page.getByLabel("Episodes each").fill("1000");
  await page.getByLabel("Episodes each").press("Enter");
  await page.getByLabel("Reward images").selectOption("all");
  await start(page).click();
  await phase(page, "Running").waitFor(LOADED);
  await scoredMoreThan(page, WARM_UP);
  const [first, begun, before] = [await scored(page), performance.now(), threads()];
  await scoredMoreThan(page, first + TIMED);
  const [last, ended, after] = [await scored(page), performance.now(), threads()];
  for (const end of ends) await end();

  const seconds = (ended - begun) / 1000;
  const used = [...after].map(([name, time]) => [name, time - (before.get(name) ?? 0)]);
  const busiest = used.sort((a, b) => b[1] - a[1]).slice(0, 5).map(([name, time]) => `${name}: ${(time / seconds).toFixed(2)}`);
  console.log(`${processors} workers: ${(seconds / (last - first)).toFixed(3)} s a policy; cores in use: ${busiest.join(", ")}`);
  return seconds / (last - first);
}

const [one, two] = [await measure(1), await measure(2)];
console.log(`one worker takes ${(one / two).toFixed(2)} times as long as two`);
