// Ways through the page: links, Back, the focus, the phone, paper, files that come together.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { drop, openApp } from "./support/app.mjs";

const PHONE = { width: 390, height: 844 };
const demo = (name) => fileURLToPath(new URL(`../../www/demo/${name}`, import.meta.url));

/** The name of the network on the screen. */
const network = (page) => page.locator("#network .facts code").textContent();

/** Waits until the expression, evaluated in the page, is true. */
const until = (page, expression, what) => page.waitForFunction(expression, what);

async function choose(page, family) {
  await page.getByLabel("Family").selectOption({ label: family });
}

test("Back returns to the network and device before; changes of bits are for Undo", async (t) => {
  const { page, address } = await openApp(t);
  const first = await network(page);
  await choose(page, "MNasNet");
  await page.getByRole("button", { name: "All weights 4 bits, all activations 4 bits" }).click();
  await choose(page, "MobileNetV2");
  assert.match(await network(page), /^mobilenet-v2/);
  await page.goBack();
  await until(page, () => document.querySelector("#network .facts code").textContent.startsWith("mnasnet"));
  const bits = await page.locator("tbody input[type=radio]:checked").evaluateAll((all) => new Set(all.map((i) => i.value)).size);
  assert.equal(bits, 1, "the policy is the one that was left");
  await page.goBack();
  await until(page, (first) => document.querySelector("#network .facts code").textContent === first, first);
  assert.ok(page.url().startsWith(address), "Back has not left the page");
});

test("an opened link says what it needs and what to do, until something is changed", async (t) => {
  const { page, address } = await openApp(t);
  await choose(page, "MNasNet");
  await page.getByLabel("Multiplier", { exact: true }).selectOption("1.0");
  const link = await page.evaluate(() => location.hash);
  await page.goto("about:blank");
  await page.goto(address + link);
  const lead = page.locator(".lead");
  await lead.getByText(/^You opened a shared policy of mnasnet-1\.0-32.* It needs .* of FLASH and .* of RAM/).waitFor();
  await lead.getByText(/open weights of mnasnet-1\.0-32 and images of its classes/).waitFor();
  await choose(page, "MobileNetV1");
  await lead.getByText(/^Bitsmith fits a trained image classifier/).waitFor();
});

test("the focus stays on a button that was pressed, and comes back from Stop", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor();
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  const measure = page.locator("#result").getByRole("button", { name: "Measure", exact: true });
  await measure.focus();
  await page.keyboard.press("Enter");
  await page.locator("#result .progress").waitFor();
  assert.equal(await focused(), "Measure");
  const stop = page.locator("#result .progress").getByRole("button", { name: "Stop" });
  await stop.focus();
  await page.keyboard.press("Enter");
  await page.locator("#result .progress").waitFor({ state: "detached" });
  await until(page, () => document.activeElement.textContent === "Measure");

  const undo = page.getByRole("button", { name: "Undo" });
  await page.getByRole("button", { name: "All weights 4 bits, all activations 4 bits" }).click();
  await undo.focus();
  await page.keyboard.press("Enter");
  assert.ok(await undo.isDisabled(), "nothing is left to undo");
  assert.equal(await focused(), "Undo");
});

test("too few episodes are mended by one button", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor();
  await page.getByLabel("Episodes each").fill("20");
  await page.getByLabel("Episodes each").press("Enter");
  const start = page.getByRole("button", { name: "Start search" });
  assert.ok(await start.isDisabled());
  await page.getByRole("button", { name: /^Allow \d+ episodes$/ }).click();
  assert.ok(await start.isEnabled());
});

test("on the phone every section is in reach, and the policy on the screen can be measured from anywhere", async (t) => {
  const { page } = await openApp(t, { viewport: PHONE, hasTouch: true });
  await page.locator("#images .loaded").waitFor();
  for (const name of ["Policy", "Download"]) {
    await page.getByRole("navigation").getByRole("button", { name }).tap();
    const title = page.locator("section", { has: page.locator("h2:focus") });
    assert.equal(await title.count(), 1, name);
  }
  await page.getByRole("button", { name: "Measure this policy" }).tap();
  await page.locator("header .summary", { hasText: /Top-1 \d/ }).waitFor();
});

test("on paper nothing is cut off", async (t) => {
  const { page } = await openApp(t, { viewport: { width: 720, height: 1000 } });
  await page.emulateMedia({ media: "print" });
  const cut = await page.evaluate(() =>
    [...document.querySelectorAll("section, .scroll, .plot, table")]
      .filter((e) => e.scrollHeight > e.clientHeight + 2 && getComputedStyle(e).overflowY !== "visible")
      .map((e) => e.className || e.tagName));
  assert.deepEqual(cut, []);
  const table = page.locator("#policy table");
  const { width, x } = await table.boundingBox();
  assert.ok(x + width <= 722, `the table of layers ends at ${x + width} of 720 pixels`);
  assert.ok(!(await page.locator("header nav").isVisible()));
});

test("weights and images that are dropped together are both opened", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor();
  await drop(page, "body", [demo("mnasnet-0.35-32.safetensors"), demo("fashion-mnist.tgz")]);
  await page.locator("#network .loaded b", { hasText: "mnasnet-0.35-32.safetensors" }).waitFor();
  await page.locator("#images .loaded b", { hasText: "fashion-mnist.tgz" }).waitFor();
});

test("a layer says why it has its bits: what more would exceed, and what a search measured of fewer", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor();
  const readout = page.locator("#policy .readout");
  await page.getByLabel("FLASH budget").fill("110KiB");
  await page.getByLabel("FLASH budget").press("Enter");
  await page.getByRole("button", { name: "Rule: fit the device" }).click();
  await page.locator("#policy tbody tr", { has: page.getByRole("rowheader", { name: "pw13", exact: true }) })
    .locator("input:checked").first().focus();
  await readout.getByText(/^Weights \d bits: with \d the network would take .* more FLASH than there is\.$/).waitFor();
  await readout.getByText(/^Activations 8 bits: the most there is\.$/).waitFor();
});
