// Serves dist/ as any static host would: `node .ci/serve.mjs [PORT]`. The browser tests use the same server.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

/** The built app. */
export const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
};

/**
 * Serves the folders of `places`, by the path below which each lies, on 127.0.0.1; port 0 takes any free one. Resolves to
 * the server and its address.
 */
export async function serve(port, places = { "/": DIST }) {
  const server = createServer(async (request, response) => {
    try {
      const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
      const below = Object.keys(places).filter((place) => path.startsWith(place));
      const place = below.reduce((longest, place) => (place.length > longest.length ? place : longest));
      const file = join(places[place], path.slice(place.length), path.endsWith("/") ? "index.html" : "");
      const body = await readFile(file);
      response.writeHead(200, {
        "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
        "Cache-Control": "no-cache",
      });
      response.end(body);
    } catch {
      response.writeHead(404, { "Content-Type": TYPES[".txt"] });
      response.end(`${request.url}: not found\n`);
    }
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return { server, address: `http://127.0.0.1:${server.address().port}/` };
}

/** The first free port from `port` on. */
async function serveFrom(port) {
  try {
    return await serve(port);
  } catch (error) {
    if (error.code !== "EADDRINUSE") throw error;
    console.log(`Port ${port} is taken, trying ${port + 1}.`);
    return serveFrom(port + 1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { address } = await serveFrom(Number(process.argv[2] ?? 8080));
  console.log(`Bitsmith is at ${address} (Ctrl-C stops it)`);
}
