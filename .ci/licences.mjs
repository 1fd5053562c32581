// What the crates of others allow, from Cargo's metadata.
//   node .ci/licences.mjs check   fails if a crate comes from elsewhere than crates.io or has a licence that is not listed
//   node .ci/licences.mjs list    writes the licences of all crates in the built app, with their texts
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const MANIFESTS = ["Cargo.toml", "tests/fuzz/Cargo.toml"];
const REGISTRY = "registry+https://github.com/rust-lang/crates.io-index";

/**
 * Licences that let the app and the command line be given away under their own. MPL-2.0 asks for the source of its own
 * files, which are used as they are: the list names where it is.
 */
const ALLOWED = new Set([
  "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0",
  "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "NCSA", "Unicode-3.0", "Unlicense", "Zlib",
]);

const cargo = (...words) =>
  execFileSync("cargo", [...words, "--locked", "--offline"], {
    cwd: ROOT,
    maxBuffer: 1 << 28,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });

/** Crates that are compiled with these options of `cargo tree`: the metadata alone name those of unused features too. */
const compiled = (manifest, ...options) => {
  const { packages } = JSON.parse(cargo("metadata", "--format-version", "1", "--all-features", "--manifest-path", manifest));
  const byName = new Map(packages.map((crate) => [`${crate.name} v${crate.version}`, crate]));
  const tree = cargo("tree", "--prefix", "none", "--format", "{p}", "--manifest-path", manifest, ...options);
  const names = tree.match(/^\S+ v\d\S*/gm) ?? [];
  const crates = [...new Set(names)].map((name) => byName.get(name));
  return crates.filter(({ name }) => !name.startsWith("bitsmith")).sort((a, b) => (a.name < b.name ? -1 : 1));
};

/** Whether an SPDX expression can be met with allowed licences alone. `/` is how old crates write OR. */
const isAllowed = (expression) => {
  const words = expression.replaceAll("/", " OR ").match(/\(|\)|[^\s()]+/g) ?? [];
  const term = () => {
    if (words[0] === "(") {
      words.shift();
      const inner = any();
      if (words.shift() !== ")") throw new Error(`no licence expression: ${expression}`);
      return inner;
    }
    let name = words.shift();
    if (words[0] === "WITH") name += ` ${words.shift()} ${words.shift()}`;
    return ALLOWED.has(name);
  };
  const all = () => {
    let met = term();
    while (words[0] === "AND") {
      words.shift();
      met = term() && met;
    }
    return met;
  };
  const any = () => {
    let met = all();
    while (words[0] === "OR") {
      words.shift();
      met = all() || met;
    }
    return met;
  };
  const met = any();
  if (words.length > 0) throw new Error(`no licence expression: ${expression}`);
  return met;
};

const check = () => {
  const crates = MANIFESTS.flatMap((manifest) => compiled(manifest, "--target", "all", "--all-features"));
  const problems = new Set();
  for (const { name, version, license, source } of crates) {
    if (source !== REGISTRY) problems.add(`${name} ${version} comes from ${source}, expected crates.io`);
    if (!license || !isAllowed(license)) {
      problems.add(`${name} ${version} has the licence ${license ?? "of a file"}, which .ci/licences.mjs does not list`);
    }
  }
  for (const problem of problems) console.error(`error: ${problem}`);
  process.exitCode = problems.size > 0 ? 1 : 0;
};

/** The crates in the app: not those that only build or test it. */
const shipped = () =>
  compiled(
    "Cargo.toml", "--target", "wasm32-unknown-unknown", "--no-default-features", "--features", "web,webgpu",
    "--edges", "normal,no-proc-macro",
  );

const IS_LICENCE = /^(licen[cs]e|copying|notice|unlicense|copyright)/i;

/** The texts that lie beside a crate's manifest. */
const textsOf = (crate) => {
  const folder = dirname(crate.manifest_path);
  const files = readdirSync(folder, { withFileTypes: true }).filter((file) => file.isFile() && IS_LICENCE.test(file.name));
  return files.map((file) => readFileSync(join(folder, file.name), "utf8").replaceAll("\r\n", "\n").trim());
};

const list = () => {
  const own = ["LICENSE-MIT", "LICENSE-APACHE"].map((file) => readFileSync(join(ROOT, file), "utf8").trim());
  // Texts that differ in their line breaks alone are one.
  const users = new Map();
  const add = (text, name) => {
    const key = text.replace(/\s+/g, " ").toLowerCase();
    const known = users.get(key) ?? { text, names: [] };
    users.set(key, { ...known, names: [...known.names, name] });
  };
  for (const text of own) add(text, "Bitsmith");
  const crates = shipped();
  for (const crate of crates) {
    for (const text of textsOf(crate)) add(text, crate.name);
  }
  const line = "-".repeat(80);
  const out = [
    "Bitsmith is given away under the MIT licence or the Apache licence 2.0, as you choose.",
    "",
    "The app contains the crates below, and the standard library of Rust (MIT OR Apache-2.0,",
    "https://github.com/rust-lang/rust). None of them was changed; their sources are at the addresses beside them. A",
    "package for firmware contains none of them: its C runtime is Bitsmith's own.",
    "",
    ...crates.map(({ name, version, license, repository }) =>
      [`${name} ${version}`, license, repository].filter(Boolean).join("  "),
    ),
  ];
  for (const { text, names } of users.values()) out.push("", line, [...new Set(names)].join(", "), line, "", text);
  process.stdout.write(`${out.join("\n")}\n`);
};

const commands = { check, list };
const command = commands[process.argv[2]];
if (!command) throw new Error(`expected one of ${Object.keys(commands).join(", ")}`);
command();
