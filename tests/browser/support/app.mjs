// Opens the built app in Chromium or Firefox and keeps watch over what it asks for and what goes wrong.
import { AxeBuilder } from "@axe-core/playwright";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { chromium, firefox } from "playwright-core";
import { serve } from "../../../.ci/serve.mjs";

// The Wasm tests read the same file: one set of flags for both.
const { binary, args } = JSON.parse(await readFile(new URL("../webdriver.json", import.meta.url)))["goog:chromeOptions"];

/**
 * Serves dist/, or the folders of `places` by their paths, on a port of its own and opens what is at `path` with `hash` after
 * the `#`; all ends with the test `t`. With `host`, the page comes from a host of that name. Other options are those of
 * Playwright's contexts, e.g. `viewport` and `colorScheme`.
 * The service worker is blocked unless `serviceWorkers` allows it. With `processors`, the app's workers are told that the
 * machine has so many, and as many evaluate; all workers run the script `first` before their own, the page runs `before`.
 * Questions of the page are answered with OK. With `inFirefox` it is opened there, with service workers. What the browser
 * stores lies in the folder `profile` if there is one: `openAgain` finds it there, whatever has ended the browser.
 * `requests` holds every address asked for by the page and its workers, `problems` every uncaught error and console error.
 */
export async function openApp(t, { hash = "", places, path = "", host, ...options } = {}) {
  const served = await serve(0, places);
  t.after(() => served.server.close());
  const address = host ? served.address.replace("127.0.0.1", host) : served.address;
  const rules = host ? [`--host-resolver-rules=MAP ${host} 127.0.0.1`] : [];
  const url = address + path + (hash && `#${hash}`);
  return { ...(await open(t, url, { ...options, rules })), address, server: served.server };
}

/** Opens what `openApp` serves at `address` once more; otherwise as there. */
export const openAgain = async (t, address, options) => ({ ...(await open(t, address, options)), address });

/** Opens a file that was saved, as a person would; otherwise as `openApp`. */
export const openFile = (t, path, options = {}) => open(t, pathToFileURL(path).href, options);

async function open(t, url, { traced = false, processors, first = "", before, ...options }) {
  const { browser, context } = await launch(t, options);
  if (processors) first += `Object.defineProperty(navigator, "hardwareConcurrency", { value: ${processors} });`;
  if (first) await context.route(/\/(worker|trainer)_loader\.js$/, (route) => putBefore(route, first));
  if (before) await context.addInitScript(before);
  const page = await context.newPage();
  const requests = [];
  const problems = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("dialog", (dialog) => dialog.accept());
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  await page.goto(url, { waitUntil: "networkidle" });
  // The first drawing of a page that opens holds nobody up.
  if (traced) await browser.startTracing(page, { categories: TASKS });
  return { browser, context, page, requests, problems };
}

/** A browser, and a place in it for pages. */
async function launch(t, { serviceWorkers = "block", rules = [], inFirefox, profile, ...options }) {
  if (inFirefox) {
    // The distribution's own, by WebDriver's protocol BiDi.
    const browser = await firefox.launch({ channel: "moz-firefox", executablePath: "/usr/bin/firefox-esr" });
    t.after(() => browser.close());
    return { browser, context: await browser.newContext(options) };
  }
  const how = { executablePath: binary, args: [...args, ...rules] };
  if (profile) {
    const context = await chromium.launchPersistentContext(profile, { ...how, serviceWorkers, ...options });
    t.after(() => context.close());
    return { browser: context.browser(), context };
  }
  const browser = await chromium.launch(how);
  t.after(() => browser.close());
  // axe opens a page of its own beside this one, which only a context made by hand allows.
  return { browser, context: await browser.newContext({ serviceWorkers, ...options }) };
}

/** Serves a script with another before it. */
async function putBefore(route, first) {
  const response = await route.fetch();
  await route.fulfill({ response, body: `${first}\n${await response.text()}` });
}

/** Categories of Chromium's traces that hold the tasks of every thread. */
const TASKS = ["__metadata", "toplevel", "devtools.timeline"];

/**
 * Ends the trace of a page that was opened `traced` and resolves to its longest task on the page's main thread, in
 * milliseconds: `cpu` is the time it computed, `wall` the time it took, which on a busy machine holds that of others.
 */
export async function longestTask(page) {
  const { traceEvents } = JSON.parse(await page.context().browser().stopTracing());
  const thread = ({ pid, tid }) => `${pid}.${tid}`;
  const named = traceEvents.filter((e) => e.name === "thread_name" && e.args.name === "CrRendererMain");
  const main = new Set(named.map(thread));
  const tasks = traceEvents.filter((e) => /RunTask$/.test(e.name) && e.tdur !== undefined && main.has(thread(e)));
  const longest = (key) => Math.max(...tasks.map((task) => task[key])) / 1000;
  return { tasks: tasks.length, cpu: longest("tdur"), wall: longest("dur") };
}

/** Drops the file at `paths`, or all of a list, on the first element of `selector`, as from the desktop. */
export async function drop(page, selector, paths) {
  // Through a file field of the test's own: the browser reads the file itself, and the page has nothing to decode.
  const field = await page.evaluateHandle(() => {
    const field = document.createElement("input");
    field.type = "file";
    field.multiple = true;
    return field;
  });
  await field.setInputFiles(paths);
  const transfer = await field.evaluateHandle((field) => {
    const transfer = new DataTransfer();
    for (const file of field.files) transfer.items.add(file);
    return transfer;
  });
  for (const event of ["dragenter", "dragover", "drop"]) {
    await page.locator(selector).first().dispatchEvent(event, { dataTransfer: transfer });
  }
}

/** Opens images by `open`; own ones that are open give their place. */
export async function openImages(page, open) {
  const loaded = page.locator("#images .loaded b").first();
  const own = (await loaded.isVisible()) && !(await loaded.textContent()).includes("built in");
  await open();
  if (own) await page.getByRole("button", { name: "Take its place" }).click();
}

/** What the tables below Images say: a function from the beginning of a title to the rows, each a list of texts. */
export async function inputTables(page) {
  const details = page.locator("#images details.inputs");
  if ((await details.getAttribute("open")) === null) await details.locator("summary").click();
  const all = await details.locator("table").evaluateAll((found) =>
    found.map((table) => ({
      title: table.caption.textContent,
      rows: [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent)),
    })),
  );
  return (title) => all.find((table) => table.title.startsWith(title))?.rows ?? [];
}

/** What axe finds wrong with the page as it is now, or with the elements of the selector `part`: a line for every rule. */
export async function violations(page, part = "html") {
  const { violations } = await new AxeBuilder({ page }).include(part).analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
