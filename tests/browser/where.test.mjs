// Where the app runs: hosts and browsers that store nothing, browsers that lack something, neighbours on the same host, and
// new versions.
import assert from "node:assert/strict";
import { cp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { listFiles } from "../../.ci/files.mjs";
import { DIST } from "../../.ci/serve.mjs";
import { openApp, violations } from "./support/app.mjs";
import { folder } from "./support/command.mjs";
import {
  LOADED, SEARCHED, openSearch, phase, scored, scoredMoreThan, start,
} from "./support/search.mjs";

const unstored = (page) => page.locator(".banner", { hasText: "Nothing is stored" });
const random = { episodes: 2000, tick: ["best of random policies"] };

test("from a plain http host all works without storage, and the page says so once", async (t) => {
  const { page, problems } = await openSearch(t, { ...random, host: "bitsmith.test" });
  assert.equal(await page.evaluate(() => isSecureContext), false);
  await unstored(page).getByText("only if it comes over https").waitFor(LOADED);
  assert.equal(await unstored(page).count(), 1);
  assert.deepEqual(await violations(page), []);

  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator("#result .accuracies b").nth(1).waitFor(LOADED);
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByText("select the link and copy it").waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download package" }).click();
  assert.match((await download).suggestedFilename(), /\.zip$/);

  // Stopped, a search goes on from memory.
  await start(page).click();
  await scoredMoreThan(page, 3);
  await page.locator("#search .progress").getByRole("button", { name: "Stop" }).click();
  await phase(page, "Stopped").waitFor(LOADED);
  const stopped = await scored(page);
  await page.getByRole("button", { name: "Continue it" }).click();
  await scoredMoreThan(page, stopped);
  assert.deepEqual(problems, []);
});

/** What browsers lack, and how the page puts it. */
const LACKS = [
  ["a file system", "delete StorageManager.prototype.getDirectory;", "no file system for pages"],
  ["files that workers write", "delete FileSystemFileHandle.prototype.createSyncAccessHandle;", "no worker write"],
  ["Web Locks", "delete Navigator.prototype.locks; delete WorkerNavigator.prototype.locks;", "no Web Locks"],
  [
    "leave to use it, as in private windows",
    `StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException("not here", "SecurityError"));`,
    "refuses (not here)",
  ],
];

for (const [what, first, reason] of LACKS) {
  test(`a browser without ${what} searches and ends without storage`, async (t) => {
    const script = `if (self.WorkerNavigator) { const Navigator = WorkerNavigator; ${first} }`;
    const { page, problems } = await openSearch(t, { ...random, episodes: 3, first: script });
    await unstored(page).getByText(reason).waitFor(LOADED);
    await start(page).click();
    await phase(page, "Done").waitFor(SEARCHED);
    assert.deepEqual(problems, []);
  });
}

/** What the page needs, how a browser lacks it, and how the page puts it. */
const NEEDS = [
  ["no WebAssembly SIMD", "const { validate } = WebAssembly; WebAssembly.validate = (bytes) => bytes.length !== 31 && validate(bytes);"],
  ["no reference types", "const { validate } = WebAssembly; WebAssembly.validate = (bytes) => bytes.length !== 14 && validate(bytes);"],
  ["no workers that are modules", "const Plain = Worker; Worker = class { constructor(url) { return new Plain(url); } };"],
  ["no WebAssembly (", "delete globalThis.WebAssembly;"],
];

for (const [sentence, before] of NEEDS) {
  test(`the start page names the cause and the browsers that are needed: ${sentence}`, async (t) => {
    const { page } = await openApp(t, { before });
    const alert = page.getByRole("alert");
    await alert.getByText(sentence).waitFor();
    assert.match(await alert.textContent(), /Chrome or Edge 96, Firefox 114, Safari 16\.4/);
  });
}

/** All names that the browser keeps for the whole origin; in the page. */
const names = async () => {
  const files = [];
  const walk = async (folder, path) => {
    for await (const [name, handle] of folder.entries()) {
      files.push(path + name);
      if (handle.kind === "directory") await walk(handle, `${path}${name}/`);
    }
  };
  await walk(await navigator.storage.getDirectory(), "");
  const workers = (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => new URL(scope).pathname);
  return { files: files.sort(), keys: Object.keys(localStorage).sort(), caches: (await caches.keys()).sort(), workers: workers.sort() };
};

test("below a path, nothing of the neighbours is touched, not even of another copy", async (t) => {
  const places = { "/one/": DIST, "/two/": DIST };
  const one = await openApp(t, { places, path: "one/", serviceWorkers: "allow" });
  const { page, address } = one;
  await page.locator("#images .loaded").waitFor(LOADED);
  await page.evaluate(async () => {
    await (await caches.open("0123456789abcdef")).put("/neighbour", new Response("theirs"));
    await caches.open("v2");
    localStorage.setItem("theme", "theirs");
    await (await navigator.storage.getDirectory()).getFileHandle("search.a", { create: true });
    await navigator.serviceWorker.ready;
  });
  await page.getByLabel("Colours", { exact: true }).selectOption({ label: "Dark" });
  await begin(page);
  await scoredMoreThan(page, 1);
  await page.locator("#search .progress").getByRole("button", { name: "Stop" }).click();
  await phase(page, "Stopped").waitFor(LOADED);
  const before = await page.evaluate(names);
  assert.ok(before.caches.some((name) => name.startsWith("bitsmith /one/ ")), before.caches.join());

  const second = await one.context.newPage();
  await second.goto(`${address}two/`);
  await second.locator("#images .loaded").waitFor(LOADED);
  assert.equal(await second.getByLabel("Colours", { exact: true }).inputValue(), "");
  assert.equal(await second.locator("#search .notice").count(), 0, "the other copy's search is none of its own");
  await second.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
  const after = await second.evaluate(names);
  for (const kind of Object.keys(before)) {
    for (const name of before[kind]) assert.ok(after[kind].includes(name), `${kind}: ${name} is gone`);
    const own = after[kind].filter((name) => !before[kind].includes(name));
    assert.ok(own.every((name) => decodeURIComponent(name).includes("/two/")), `${kind}: ${own}`);
  }
  assert.equal(await second.evaluate(async () => (await caches.match("/neighbour")).text()), "theirs");
});

/** Starts a search for random policies in a page that is open. */
async function begin(page) {
  const boxes = page.getByRole("group", { name: /^Compare/ }).getByRole("checkbox");
  for (const box of await boxes.all()) await box.uncheck();
  await page.locator(".allocators").getByLabel("best of random policies", { exact: true }).check();
  await page.getByLabel("Reward images").selectOption("100");
  await start(page).click();
  await phase(page, "Running").waitFor(LOADED);
}

/** A copy of the app that is of another version: other names for the programs of the workers, and none of the old. */
async function deploy(path, version) {
  await rm(path, { recursive: true, force: true });
  await cp(DIST, path, { recursive: true });
  let page = await readFile(join(path, "index.html"), "utf8");
  for (const name of await readdir(path)) {
    const [, kind] = /^(worker|trainer)-[0-9a-f]{16}$/.exec(name) ?? [];
    if (!kind) continue;
    const renamed = `${kind}-${String(version).padStart(16, "0")}`;
    await rename(join(path, name), join(path, renamed));
    page = page.replaceAll(name, renamed);
  }
  await writeFile(join(path, "index.html"), page.replace(/<title>.*<\/title>/, `<title>Bitsmith ${version}</title>`));
  await listFiles(path);
}

const version = async (page) => Number(/\d+$/.exec(await page.title()));
const update = (page) => page.locator("#update", { hasText: "A new version of Bitsmith is here" });

test("a new version leaves an open tab whole, and takes its place once all tabs are closed, offline too", async (t) => {
  const path = await folder(t);
  await deploy(path, 1);
  const { page, context, address, server } = await openApp(t, { places: { "/": path }, serviceWorkers: "allow" });
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  assert.equal(await version(page), 1);
  await train(page);

  await deploy(path, 2);
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
  await update(page).waitFor(LOADED);
  // All of the old version: page, worker, and the program that trains, which was used.
  await page.reload();
  await page.locator("#images .loaded").waitFor(LOADED);
  assert.equal(await version(page), 1);
  await update(page).waitFor(LOADED);
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator("#result .accuracies b").first().waitFor(LOADED);
  await train(page);

  await page.close();
  const next = await opened(context, address, 2);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await next.reload();
  await next.locator("#images .loaded").waitFor(LOADED);
  assert.equal(await version(next), 2);
  await train(next);
});

/** Opens the page until it is of a version: browsers take a moment to see that the last tab is closed. */
async function opened(context, address, wanted) {
  for (let tries = 0; ; tries++) {
    const page = await context.newPage();
    page.on("dialog", (dialog) => dialog.accept());
    await page.goto(address);
    await page.locator("#images .loaded").waitFor(LOADED);
    if ((await version(page)) === wanted || tries === 20) {
      assert.equal(await version(page), wanted);
      return page;
    }
    await page.close();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Begins training and stops it: its program is there. */
async function train(page) {
  await page.locator("#images .loaded").waitFor(LOADED);
  await page.getByLabel("Training images").selectOption("at most 1,000");
  await page.getByLabel("Train on").selectOption("processor");
  await page.getByRole("button", { name: "Start training" }).click();
  await page.locator("#finetune .facts b", { hasText: "Running" }).waitFor({ timeout: 600_000 });
  await page.locator("#finetune .progress").getByRole("button", { name: "Stop" }).click();
  await page.locator("#finetune .facts b", { hasText: "Stopped" }).waitFor(LOADED);
  await page.getByText("Integer top-1, this policy, trained").waitFor(LOADED);
}
