// The page without a worker's help: network, device, policy, memory, link.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openApp, violations } from "./support/app.mjs";

const THEMES = ["light", "dark"];
const PHONE = { width: 360, height: 740 };

/** The sentence on FLASH or RAM. */
const verdict = (page, memory) => page.locator(`.budget[data-memory="${memory}"] .verdict`);

/** The radio button of `bits` for the weights or the output of a layer. */
const width = (page, layer, what, bits) =>
  page.getByRole("radiogroup", { name: `Bits of the ${what} of ${layer}`, exact: true })
    .getByRole("radio", { name: `${bits} bits` });

/** Bits of every tensor, in the order of the table. */
const policy = (page) => page.locator("tbody input[type=radio]:checked").evaluateAll((inputs) => inputs.map((i) => i.value));

const hash = (page) => page.evaluate(() => location.hash.slice(1));

async function choose(page, layer, what, bits) {
  await width(page, layer, what, bits).check({ force: true });
}

test("opens with a demo network, a device, and a policy that fits", async (t) => {
  const { page, problems } = await openApp(t);
  await page.getByText("mobilenet-v1-0.25-32", { exact: true }).first().waitFor();
  assert.equal(await page.locator("#policy tbody tr").count(), 29);
  assert.match(await verdict(page, "FLASH").textContent(), /FLASH fits: .* of 128 KiB/);
  assert.match(await verdict(page, "RAM").textContent(), /RAM fits: /);
  assert.equal(await hash(page), "", "nothing was changed, so there is no link yet");
  assert.deepEqual(problems, []);
});

test("if the part that computes does not load, the screen says so, and the policy can still be edited", async (t) => {
  const { page } = await openApp(t);
  await page.context().route("**/worker_loader.js", (route) => route.abort());
  await page.reload();
  const sentence = "The part of the page that computes stopped (its files did not load). Reload the page.";
  await page.locator("[role=alert]", { hasText: sentence }).first().waitFor();
  await choose(page, "pw1", "weights", 2);
  assert.notEqual(await hash(page), "");
});

test("every network of the zoo shows its memory without weights", async (t) => {
  const { page } = await openApp(t);
  await page.getByLabel("Family").selectOption({ label: "MobileNetV2" });
  await page.getByLabel("Multiplier", { exact: true }).selectOption("1.0");
  await page.locator("#input-size").selectOption({ label: "224x224" });
  await page.getByLabel("Classes").first().fill("1000");
  await page.getByLabel("Classes").first().press("Enter");
  await page.getByText("mobilenet-v2-1.0-224", { exact: true }).first().waitFor();
  assert.match(await page.locator("#network .facts").textContent(), /301 M MACs · 3,469,760 weights/);
  assert.match(await verdict(page, "FLASH").textContent(), /FLASH does not fit: .* above the budget of 128 KiB/);

  await page.getByLabel("Classes").first().fill("1");
  await page.getByLabel("Classes").first().press("Enter");
  await page.getByText("1 classes: expected 2 to 10,000").waitFor();
});

test("a device is found by typing and sets the budgets; own budgets take any unit", async (t) => {
  const { page } = await openApp(t);
  const field = page.getByRole("combobox", { name: "Microcontroller" });
  await field.fill("l476");
  await field.press("Enter");
  assert.equal(await field.inputValue(), "STM32L476RG");
  // A reserve and the stack come off: of RAM nothing, as another block holds both.
  const budgets = async () => [await page.getByLabel("FLASH budget").inputValue(), await page.getByLabel("RAM budget").inputValue()];
  assert.deepEqual(await budgets(), ["1008 KiB", "96 KiB"]);
  assert.match(await verdict(page, "FLASH").textContent(), /FLASH fits: .* of 1024 KiB/);
  assert.match(await verdict(page, "RAM").textContent(), /of 96 KiB.* Stack \(1 KiB\) in SRAM2\. Reserve \(4 KiB\) in SRAM2\./);
  await page.getByLabel("FLASH reserve").fill("64KiB");
  await page.getByLabel("FLASH reserve").press("Enter");
  await page.getByLabel("RAM reserve").fill("40KiB");
  await page.getByLabel("RAM reserve").press("Enter");
  assert.equal(await field.inputValue(), "STM32L476RG");
  assert.deepEqual(await budgets(), ["960 KiB", "56 KiB"]);
  assert.match(await page.locator('.budget[data-memory="FLASH"] .legend').textContent(), /reserve 64 KiB/);
  assert.match(await page.locator('.budget[data-memory="RAM"] .legend').textContent(), /reserve 40 KiB/);
  assert.match(await verdict(page, "RAM").textContent(), /of 96 KiB/);

  await page.getByLabel("RAM budget").fill("2KiB");
  await page.getByLabel("RAM budget").press("Enter");
  assert.equal(await field.inputValue(), "", "these are no device's budgets");
  assert.match(await verdict(page, "RAM").textContent(), /2 KiB/);

  await page.getByLabel("FLASH budget").fill("2GB");
  await page.getByLabel("FLASH budget").press("Enter");
  await page.getByText("unit 'GB' in '2GB'").waitFor();
});

