// The page's search section, as a person works it.
import { setTimeout } from "node:timers/promises";
import { readFile } from "node:fs/promises";
import { openApp } from "./app.mjs";

export const LOADED = { timeout: 60_000 };
export const SEARCHED = { timeout: 600_000 };
export const start = (page) => page.getByRole("button", { name: "Start search" });
export const pause = (page) => page.locator("#search").getByRole("button", { name: "Pause" });
export const resume = (page) => page.locator("#search").getByRole("button", { name: "Resume" });
export const phase = (page, text) => page.locator("#search .facts", { hasText: text });
export const allocators = (page) => page.getByRole("region", { name: "Allocators compared" }).locator("tbody tr");

/** Opens the demo with a search of `episodes` for the ticked allocators. */
export async function openSearch(t, { episodes, tick, warm, limit, ...options }) {
  const app = await openApp(t, options);
  await app.page.locator("#network .loaded").waitFor(LOADED);
  await app.page.locator("#images .loaded").waitFor(LOADED);
  await setSearch(app.page, { episodes, tick, warm, limit });
  return app;
}

/** Asks for a search of `episodes` for the ticked allocators, on `limit` reward images. */
export async function setSearch(page, { episodes, tick, warm = false, limit = "100" }) {
  const boxes = page.getByRole("group", { name: /^Compare/ }).getByRole("checkbox");
  for (const box of await boxes.all()) await box.uncheck();
  for (const name of tick) await page.locator(".allocators").getByLabel(name, { exact: true }).check();
  await page.getByLabel("Episodes each").fill(String(episodes));
  await page.getByLabel("Episodes each").press("Enter");
  await page.getByLabel("Warm start of the agent").setChecked(warm);
  await page.getByLabel("Reward images").selectOption(limit);
}

/** How many policies were scored. */
export async function scored(page) {
  const [, number] = /([\d,]+) polic(?:y|ies) scored/.exec(await page.locator("#search .course .facts").textContent());
  return Number(number.replace(",", ""));
}

/** Waits until more policies than that were scored. */
export const scoredMoreThan = (page, number) =>
  page.waitForFunction((number) => {
    const facts = document.querySelector("#search .course .facts")?.textContent;
    const [, now] = /([\d,]+) polic/.exec(facts) ?? [, "0"];
    return Number(now.replace(",", "")) > number;
  }, number, { ...LOADED, polling: 200 });

/** Firefox, driven by WebDriver's protocol, comes to nothing if it is asked while it loads a page again: it is left alone. */
const LEFT_ALONE = 8_000;

/** Loads the page again. */
export async function loadAgain(page) {
  await page.reload();
  if (page.context().browser()?.browserType().name() === "firefox") await setTimeout(LEFT_ALONE);
}

/** Loads the page again; resolves to the offer to go on, and the episodes that it says are done. */
export async function reload(page) {
  await loadAgain(page);
  const notice = page.locator("#search .notice");
  await notice.waitFor(LOADED);
  await page.locator("#images .loaded").waitFor(LOADED);
  const [, done] = /([\d,]+) episodes? done/.exec(await notice.textContent());
  return { go_on: notice.getByRole("button", { name: "Continue it" }), done: Number(done.replace(",", "")) };
}

/** The log as it is saved, all episodes. */
export async function csv(page) {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "CSV" }).click();
  return readFile(await (await download).path(), "utf8");
}
