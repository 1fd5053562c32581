// Writes the version of the app in a folder, and the list of its files, into its service worker: node .ci/files.mjs FOLDER
import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Kept once they were used: the program that trains is large. */
const LATER = /^\.\/trainer-/;

export async function listFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, path, name }) => join(parentPath ?? path, name));
  const files = paths.map((path) => `./${relative(folder, path).split(sep).join("/")}`).filter((file) => file !== "./sw.js");
  const hashed = async (file) => {
    const sha256 = createHash("sha256").update(await readFile(join(folder, file))).digest("base64");
    return [file === "./index.html" ? "./" : file, `sha256-${sha256}`];
  };
  const all = await Promise.all(files.sort().map(hashed));
  const version = createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 16);
  const part = (later) => JSON.stringify(Object.fromEntries(all.filter(([file]) => LATER.test(file) === later)));
  const lines = [["VERSION", JSON.stringify(version)], ["FILES", part(false)], ["LATER", part(true)]];
  let script = await readFile(join(folder, "sw.js"), "utf8");
  for (const [name, value] of lines) {
    const line = new RegExp(`^const ${name} = .*;$`, "m");
    if (!line.test(script)) throw Error(`sw.js has no line for ${name}`);
    script = script.replace(line, () => `const ${name} = ${value};`);
  }
  await writeFile(join(folder, "sw.js"), script);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await listFiles(process.argv[2]);
