// Starts the page; Trunk writes the names of its module and its Wasm into <meta name="page">.
const { content, dataset } = document.querySelector("meta[name=page]");
const url = (name) => new URL(name, document.baseURI).href;

try {
  const page = await import(url(content));
  await page.default({ module_or_path: url(dataset.wasm) });
} catch (error) {
  document.getElementById("app").textContent =
    `Bitsmith could not start: ${error.message}. It needs a browser with WebAssembly SIMD: ` +
    "Chrome or Edge 91, Firefox 89, Safari 16.4 or newer.";
  throw error;
}

// Offline from the second visit on; where the browser keeps no service worker, the page needs its server as before.
navigator.serviceWorker?.register(url("sw.js")).catch((error) => console.warn(`No use offline: ${error.message}`));
