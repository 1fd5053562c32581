// The package that the page hands over is the one that the command line writes, byte for byte.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openApp } from "./support/app.mjs";
import { IMAGES, WEIGHTS, bitsmith, folder } from "./support/command.mjs";

const MEASURED = { timeout: 300_000 };

test("page and command line make the same package", async (t) => {
  const { page, problems } = await openApp(t);
  await page.locator("#weights-file").setInputFiles(WEIGHTS);
  await page.locator("#network .loaded", { hasText: "mobilenet-v1-0.25-32.safetensors" }).waitFor(MEASURED);
  await page.locator("#images-file").setInputFiles(IMAGES);
  await page.locator("#images .loaded", { hasText: "fashion-mnist.tgz" }).waitFor(MEASURED);
  const device = await page.getByRole("combobox", { name: "Microcontroller" }).inputValue();
  await page.locator("#limit").selectOption({ label: "100 test images" });
  await page.getByRole("button", { name: "Measure", exact: true }).click();
  await page.locator(".accuracies > div", { hasText: "Integer top-1" }).getByText(/images right/).waitFor(MEASURED);
  await page.locator(".accuracies > div", { hasText: "Float top-1" }).getByText(/images right/).waitFor(MEASURED);
  const saved = page.waitForEvent("download", MEASURED);
  await page.getByRole("button", { name: "Download package" }).click();
  const downloaded = await readFile(await (await saved).path());
  const link = await page.locator("#link").inputValue();

  const path = join(await folder(t), "package.zip");
  const budget = ["--device", device.toLowerCase()];
  await bitsmith("export", "--weights", WEIGHTS, "--images", IMAGES, "--link", link, ...budget, "--limit", "100", "--out", path);
  const written = await readFile(path);
  assert.equal(downloaded.length, written.length);
  assert.ok(downloaded.equals(written), "the same length and other bytes");
  assert.deepEqual(problems, []);
});