test("a package has the network's name or one of its own, which must be one for C", async (t) => {
  const { page } = await openApp(t);
  const name = page.getByLabel("Name", { exact: true });
  assert.equal(await name.inputValue(), "mobilenet_v1_0_25_32");
  await name.fill("Cats & Dogs");
  await name.press("Enter");
  await page.getByText(/'Cats & Dogs' cannot name a package: expected at most 48 small letters/).waitFor();
  await name.fill("cats_and_dogs");
  await name.press("Enter");
  assert.equal(await name.inputValue(), "cats_and_dogs");
  await page.getByText("cannot name a package").waitFor({ state: "detached" });
  await name.fill("");
  await name.press("Enter");
  assert.equal(await name.inputValue(), "mobilenet_v1_0_25_32");
});

test("the memory model is a choice, and both totals are told", async (t) => {
  const { page } = await openApp(t);
  const device = await verdict(page, "RAM").textContent();
  await page.getByRole("radio", { name: /^Paper model/ }).check();
  assert.notEqual(await verdict(page, "RAM").textContent(), device);
  for (const model of ["Device", "Paper"]) {
    const label = page.locator(".model", { hasText: `${model} model` });
    assert.match(await label.textContent(), /: .* FLASH, .* RAM\./);
  }
});

test("a changed width changes memory and link at once, and can be undone", async (t) => {
  const { page } = await openApp(t);
  const before = { flash: await verdict(page, "FLASH").textContent(), policy: await policy(page) };
  await choose(page, "pw1", "weights", 2);
  await choose(page, "pw1", "activations", 2);
  assert.notEqual(await verdict(page, "FLASH").textContent(), before.flash);
  const link = await hash(page);
  assert.ok(link.length > 20 && link.length < 160, link);
  assert.equal(await page.getByLabel(/^Link to this/).inputValue(), page.url());

  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  assert.deepEqual(await policy(page), before.policy);
  assert.equal(await verdict(page, "FLASH").textContent(), before.flash);
  await page.keyboard.press("Control+y");
  assert.notDeepEqual(await policy(page), before.policy);
});

test("many layers are set at once", async (t) => {
  const { page } = await openApp(t);
  const bulk = page.getByRole("group", { name: "Set many layers at once" });
  const set = bulk.getByRole("button", { name: "weight bits of the selected layers: 8 bits" });
  assert.ok(await set.isDisabled());
  await bulk.getByRole("button", { name: "depthwise" }).click();
  await bulk.getByText("13 layers selected").waitFor();
  await set.click();
  assert.ok(await width(page, "dw13", "weights", 8).isChecked());
  await page.getByRole("button", { name: "All weights 2 bits, all activations 4 bits" }).click();
  assert.equal(new Set((await policy(page)).filter((_, i) => i % 2 === 0)).size, 1);
});

test("a link brings back network, device and policy", async (t) => {
  const { page, address } = await openApp(t);
  await page.getByRole("button", { name: "All weights 4 bits, all activations 2 bits" }).click();
  await choose(page, "pw5", "weights", 8);
  const seen = { policy: await policy(page), ram: await verdict(page, "RAM").textContent(), link: await hash(page) };
  await page.goto("about:blank");
  await page.goto(`${address}#${seen.link}`);
  await page.locator("#policy tbody tr").first().waitFor();
  assert.deepEqual(await policy(page), seen.policy);
  assert.equal(await verdict(page, "RAM").textContent(), seen.ram);
  assert.equal(await hash(page), seen.link);
});

test("a damaged link is explained and leaves the page usable", async (t) => {
  const { page, problems } = await openApp(t, { hash: "1EAEZIAqA" });
  await page.getByRole("alert").getByText(/This link cannot be opened: the link is cut off/).waitFor();
  assert.equal(await hash(page), "1EAEZIAqA");
  await choose(page, "pw1", "weights", 2);
  assert.equal(await page.getByText("This link cannot be opened").count(), 0);
  assert.notEqual(await hash(page), "1EAEZIAqA");
  assert.deepEqual(problems, []);
});

