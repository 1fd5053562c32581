// README's picture of the built app: node .ci/picture.mjs FILE
import { openApp } from "../tests/browser/support/app.mjs";
import { LOADED } from "../tests/browser/support/search.mjs";

const [path] = process.argv.slice(2);
if (!path) {
  console.error("usage: node .ci/picture.mjs FILE");
  process.exit(2);
}
const ends = [];
const { page } = await openApp({ after: (end) => ends.unshift(end) }, {
  viewport: { width: 1280, height: 1280 },
  colorScheme: "light",
});
await page.locator("#network .loaded").waitFor(LOADED);
await page.locator("#images .loaded").waitFor(LOADED);
await page.getByRole("combobox", { name: "Microcontroller" }).fill("STM32H750VB");
await page.getByRole("combobox", { name: "Microcontroller" }).press("Enter");
await page.getByRole("button", { name: "Rule: fit the device" }).click();
// Not as if it were pointed at.
await page.mouse.move(0, 0);
await page.evaluate(() => document.activeElement.blur());
await page.screenshot({ path });
for (const end of ends) await end();
