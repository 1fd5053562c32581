// What fine-tuning brings back on four networks: node .ci/bench-finetune.mjs DATA OUT [MINUTES]
// Runs the release build's `bitsmith search` and `bitsmith finetune`, keeps all results and checkpoints in OUT and goes on
// where it was interrupted; with MINUTES it stops by itself after that time. Prints the table of docs/training.md from
// what is there.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const [data, out, minutes] = process.argv.slice(2);
if (!out) {
  console.error("usage: node .ci/bench-finetune.mjs DATA OUT [MINUTES]; DATA holds weights/ and images/");
  process.exit(2);
}
const program = process.env.BITSMITH ?? join(process.env.CARGO_TARGET_DIR ?? "target", "release", "bitsmith");
const deadline = minutes ? Date.now() + 60_000 * Number(minutes) : Infinity;

/** Epochs, and seeds of training. */
const NETWORKS = [
  { name: "MobileNetV1 0.25", file: "mobilenet_v1_0.25_128", epochs: 6, seeds: [1, 2] },
  { name: "MobileNetV2 0.35", file: "mobilenet_v2_0.35_128", epochs: 4, seeds: [1] },
  { name: "MNasNet 0.5", file: "mnasnet_0.5_128", epochs: 4, seeds: [1] },
  { name: "MobileNetV1 0.5", file: "mobilenet_v1_0.5_128", epochs: 4, seeds: [1] },
];
/** Searches choose weights alone, all outputs at 8 bits: RAM for anything. */
const ROWS = [
  { row: "searched, weights at 4 bits on average", job: "mean-4", search: ["--mean-bits", "4", "--ram", "10MiB"] },
  { row: "searched, weights at 3 bits on average", job: "mean-3", search: ["--mean-bits", "3", "--ram", "10MiB"] },
  { row: "all at 4 bits", job: "w4a4", bits: ["--bits", "4/4"] },
  { row: "pointwise weights at 2, all else at 8 bits", job: "pw2", bits: ["--bits", "2/8", "--other-weights", "8"] },
];
/** The paper's third finding in kind: a larger network of mixed widths where a smaller one fits at 8 bits. */
const FINDING = {
  row: "searched for 448 KiB of FLASH and 96 KiB of RAM as the papers count", job: "finding",
  search: ["--flash", "448KiB", "--ram", "96KiB", "--memory", "paper"],
};
/** The same with ImageNet's thousand classes, in the paper's budget and before training, on few images. */
const THOUSAND = {
  search: ["--flash", "2048000", "--ram", "512000", "--memory", "paper", "--limit", "300", "--episodes", "120"],
  large: "mobilenet_v1_0.75_224", small: "mobilenet_v1_0.25_224",
};

const weights = (file) => ["--weights", join(data, "weights", `${file}.safetensors`)];
const images = (file) => ["--images", join(data, "images", file)];
const VALIDATION = images("imagenette-val-224.tar");
const inputs = ({ file }) => [...weights(`imagenette10_${file}`), ...images("imagenette-train-160.tar"), ...VALIDATION];

/** The command's JSON; kept in a file, made if there is none. `undefined` if time is up. */
function kept(path, words) {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    const left = deadline - Date.now();
    if (left <= 0) return undefined;
    const timeout = left === Infinity ? undefined : left;
    const options = { stdio: ["ignore", "pipe", "inherit"], timeout, maxBuffer: 1 << 28 };
    const run = spawnSync(program, [...words, "--json"], options);
    if (run.error?.code === "ETIMEDOUT") return undefined;
    if (run.status !== 0) process.exit(run.status ?? 1);
    writeFileSync(path, run.stdout);
  }
  return JSON.parse(readFileSync(path));
}

/** What an allocator finds: its link, and what it reaches on the test images. */
function searched(folder, name, words, allocator) {
  const own = ["--allocator", allocator, "--checkpoint", join(out, folder)];
  return kept(join(out, folder, `${name}.json`), ["search", ...words, ...own])?.runs[0].allocators[0];
}

/** What calibration and training make of one row. */
function result(network, { job, search, bits }, seed) {
  const folder = join(out, network.file);
  let policy = bits;
  if (search) {
    const words = [...inputs(network), ...search, "--episodes", "120"];
    const found = searched(network.file, `${job}-search`, words, "agent");
    if (!found) return undefined;
    policy = ["--link", found.link];
  }
  const epochs = ["--epochs", String(network.epochs), "--seed", String(seed)];
  const checkpoint = ["--checkpoint", join(folder, `${job}-${seed}`)];
  const words = ["finetune", ...inputs(network), ...policy, ...epochs, ...checkpoint];
  return kept(join(folder, `${job}-${seed}.json`), words);
}

/** What matters most comes first: the first network and the finding before other networks. */
const [first, ...others] = NETWORKS;
const of = (network, rows) => network.seeds.flatMap((seed) => rows.map((row) => ({ network, row, seed })));
const large = NETWORKS.find(({ file }) => file === "mobilenet_v1_0.5_128");
const jobs = [...of(first, ROWS), ...of(large, [FINDING]), ...others.flatMap((network) => of(network, ROWS))];
const found = jobs.map((job) => ({ ...job, found: result(job.network, job.row, job.seed) })).filter(({ found }) => found);
const eight = searched(first.file, "finding-uniform", [...inputs(first), ...FINDING.search], "uniform");
const thousand = (file, allocator) =>
  searched(file, "search", [...weights(file), ...VALIDATION, ...THOUSAND.search], allocator);
const [small, mixed] = [thousand(THOUSAND.small, "uniform"), thousand(THOUSAND.large, "agent")];

const line = (cells) => console.log(`| ${cells.join(" | ")} |`);
line(["network", "policy", "epochs", "seed", "bits", "float", "calibrated, reward", "trained, reward", "trained, test", "below float"]);
line(Array(10).fill("---"));
for (const network of NETWORKS) {
  for (const row of [...ROWS, FINDING]) {
    for (const { seed, found: reached } of found.filter((job) => job.network === network && job.row === row)) {
      const start = reached.curve.find((point) => point.epoch === 0).measured[0];
      const numbers = [reached.mean_weight_bits, reached.float_test_top1, start, reached.reward_top1, reached.test_top1];
      const below = reached.float_test_top1 - reached.test_top1;
      line([network.name, row.row, network.epochs, seed, ...[...numbers, below].map((number) => number.toFixed(2))]);
    }
  }
}

/** Untrained policies beside each other. */
const beside = (what, { mean_weight_bits, test_top1, test_correct, test_images }) => {
  const top1 = `${test_top1.toFixed(2)} % (${test_correct} of ${test_images})`;
  console.log(`${what}, ${mean_weight_bits.toFixed(2)} bits a weight, calibrated: ${top1} of the test images`);
};
console.log("");
if (eight) beside(`${first.name} in 448 KiB and 96 KiB`, eight);
if (small) beside(`1000-way, ${THOUSAND.small} in 2,048,000 and 512,000 bytes`, small);
if (mixed) beside(`1000-way, ${THOUSAND.large} in 2,048,000 and 512,000 bytes`, mixed);