test("bits are set by keys alone", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#layer-2 input[type=radio]:checked").first().focus();
  await page.keyboard.press("2");
  assert.ok(await width(page, "pw1", "weights", 2).isChecked());
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("8");
  assert.ok(await width(page, "dw2", "weights", 8).isChecked());
  await page.keyboard.press("ArrowLeft");
  assert.ok(await width(page, "dw2", "weights", 4).isChecked());

  await page.getByRole("slider").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  await page.locator(".readout", { hasText: /^dw1 · depthwise 3x3 · .*RAM / }).waitFor();
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("#layer-1 input:focus").count());

  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Help" });
  assert.ok(await help.isVisible());
  await page.keyboard.press("Escape");
  assert.ok(await help.isHidden());
});

/** The element that has the focus: its id or text, the section it is in, and whether an outline shows it; in the page. */
const focused = () => {
  const element = document.activeElement;
  // Inputs that lie invisible over their label show the focus on it.
  const outlined = [element, element.nextElementSibling].filter(Boolean).map((e) => getComputedStyle(e));
  return {
    name: element.id || element.textContent.trim() || element.getAttribute("aria-label"),
    section: element.closest("section")?.id ?? "",
    shown: outlined.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0),
    end: element === document.body,
  };
};

test("the Tab key goes through the whole page in the order of the work, and every stop shows the focus", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor();
  const stops = [];
  for (let i = 0; i < 500; i++) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(focused);
    if (stop.end) break;
    stops.push(stop);
  }
  assert.ok(stops.length > 100 && stops.length < 500, `${stops.length} stops`);
  assert.deepEqual(stops.filter((stop) => !stop.shown), []);
  const sections = stops.map((stop) => stop.section).filter((section, i, all) => section && section !== all[i - 1]);
  assert.deepEqual(sections, await page.locator("section").evaluateAll((all) => all.map((section) => section.id)));
});

test("what is disabled says why", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor();
  await page.getByLabel("Family").selectOption({ label: "MNasNet" });
  const reason = /^No weights of mnasnet-.* are loaded\.$/;
  for (const name of ["Measure", "Download package", "Start search", "Start training"]) {
    const button = page.getByRole("button", { name, exact: true });
    await button.and(page.getByTitle(reason)).waitFor();
    assert.ok(await button.isDisabled(), name);
    assert.equal(await page.locator("section", { has: button }).locator(".reason", { hasText: reason }).count(), 1, name);
  }
  assert.equal(await page.locator("button[aria-disabled]:not([title]), button:disabled").count(), 0);
});

test("the theme is that of the system until one is chosen, and is kept", async (t) => {
  const { page } = await openApp(t, { colorScheme: "dark" });
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await back();
  await page.getByLabel("Colours", { exact: true }).selectOption({ label: "Light" });
  const light = await back();
  assert.notEqual(light, dark);
  await page.reload({ waitUntil: "networkidle" });
  assert.equal(await back(), light);
});

for (const colorScheme of THEMES) {
  test(`axe finds no violations in the ${colorScheme} theme, help and all`, async (t) => {
    const { page } = await openApp(t, { colorScheme });
    assert.deepEqual(await violations(page), []);
    await page.getByRole("combobox", { name: "Microcontroller" }).press("ArrowDown");
    assert.deepEqual(await violations(page, "#device"), []);
    await page.keyboard.press("Escape");
    await page.getByLabel("RAM budget").fill("1KiB");
    await page.getByLabel("RAM budget").press("Enter");
    assert.deepEqual(await violations(page), []);
    await page.getByRole("button", { name: "Help, words and keyboard shortcuts" }).click();
    assert.deepEqual(await violations(page, "dialog"), []);
  });
}

test("nothing but tables and charts scrolls sideways at 360 pixels", async (t) => {
  const { page } = await openApp(t, { viewport: PHONE });
  await page.getByLabel("Family").selectOption({ label: "MNasNet" });
  const sideways = () => page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
  assert.ok((await sideways()) <= 0);
  await page.getByRole("combobox", { name: "Microcontroller" }).press("ArrowDown");
  assert.ok((await sideways()) <= 0);
  assert.deepEqual(await violations(page), []);
});

test("using the page asks nothing of other origins", async (t) => {
  const { page, address, requests } = await openApp(t);
  await choose(page, "pw1", "weights", 2);
  await page.getByRole("button", { name: "Rule: fit the device" }).click();
  assert.deepEqual(requests.filter((url) => !url.startsWith(address) && !url.startsWith("blob:")), []);
});
