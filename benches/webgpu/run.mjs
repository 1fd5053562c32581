// Steps and inference batches of MobileNetV1 0.25 beside TensorFlow.js, in one Chromium with one adapter:
//   node benches/webgpu/run.mjs [SIDE...] (default 96 128), after `make bench-webgpu` has built what it needs.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
const { binary, args } = JSON.parse(
  await readFile(new URL("../../tests/browser/webdriver.json", import.meta.url)))["goog:chromeOptions"];
const { BATCH = "16", ROUNDS = "3", ONLY = "" } = process.env;

const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname);
  try {
    const body = await readFile(join(HERE, path));
    response.writeHead(200, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({ executablePath: binary, args });

const least = (results) => Math.min(...results.map(({ seconds }) => seconds));
async function measure(name, side) {
  // A page of its own: two tenants of one device would wait for each other.
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(`${name}: ${error}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/page.html`);
  await page.waitForFunction("globalThis.ready");
  const found = await page.evaluate(([...given]) => globalThis.measure(...given), [name, side, +BATCH, +ROUNDS]);
  await page.close();
  const step = least(found.steps);
  const inference = least(found.inferences);
  const { dispatches, submits } = found.steps[0];
  console.log(`${name}, ${side}x${side}, batch ${BATCH}: step ${step.toFixed(3)} s (first ${found.first.toFixed(1)}), ` +
    `inference ${inference.toFixed(3)} s, ${dispatches} dispatches in ${submits} submissions per step` +
    (found.about && `; ${found.about}`));
  return { step, inference };
}

const sides = process.argv.slice(2).map(Number);
for (const side of sides.length ? sides : [96, 128]) {
  const names = ["bitsmith", "bitsmith, fake-quantized", "TensorFlow.js", "bitsmith, processor"];
  const found = {};
  for (const name of names.filter((name) => !ONLY || ONLY.split(";").includes(name))) found[name] = await measure(name, side);
  const ratio = (name, other, key) => {
    if (!found[name] || !found[other]) return;
    console.log(`  ${key}, ${name} / ${other}: ${(found[name][key] / found[other][key]).toFixed(3)}`);
  };
  ratio("bitsmith", "TensorFlow.js", "step");
  ratio("bitsmith", "TensorFlow.js", "inference");
  ratio("bitsmith, fake-quantized", "bitsmith", "step");
}
await browser.close();
server.close();
