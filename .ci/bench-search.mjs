// What every allocator finds on four networks under twelve budgets: node .ci/bench-search.mjs DATA OUT [MINUTES]
// Runs the release build's `bitsmith search`, keeps all results in OUT and goes on where it was interrupted; with
// MINUTES it stops by itself after that time. Prints the tables of docs/search.md from what is there.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [data, out, minutes] = process.argv.slice(2);
if (!out) {
  console.error("usage: node .ci/bench-search.mjs DATA OUT [MINUTES]; DATA holds weights/ and images/");
  process.exit(2);
}
const program = process.env.BITSMITH ?? join(process.env.CARGO_TARGET_DIR ?? "target", "release", "bitsmith");
const deadline = minutes ? Date.now() + 60_000 * Number(minutes) : Infinity;

/** RAM such that at 8 bits at least two steps do not fit; policies that an allocator may score, probes included. */
const NETWORKS = [
  { name: "MobileNetV1 0.25", file: "mobilenet_v1_0.25_128", ram: "56KiB", episodes: 120 },
  { name: "MobileNetV2 0.35", file: "mobilenet_v2_0.35_128", ram: "96KiB", episodes: 180 },
  { name: "MNasNet 0.5", file: "mnasnet_0.5_128", ram: "72KiB", episodes: 180 },
  { name: "MobileNetV1 0.5", file: "mobilenet_v1_0.5_128", ram: "96KiB", episodes: 120 },
];
/** Mean width of the weights. */
const BITS = [3, 4, 6];
/** Random policies have nothing in common and cost most. */
const RANDOM = 30;
/** What matters most comes first. */
const JOBS = [
  { job: "1", seeds: [1], allocators: "uniform,rule,notch-down,greedy,exact,agent" },
  { job: "random-1", seeds: [1], episodes: RANDOM, allocators: "random" },
  { job: "2-3", seeds: [2, 3], allocators: "agent" },
  { job: "random-2-3", seeds: [2, 3], episodes: RANDOM, allocators: "random" },
  { job: "scratch-1", seeds: [1], allocators: "agent", extra: ["--no-warm-start"] },
  { job: "scratch-2-3", seeds: [2, 3], allocators: "agent", extra: ["--no-warm-start"] },
  { job: "evolution-1", seeds: [1], allocators: "evolution" },
  { job: "evolution-2-3", seeds: [2, 3], allocators: "evolution" },
];

const path = ({ file }, { job }) => join(out, file, `${job}.json`);

for (const job of JOBS) {
  for (const network of NETWORKS) {
    if (existsSync(path(network, job))) continue;
    const left = deadline - Date.now();
    if (left <= 0) break;
    mkdirSync(join(out, network.file), { recursive: true });
    const options = [
      ["--weights", join(data, "weights", `imagenette10_${network.file}.safetensors`)],
      ["--images", join(data, "images", "imagenette-train-160.tar")],
      ["--images", join(data, "images", "imagenette-val-224.tar")],
      ["--mean-bits", BITS.join()],
      ["--ram", network.ram],
      ["--seed", job.seeds.join()],
      ["--episodes", String(job.episodes ?? network.episodes)],
      ["--allocator", job.allocators],
      ["--checkpoint", join(out, network.file)],
      job.extra ?? [],
    ];
    const timeout = left === Infinity ? undefined : left;
    const run = spawnSync(program, ["search", "--json", ...options.flat()], {
      stdio: ["ignore", "pipe", "inherit"], timeout, maxBuffer: 1 << 28,
    });
    if (run.error?.code === "ETIMEDOUT") break;
    if (run.status !== 0) process.exit(run.status ?? 1);
    writeFileSync(path(network, job), run.stdout);
  }
}

/** Every result: network, bits, allocator and what it found. */
const found = [];
for (const network of NETWORKS) {
  for (const job of JOBS.filter((job) => existsSync(path(network, job)))) {
    const { runs } = JSON.parse(readFileSync(path(network, job)));
    for (const [number, run] of runs.entries()) {
      const bits = BITS[Math.floor(number / job.seeds.length)];
      for (const result of run.allocators) {
        const name = job.job.startsWith("scratch") ? "agent from scratch" : result.allocator;
        found.push({ network: network.name, bits, name, ...result });
      }
    }
  }
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const names = ["uniform", "rule", "notch-down", "random", "greedy", "exact", "evolution", "agent from scratch", "agent"];
const of = (network, bits, name) => found.filter((r) => r.network === network && r.bits === bits && r.name === name);
const row = (cells) => console.log(`| ${cells.join(" | ")} |`);

row(["network", "bits", ...names]);
row(Array(names.length + 2).fill("---"));
for (const { name: network } of NETWORKS) {
  for (const bits of BITS) {
    const cell = (name) => {
      const results = of(network, bits, name);
      return results.length ? mean(results.map((r) => r.test_top1)).toFixed(1) : "";
    };
    if (found.some((r) => r.network === network && r.bits === bits)) row([network, bits, ...names.map(cell)]);
  }
}

console.log();
row(["network", "bits", "allocator", "seeds", "accuracy: mean (least to most)", "reward", "memory used", "seconds", "best at, of"]);
row(Array(9).fill("---"));
for (const { name: network } of NETWORKS) {
  for (const bits of BITS) {
    for (const name of names) {
      const results = of(network, bits, name);
      if (!results.length) continue;
      const tests = results.map((r) => r.test_top1);
      const range = results.length > 1 ? ` (${Math.min(...tests).toFixed(2)} to ${Math.max(...tests).toFixed(2)})` : "";
      row([
        network, bits, name, results.length,
        `${mean(tests).toFixed(2)}${range}`,
        mean(results.map((r) => r.best.accuracy)).toFixed(2),
        `${(100 * mean(results.map((r) => Math.max(r.flash_share, r.ram_share)))).toFixed(1)} %`,
        mean(results.map((r) => r.scoring_seconds + r.allocator_seconds)).toFixed(0),
        `${mean(results.map((r) => r.best.episode)).toFixed(0)}, ${mean(results.map((r) => r.episodes)).toFixed(0)}`,
      ]);
    }
  }
}
