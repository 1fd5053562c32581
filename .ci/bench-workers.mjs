// What a second evaluation worker brings a search in the page: node .ci/bench-workers.mjs [WEIGHTS IMAGES]
// Opens the built app in Chromium with one and with two workers, by default on the demo, searches at random, so that
// policies have little in common, and prints how many are scored in a second and the processor time behind them. Two
// pages with a worker each, side by side, say what the machine's second core is worth.
import { readFileSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import { openApp } from "../tests/browser/support/app.mjs";
import { LOADED, pause, phase, resume, scored, scoredMoreThan, start } from "../tests/browser/support/search.mjs";

const [weights, images] = process.argv.slice(2);
/** Policies until all widths of all tensors were seen. */
const WARM_UP = 20;
/** Policies of a round, in which the other configurations are held: some seconds. */
const POLICIES = weights ? 12 : 120;
/** The middle round counts, since other work on the machine disturbs some. */
const ROUNDS = 9;
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

/** A page whose search with so many workers has warmed up and is held. */
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
  await page.getByLabel("Episodes each").fill("2000");
  await page.getByLabel("Episodes each").press("Enter");
  await page.getByLabel("Reward images").selectOption("all");
  await start(page).click();
  await phase(page, "Running").waitFor(LOADED);
  await page.evaluate(observe);
  await scoredMoreThan(page, WARM_UP);
  await hold(page);
  return { page, close: async () => { for (const end of ends) await end(); } };
}

async function hold(page) {
  await pause(page).click();
  await phase(page, "Paused").waitFor(LOADED);
}

/** In the page: writes down when it showed which number of policies, about five times a second. */
function observe() {
  window.scored = new Map();
  const facts = document.querySelector("#search .course .facts");
  const look = () => {
    const [, number] = /([\d,]+) polic/.exec(facts.textContent) ?? [];
    if (number) window.scored.set(Number(number.replace(",", "")), performance.now());
  };
  new MutationObserver(look).observe(facts, { subtree: true, childList: true, characterData: true });
}

/** Policies a second, up to a number, of a page that is held before and after. */
async function rate({ page }, last) {
  await page.evaluate(() => window.scored.clear());
  await resume(page).click();
  await scoredMoreThan(page, last);
  await hold(page);
  return page.evaluate((last) => {
    // From the second on: when the first was shown, the search had only begun to run again.
    const seen = [...window.scored].filter(([number]) => number <= last).slice(1);
    const [[from, begun], [to, ended]] = [seen[0], seen.at(-1)];
    return (1000 * (to - from)) / (ended - begun);
  }, last);
}

/** Policies a second of pages side by side. */
async function measure({ what, pages }, last) {
  const [begun, before] = [performance.now(), threads()];
  const rates = await Promise.all(pages.map((page) => rate(page, last)));
  const [seconds, after] = [(performance.now() - begun) / 1000, threads()];

  const used = [...after].map(([name, time]) => [name, (time - (before.get(name) ?? 0)) / seconds]);
  const busiest = used.sort((a, b) => b[1] - a[1]).slice(0, 4).map(([name, cores]) => `${name}: ${cores.toFixed(2)}`);
  const all = rates.reduce((sum, rate) => sum + rate, 0);
  console.log(`${what}: ${all.toFixed(2)} policies a second; cores in use: ${busiest.join(", ")}`);
  return all;
}

const configurations = [];
for (const [what, ...workers] of [["one worker", 1], ["two workers", 2], ["two pages with a worker each", 1, 1]]) {
  configurations.push({ what, pages: await Promise.all(workers.map(searching)) });
}
const rounds = [];
for (let round = 1; round <= ROUNDS; round++) {
  const found = [];
  for (const configuration of configurations) found.push(await measure(configuration, WARM_UP + round * POLICIES));
  rounds.push(found);
}
for (const { pages } of configurations) for (const { close } of pages) await close();
const times = (of) => rounds.map((round) => round[of] / round[0]).sort((a, b) => a - b)[ROUNDS >> 1].toFixed(2);
console.log(`two workers are ${times(1)} times as fast as one, two pages ${times(2)} times`);
