// Archives of photos in class folders, made in memory for the tests.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, gzipSync } from "node:zlib";

const BLOCK = 512;
const root = new URL("../../../", import.meta.url);
const golden = new URL("tests/golden/images/", root);

/** Real weights and photos; only where the project was developed. */
export const shared = new URL("../shared/data/", root);

/** Whether there is such a file. */
export const exists = (url) => stat(url).then(() => true, () => false);

/** Writes a file that is gone after the test `t`, and gives its path. */
export async function file(t, name, bytes) {
  const folder = await mkdtemp(join(tmpdir(), "bitsmith-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
}

/** One file of a tar archive: POSIX header and content, both in blocks. */
function entry(path, bytes) {
  const header = Buffer.alloc(BLOCK);
  header.write(path, 0);
  header.write("0000644\0" + "0000000\0" + "0000000\0", 100);
  header.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0        0", 136);
  header.write("ustar\0" + "00", 257);
  // The checksum is taken with spaces in its own place.
  const sum = header.reduce((a, b) => a + b, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, bytes, padding]);
}

/** A tgz of `[path, bytes]` pairs. */
export const tgz = (files) =>
  gzipSync(Buffer.concat([...files.map(([path, bytes]) => entry(path, bytes)), Buffer.alloc(2 * BLOCK)]));

/** A zip of `[path, bytes]` pairs, stored; paths are bytes in whatever encoding, and nothing says which. */
export function zip(files) {
  const [locals, central] = [[], []];
  let at = 0;
  for (const [path, bytes] of files) {
    // Version, flags, method, time, date, checksum, both sizes, lengths of name and extra field.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, path, bytes]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    central.push(Buffer.from("PK\x01\x02\x14\0", "latin1"), common, rest, path);
    locals.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** The files of a tar archive (regular files with short names) as `[path, bytes]` pairs. */
export function* entries(tar) {
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0; ) {
    const text = (from, length) => tar.toString("utf8", at + from, at + from + length).replace(/\0.*$/s, "");
    const size = Number.parseInt(text(124, 12), 8);
    if (tar[at + 156] === 0x30 || tar[at + 156] === 0) yield [text(0, 100), tar.subarray(at + BLOCK, at + BLOCK + size)];
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
}

/**
 * Real photos as `[class/photo.jpg, bytes]` pairs, `each` of ten classes: of Imagenette where it is (`labelled`), else copies
 * of the photos that the decoder is tested with.
 */
export async function photos(each) {
  const imagenette = new URL("images/imagenette-val-224.tar", shared);
  if (!(await exists(imagenette))) {
    const names = (await readdir(golden)).filter((name) => /^photo_4\d\d\.jpg$/.test(name));
    const read = await Promise.all(names.map((name) => readFile(new URL(name, golden))));
    const copies = (_, name) => Array.from({ length: each }, (_, i) => [`${name}/${i}.jpg`, read[(name + i) % read.length]]);
    return { files: Array.from({ length: 10 }, copies).flat(), labelled: false };
  }
  const classes = new Map();
  for (const [path, bytes] of entries(await readFile(imagenette))) {
    const [, name, file] = /^val\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (!name) continue;
    const kept = classes.get(name) ?? classes.set(name, []).get(name);
    if (kept.length < each) kept.push([`${name}/${file}`, bytes]);
  }
  return { files: [...classes.values()].flat(), labelled: true };
}
