// The built app starts, and nothing leaves its origin.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { openApp } from "./support/app.mjs";

/** Starts the app's worker as the page does, from a blob so that it inherits the page's policy. */
async function startWorker(page) {
  const loaded = page.waitForResponse(/worker_bg\.wasm$/);
  await page.evaluate(() => {
    const { href } = new URL(document.querySelector("meta[name=worker]").content, document.baseURI);
    const start = new Blob([`import ${JSON.stringify(href)};`], { type: "text/javascript" });
    globalThis.worker = new Worker(URL.createObjectURL(start), { type: "module" });
  });
  await loaded;
  await page.waitForLoadState("networkidle");
}

test("the page and its worker start without an error and ask only their own origin", async (t) => {
  const { page, address, requests, problems } = await openApp(t);
  assert.equal(await page.title(), "Bitsmith");
  await startWorker(page);

  const asked = (pattern) => requests.some((url) => pattern.test(url));
  assert.ok(asked(/\/page-[0-9a-f]+_bg\.wasm$/), "the page's Wasm is named by its content");
  assert.ok(asked(/\/worker-[0-9a-f]{16}\/worker_bg\.wasm$/), "the worker's Wasm is named by its content");
  assert.deepEqual(requests.filter((url) => new URL(url).origin !== new URL(address).origin), []);
  assert.deepEqual(problems, []);
});

test("the page and its worker cannot reach another origin", async (t) => {
  const { page } = await openApp(t);
  await startWorker(page);
  let reached = 0;
  const elsewhere = createServer((_, response) => {
    reached += 1;
    response.end();
  });
  await new Promise((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  t.after(() => elsewhere.close());

  const attempt = (url) => fetch(url, { mode: "no-cors" }).then(() => "reached", () => "refused");
  const url = `http://127.0.0.1:${elsewhere.address().port}/`;
  assert.equal(await page.evaluate(attempt, url), "refused");
  assert.equal(await page.workers()[0].evaluate(attempt, url), "refused");
  assert.equal(reached, 0);
});

test("after the first visit the page works offline, worker and demo included", async (t) => {
  const { page, address, problems } = await openApp(t, { serviceWorkers: "allow" });
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.context().setOffline(true);
  await page.goto(`${address}?offline`);
  await page.locator("#network .loaded").waitFor();
  await page.locator("#images .loaded").waitFor();
  assert.equal(await page.evaluate(() => navigator.onLine), false);
  assert.deepEqual(problems, []);
});
