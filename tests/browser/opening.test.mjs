// Own images: what is picked while others are open, and other ways to read them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inputTables, openApp, violations } from "./support/app.mjs";
import { file, photos, tgz, zip } from "./support/archive.mjs";

const LOADED = { timeout: 60_000 };

/** Photos of two classes, `each` of both, as `[path, bytes]`; folders are named by `folder`. */
async function two(each, folder) {
  const { files } = await photos(each);
  return files.slice(0, 2 * each).map(([, bytes], i) => [folder(i < each ? 0 : 1, i), bytes]);
}

const loaded = (page, text) => page.locator("#images .loaded", { hasText: text }).waitFor(LOADED);

test("images that are picked while own ones are open are added or take their place, as the user says", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor(LOADED);
  const files = await two(4, (part, i) => `${["bag", "coat"][part]}/${i}.jpg`);
  const [first, second] = [await file(t, "first.tgz", tgz(files)), await file(t, "second.tgz", tgz(files))];
  const pick = (path) => page.getByLabel("Choose archives").setInputFiles(path);
  const notice = page.locator("#images .notice", { hasText: "was picked while" });
  // The demo's images give their place without a question.
  await pick(first);
  await loaded(page, "first.tgz, 8 images in 2 classes");

  await pick(second);
  await notice.waitFor();
  assert.match(await notice.textContent(), /second\.tgz was picked while first\.tgz is open/);
  assert.deepEqual(await violations(page, "#images"), []);
  await page.getByRole("button", { name: "Leave it as it is" }).click();
  await notice.waitFor({ state: "detached" });
  await loaded(page, "first.tgz, 8 images in 2 classes");

  await pick(second);
  await page.getByRole("button", { name: "Add to it" }).click();
  await loaded(page, "first.tgz, second.tgz, 16 images in 2 classes");

  await pick(second);
  await page.getByRole("button", { name: "Take its place" }).click();
  await loaded(page, /: second\.tgz, 8 images in 2 classes/);

  // What cannot be read is refused, and what is open stays.
  await pick(await file(t, "broken.tgz", "not an archive"));
  await page.getByRole("button", { name: "Add to it" }).click();
  await page.locator("#images").getByRole("alert").getByText(/broken\.tgz/).waitFor(LOADED);
  await loaded(page, /: second\.tgz, 8 images in 2 classes/);
});

test("images are read the way that the user says", async (t) => {
  const { page } = await openApp(t);
  await page.locator("#images .loaded").waitFor(LOADED);
  await page.getByText("Read own images another way").click();
  const set = async (label, text) => {
    await page.getByLabel(label).fill(text);
    await page.getByLabel(label).press("Enter");
  };
  const row = async (title, name) => (await inputTables(page))(title).find((cells) => cells.join(" ").includes(name))?.join(" ");

  // The names are those of a code page that nothing states.
  const folder = (part, i) => Buffer.concat([Buffer.from([[0xb9, 0xb7], [0xbb, 0xa8]][part]), Buffer.from(`/${i}.jpg`)]);
  await page.getByLabel("Choose archives").setInputFiles(await file(t, "names.zip", zip(await two(4, folder))));
  await loaded(page, "names.zip");
  assert.match(await row("Sources", "names.zip"), /GBK \(a guess\)/);
  await set("Encoding of names", "cp437");
  await page.locator("#images td", { hasText: "CP437" }).waitFor(LOADED);
  assert.match(await row("Sources", "names.zip"), /CP437/);
  assert.doesNotMatch(await row("Sources", "names.zip"), /guess/);
  await set("Encoding of names", "klingon");
  await page.locator("#images").getByRole("alert").getByText(/found 'klingon'/).waitFor();

  await set("Resize", "pad");
  await page.locator("#images td", { hasText: "black borders" }).waitFor(LOADED);
  assert.match(await row("Settings", "resize"), /pad.*given: the page/);
  await set("Resize", "");
  await page.locator("#images td", { hasText: "crop=0.875" }).waitFor(LOADED);
});
