// Training of the demo at two bits, as several tests ask for it.
import { openApp } from "./app.mjs";
import { LOADED } from "./search.mjs";

/** Asks for so many epochs on a thousand images; nothing starts. */
export async function setTraining(page, { count, device = "processor" }) {
  await page.getByRole("button", { name: "All weights 2 bits, all activations 8 bits" }).click();
  const epochs = page.getByRole("textbox", { name: "Epochs" });
  await epochs.fill(String(count));
  await epochs.press("Enter");
  await page.getByLabel("Training images").selectOption("at most 1,000");
  await page.getByLabel("Train on").selectOption(device);
}

/** The button that begins it. */
export const startTraining = (page) => page.getByRole("button", { name: "Start training" });

/** Opens the demo with training that is asked for and not begun; other options are those of `openApp`. */
export async function openTraining(t, { count, device, ...options }) {
  const app = await openApp(t, options);
  await app.page.locator("#network .loaded").waitFor(LOADED);
  await app.page.locator("#images .loaded").waitFor(LOADED);
  await setTraining(app.page, { count, device });
  return app;
}

/** The same, and it has been told to begin. */
export async function runTraining(t, options) {
  const app = await openTraining(t, options);
  await startTraining(app.page).click();
  return app;
}
