// PNG files with an opacity, which canvases cannot write: they lose the colours of what is transparent.
import { crc32, deflateSync } from "node:zlib";

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A PNG of pixels as a canvas has them: `width` x `height` x red, green, blue, opacity. */
export function png({ width, height, pixels }) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits a sample, with opacity.
  header.set([8, 6], 8);
  // Every row says how it is filtered: not at all.
  const rows = Array.from({ length: height }, (_, y) => [Buffer.alloc(1), pixels.subarray(4 * width * y, 4 * width * (y + 1))]);
  const data = deflateSync(Buffer.concat(rows.flat()));
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}
