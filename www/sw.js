// Service worker: after the first visit the page works offline. It answers from this origin alone and sends nothing.
// .ci/files.mjs writes the version and its files into the built copy.
const VERSION = "development";
/** Addresses of the files of this version, each with the hash of its content. */
const FILES = { "./": "" };
/** The same for files that are large and not always needed: they are kept once they were used. */
const LATER = {};

const SCOPE = self.registration.scope;
/** All caches of an origin share one list of names: those of this app carry its path, as in src/web/address.rs. */
const OURS = `bitsmith ${new URL(SCOPE).pathname} `;
const CACHE = OURS + VERSION;

const address = (file) => new URL(file, SCOPE).href;
const addresses = (files) => new Map(Object.entries(files).map(([file, integrity]) => [address(file), integrity]));
const now = addresses(FILES);
const later = addresses(LATER);

/** A file of this version and of no other: past the browser's own cache, and refused if its content is another. */
const exactly = (url, integrity) => new Request(url, { cache: "reload", integrity });

/** Caches of this app's other versions. Before 0.2 they were named by the version alone: those that hold this very page. */
const others = async () => {
  const names = (await caches.keys()).filter((name) => name !== CACHE);
  const old = async (name) =>
    name.startsWith(OURS) || (/^[0-9a-f]{16}$/.test(name) && (await (await caches.open(name)).match(SCOPE)));
  const found = await Promise.all(names.map(old));
  return names.filter((_, i) => found[i]);
};

/** Whether a version before this one has kept what is kept only once it was used. */
const usedLater = async () => {
  const kept = await Promise.all((await others()).map(async (name) => (await caches.open(name)).keys()));
  return kept.flat().some(({ url }) => /\/trainer-[0-9a-f]{16}\//.test(url));
};

const install = async () => {
  const files = [...now, ...((await usedLater()) ? later : [])];
  await (await caches.open(CACHE)).addAll(files.map(([url, integrity]) => exactly(url, integrity)));
};

/** Runs as soon as no tab shows the version before, which stays whole until then. */
const activate = async () => {
  await Promise.all((await others()).map((name) => caches.delete(name)));
  // The first version serves the tab that brought it.
  await self.clients.claim();
};

const answer = async (request) => {
  const url = request.url.split(/[?#]/)[0].replace(/\/index\.html$/, "/");
  const cache = await caches.open(CACHE);
  const kept = await cache.match(url);
  if (kept) return kept;
  if (!later.has(url)) return fetch(request);
  const response = await fetch(exactly(url, later.get(url)));
  if (response.ok) await cache.put(url, response.clone());
  return response;
};

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  // What lies below this app's path but belongs to another app is none of its business.
  const ours = url.split(/[?#]/)[0].replace(/\/index\.html$/, "/");
  if (method === "GET" && (now.has(ours) || later.has(ours))) event.respondWith(answer(event.request));
});
