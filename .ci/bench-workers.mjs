// What a second evaluation worker brings a search in the page: node .ci/bench-workers.mjs [WEIGHTS IMAGES]
// Opens the built app in Chromium with one and with two workers, by default on the demo, searches at random, so that
// policies have little in common, and prints how many are scored in a second and the processor time behind them. Two
// pages with a worker each, side by side, say what the machine's second core is worth.
import { readFileSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import { openApp } from "../tests/browser/support/app.mjs";
import { LOADED, phase, scored, scoredMoreThan, start } from "../tests/browser/support/search.mjs";

const [weights, images] = process.argv.slice(2);
/** Policies until all widths of all tensors were seen. */
const WARM_UP = 20;
/** Seconds that are timed. */
const SECONDS = 10;
/** Of which the middle one counts: other work disturbs some of them. */
const ROUNDS = 3;
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

/** A page that searches with so many workers and has warmed up. */
async function searching(processors) {
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
  return { page, close: async () => { for (const end of ends) await end(); } };
}

/** Policies a second of a page that searches. */
async function rate({ page }) {
  await scoredMoreThan(page, await scored(page));
  const [first, begun] = [await scored(page), performance.now()];
  let last = first;
  while (performance.now() < begun + 1000 * SECONDS) {
    await scoredMoreThan(page, last);
    last = await scored(page);
  }
  return (1000 * (last - first)) / (performance.now() - begun);
}

/** Policies a second of pages side by side, each with so many workers. */
async function measure(what, ...processors) {
  const pages = await Promise.all(processors.map(searching));
  const [begun, before] = [performance.now(), threads()];
  const rates = await Promise.all(pages.map(rate));
  const [seconds, after] = [(performance.now() - begun) / 1000, threads()];
  for (const { close } of pages) await close();

  const used = [...after].map(([name, time]) => [name, (time - (before.get(name) ?? 0)) / seconds]);
  const busiest = used.sort((a, b) => b[1] - a[1]).slice(0, 4).map(([name, cores]) => `${name}: ${cores.toFixed(2)}`);
  const all = rates.reduce((sum, rate) => sum + rate, 0);
  console.log(`${what}: ${all.toFixed(2)} policies a second; cores in use: ${busiest.join(", ")}`);
  return all;
}

const middle = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const [second, ceiling] = [[], []];
for (let round = 0; round < ROUNDS; round++) {
  const one = await measure("one worker", 1);
  second.push((await measure("two workers", 2)) / one);
  ceiling.push((await measure("two pages with a worker each", 1, 1)) / one);
}
console.log(`two workers are ${middle(second).toFixed(2)} times as fast as one, two pages ${middle(ceiling).toFixed(2)} times`);
