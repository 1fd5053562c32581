// The app in Firefox: all that needs no WebGPU.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openApp } from "./support/app.mjs";
import { LOADED } from "./support/search.mjs";

const inFirefox = true;
const right = (page) => page.locator("#result .accuracies dd .hint").first();

async function measured(page) {
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.getByText("Integer top-1, this policy").waitFor(LOADED);
  return right(page).textContent();
}

/** The name and size of the package that the page has handed over. */
async function saved(page) {
  await page.getByRole("button", { name: "Download package" }).click();
  const said = page.locator("#share [role=status] p", { hasText: "Saved" });
  await said.waitFor(LOADED);
  return said.textContent();
}

test("Firefox measures the demo as Chromium does, packages it, and opens its link", async (t) => {
  const { page, address, problems } = await openApp(t, { inFirefox });
  await page.locator("#images .loaded").waitFor(LOADED);
  assert.equal(await page.locator(".banner").count(), 0, "it can store");
  await page.getByRole("button", { name: "All weights 4 bits, all activations 8 bits" }).click();
  const found = await measured(page);

  const chromium = await openApp(t);
  await chromium.page.locator("#images .loaded").waitFor(LOADED);
  await chromium.page.getByRole("button", { name: "All weights 4 bits, all activations 8 bits" }).click();
  assert.equal(await measured(chromium.page), found);

  // Firefox tells no test of a download: what the page says it handed over is compared.
  const packaged = await saved(page);
  assert.match(packaged, /^Saved .*\.zip, /);
  assert.equal(await saved(chromium.page), packaged);

  const link = await page.evaluate(() => location.hash);
  await page.goto("about:blank");
  await page.goto(address + link);
  await page.locator("#policy tbody tr").first().waitFor(LOADED);
  assert.equal(await page.evaluate(() => location.hash), link);
  assert.equal(await page.locator("#layer-2 input[type=radio]:checked").first().inputValue(), "4");
  assert.deepEqual(problems, []);
});
