// Opens the built app in Chromium and keeps watch over what it asks for and what goes wrong.
import { AxeBuilder } from "@axe-core/playwright";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";
import { serve } from "../../../.ci/serve.mjs";

// The Wasm tests read the same file: one set of flags for both.
const { binary, args } = JSON.parse(await readFile(new URL("../webdriver.json", import.meta.url)))["goog:chromeOptions"];

/**
 * Serves dist/ on a port of its own and opens it with `hash` after the `#`; both end with the test `t`. Other options are
 * those of Playwright's contexts, e.g. `viewport` and `colorScheme`.
 * `requests` holds every address asked for by the page and its workers, `problems` every uncaught error and console error.
 */
export async function openApp(t, { hash = "", ...options } = {}) {
  const { server, address } = await serve(0);
  t.after(() => server.close());
  const browser = await chromium.launch({ executablePath: binary, args });
  t.after(() => browser.close());

  // axe opens a page of its own beside this one, which only a context made by hand allows.
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const requests = [];
  const problems = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  await page.goto(address + (hash && `#${hash}`), { waitUntil: "networkidle" });
  return { page, address, requests, problems };
}

/** What axe finds wrong with the page as it is now: a line for every rule. */
export async function violations(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
