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

const GPU = ["bitsmith", "bitsmith, fake-quantized", "TensorFlow.js"];
const PROCESSOR = ["bitsmith, processor", "burn, processor", "TensorFlow.js, processor"];

async function open(name, side) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(`${name}: ${error}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/page.html`);
  await page.waitForFunction("globalThis.ready");
  return { page, ...await page.evaluate((given) => globalThis.prepare(...given), [name, side, +BATCH]) };
}

/** Each has a page of its own; they take turns, so that other work on the machine disturbs all alike. */
async function measure(names, side) {
  const subjects = {};
  for (const name of names) subjects[name] = await open(name, side);
  for (const what of ["step", "infer"]) {
    for (let round = 0; round < +ROUNDS; round += 1) {
      for (const name of names) {
        const { seconds, dispatches, submits } = await subjects[name].page.evaluate((what) => globalThis.time(what), what);
        const before = subjects[name][what];
        subjects[name][what] = { seconds: Math.min(seconds, before?.seconds ?? Infinity), dispatches, submits };
      }
    }
  }
  for (const name of names) {
    const { page, about, first, step, infer } = subjects[name];
    await page.close();
    const submitted = step.dispatches ? `, ${step.dispatches} dispatches in ${step.submits} submissions a step` : "";
    console.log(`${name}, ${side}x${side}, batch ${BATCH}: step ${step.seconds.toFixed(3)} s (first ${first.toFixed(1)}), ` +
      `inference ${infer.seconds.toFixed(3)} s${submitted}${about && `; ${about}`}`);
  }
  const ratio = (name, other, what) => {
    if (!subjects[name] || !subjects[other]) return;
    const value = subjects[name][what].seconds / subjects[other][what].seconds;
    console.log(`  ${what}, ${name} / ${other}: ${value.toFixed(3)}`);
  };
  ratio("bitsmith", "TensorFlow.js", "step");
  ratio("bitsmith", "TensorFlow.js", "infer");
  ratio("bitsmith, fake-quantized", "bitsmith", "step");
  ratio("bitsmith, processor", "burn, processor", "step");
  ratio("TensorFlow.js, processor", "bitsmith, processor", "step");
}

const sides = process.argv.slice(2).map(Number);
for (const side of sides.length ? sides : [96, 128]) {
  for (const names of [GPU, PROCESSOR]) {
    const wanted = names.filter((name) => !ONLY || ONLY.split(";").includes(name));
    if (wanted.length) await measure(wanted, side);
  }
}
await browser.close();
server.close();
