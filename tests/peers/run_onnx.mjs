// Runs ONNX files in onnxruntime-web's Wasm, without optimizations and with all of them, and compares every number:
// `node run_onnx.mjs FOLDER`. The counterpart of run_onnx.py; prints the same lines.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as ort from "onnxruntime-web";

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1;

/** Outputs by name, as one row of numbers for all images. */
async function expected(folder, testCase) {
  const bytes = await readFile(join(folder, `${testCase.name}.expected`));
  const numbers = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const values = new Map();
  let at = 0;
  for (const { name, shape } of testCase.outputs) {
    const count = shape.reduce((a, b) => a * b, testCase.images);
    values.set(name, numbers.subarray(at, at + count));
    at += count;
  }
  return values;
}

async function run(model, level, image, values) {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: level,
  });
  const found = await session.run({ image });
  let compared = 0;
  let differing = 0;
  let first = null;
  for (const name of session.outputNames) {
    const right = values.get(name);
    const { data } = found[name];
    let wrong = data.length === right.length ? 0 : right.length;
    for (let i = 0; i < data.length; i++) wrong += Number(data[i] !== right[i]);
    if (wrong > 0 && first === null) first = name;
    compared += right.length;
    differing += wrong;
  }
  const outputs = session.outputNames.length;
  await session.release();
  return { outputs, compared, differing, first };
}

const folder = process.argv[2];
for (const testCase of JSON.parse(await readFile(join(folder, "cases.json"), "utf8"))) {
  const values = await expected(folder, testCase);
  const pixels = new Uint8Array(await readFile(join(folder, `${testCase.name}.images`)));
  const image = new ort.Tensor("uint8", pixels, [testCase.images, ...testCase.image]);
  for (const file of ["layers", "logits"]) {
    const model = new Uint8Array(await readFile(join(folder, `${testCase.name}.${file}.onnx`)));
    for (const level of ["disabled", "all"]) {
      const result = await run(model, level, image, values);
      console.log(JSON.stringify({ case: testCase.name, file, level, ...result }));
    }
  }
}
