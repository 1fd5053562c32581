// Service worker: after the first visit the page works offline. It answers from this origin alone and sends nothing.
// .ci/stage writes the version and the list of files into the built copy.
const VERSION = "development";
const FILES = ["./"];

/** Files whose names change with their content never grow old. */
const NAMED_BY_CONTENT = /-[0-9a-f]{16}(\/|_bg\.wasm$|\.js$|\.css$)/;

const keep = async () => {
  const cache = await caches.open(VERSION);
  await cache.addAll(FILES);
  await self.skipWaiting();
};

const forgetOthers = async () => {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== VERSION).map((name) => caches.delete(name)));
  await self.clients.claim();
};

/** From the network if it answers, so that a new version shows at once; files named by content from the cache. */
const answer = async (request) => {
  const kept = () => caches.match(request, { ignoreSearch: true });
  if (NAMED_BY_CONTENT.test(request.url)) return (await kept()) ?? fetch(request);
  try {
    return await fetch(request);
  } catch (error) {
    return (await kept()) ?? Promise.reject(error);
  }
};

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && new URL(url).origin === self.location.origin) event.respondWith(answer(event.request));
});
