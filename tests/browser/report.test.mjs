// The report of a package, opened as the file that was saved.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openFile, violations } from "./support/app.mjs";
import { IMAGES, WEIGHTS, bitsmith, folder } from "./support/command.mjs";

test("the report is readable in both themes, on a phone, and by a screen reader", async (t) => {
  const path = join(await folder(t), "report.html");
  await bitsmith(
    "export", "--weights", WEIGHTS, "--images", IMAGES, "--bits", "4/8", "--limit", "10", "--calibration", "8",
    "--device", "stm32h743zi", "--report", path,
  );
  for (const colorScheme of ["light", "dark"]) {
    const { page, requests, problems } = await openFile(t, path, { colorScheme, viewport: { width: 360, height: 740 } });
    await page.getByRole("heading", { name: "mobilenet-v1-0.25-32" }).waitFor();
    assert.equal(await page.getByRole("table", { name: /In execution order/ }).locator("tbody tr").count(), 29);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page scrolls sideways");
    assert.deepEqual(await violations(page), [], colorScheme);
    assert.equal(requests.length, 1, "the report asks for something else");
    assert.deepEqual(problems, []);
  }
});
