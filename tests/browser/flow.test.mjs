// The whole flow on the demo: from open to a downloaded package, with no file from the user.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { test } from "node:test";
import { openApp, violations } from "./support/app.mjs";

const LOADED = { timeout: 60_000 };
const MEASURED = { timeout: 300_000 };

async function openDemo(t, options) {
  const app = await openApp(t, options);
  await app.page.locator("#network .loaded").waitFor(LOADED);
  await app.page.locator("#images .loaded").waitFor(LOADED);
  return app;
}

const integer = (page) => page.locator(".accuracies > div", { hasText: "Integer top-1" });

test("the demo is measured and downloaded in two clicks and within a minute", async (t) => {
  const begun = performance.now();
  const { page, address, requests, problems } = await openDemo(t);
  await page.getByLabel("the network as it was trained").uncheck();
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await integer(page).getByText(/images right/).waitFor(MEASURED);
  assert.match(await integer(page).textContent(), /\d+\.\d+ % \(\d+\.\d to \d+\.\d %\)/);

  const saved = page.waitForEvent("download", MEASURED);
  await page.getByRole("button", { name: "Download package" }).click();
  const download = await saved;
  assert.match(download.suggestedFilename(), /\.zip$/);
  const bytes = await readFile(await download.path());
  assert.equal(bytes.subarray(0, 2).toString(), "PK");
  await page.locator("#share").getByText("Saved").waitFor();
  const seconds = (performance.now() - begun) / 1000;
  t.diagnostic(`${seconds.toFixed(1)} s from opening the page to the package; load ${loadavg()[0].toFixed(1)}`);
  assert.ok(seconds < 60, `${seconds} s from opening the page to the package`);

  assert.deepEqual(requests.filter((url) => !url.startsWith(address) && !url.startsWith("blob:")), []);
  assert.deepEqual(problems, []);
});

test("nothing is lost if the workers start late", async (t) => {
  const first = `if (self.name === "evaluation") await new Promise((start) => setTimeout(start, 5000));`;
  const { page, problems } = await openDemo(t, { first });
  await page.getByLabel("the network as it was trained").uncheck();
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await integer(page).getByText(/images right/).waitFor(LOADED);
  assert.deepEqual(problems, []);
});

/** Evaluation workers that answer as late as they are told to, in milliseconds. */
const LATE = `if (self.name === "evaluation") {
  let late = 0;
  new BroadcastChannel("late").onmessage = ({ data }) => { late = data; };
  const post = self.postMessage.bind(self);
  self.postMessage = (...message) => (late ? setTimeout(() => post(...message), late) : post(...message));
}`;
const answerLate = (page, late) => page.evaluate((late) => new BroadcastChannel("late").postMessage(late), late);

test("Stop keeps what was counted, and the float network is measured once", async (t) => {
  const { page, problems } = await openDemo(t, { first: LATE });
  // Otherwise it would be over before anybody could press Stop.
  await answerLate(page, 100);
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator("#result .figures", { hasText: "so far" }).waitFor(MEASURED);
  await page.locator("#result .progress").getByRole("button", { name: "Stop" }).click();
  await integer(page).getByText(/stopped early/).waitFor(MEASURED);

  await answerLate(page, 0);
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator(".accuracies > div", { hasText: "Integer against float" }).waitFor(MEASURED);
  assert.equal(await page.locator(".history tbody tr").count(), 2);
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(problems, []);
});

test("integers and float are compared on the same images, which are named", async (t) => {
  const { page, problems } = await openDemo(t);
  const difference = page.locator(".accuracies > div", { hasText: "Integer against float" });
  const used = (text) => page.locator(".images-used", { hasText: `Measured on ${text}, seen by no search and no training.` });
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await difference.waitFor(MEASURED);
  await used("1,500 test images").waitFor();
  await page.locator("#limit").selectOption({ label: "100 test images" });
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await used("100 of 1,500 test images").waitFor(MEASURED);
  await difference.waitFor(MEASURED);
  await page.locator(".accuracies > div", { hasText: "Float top-1" }).getByText(/of 100 images right/).waitFor(MEASURED);
  // Both of these were measured before.
  await page.locator("#limit").selectOption({ label: "all test images" });
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await used("1,500 test images").waitFor(MEASURED);
  await page.locator(".accuracies > div", { hasText: "Float top-1" }).getByText(/of 1,500 images right/).waitFor();
  assert.deepEqual(problems, []);
});

test("results are told apart by policy, and a policy in the history can be shown again", async (t) => {
  const { page } = await openDemo(t);
  await page.getByLabel("the network as it was trained").uncheck();
  const measure = async () => {
    await page.getByRole("button", { name: "Measure", exact: true }).click();
    await integer(page).getByText(/images right/).waitFor(MEASURED);
    return integer(page).textContent();
  };
  const ruled = await measure();
  await page.getByRole("button", { name: "All weights 2 bits, all activations 2 bits" }).click();
  await integer(page).getByText("not measured yet").waitFor();
  assert.notEqual(await measure(), ruled);
  await page.locator(".history tbody tr").last().getByRole("link").click();
  assert.equal(await integer(page).textContent(), ruled);
  const why = "Another policy was measured since: measure this one again.";
  await page.locator("#share .reason", { hasText: why }).waitFor();
});
