// Starts the page, or says what the browser lacks; Trunk writes the names of the module and its Wasm into <meta name="page">.
const { content, dataset } = document.querySelector("meta[name=page]");
const url = (name) => new URL(name, document.baseURI).href;

/** The first versions that have all that is checked below; index.html names the same. */
const BROWSERS = "Chrome or Edge 96, Firefox 114, Safari 16.4";

/** Modules of WebAssembly: one with an instruction on 128-bit vectors, one with a table of references to JavaScript's values. */
const VECTORS = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
const REFERENCES = [0, 97, 115, 109, 1, 0, 0, 0, 4, 4, 1, 111, 0, 1];
const knows = (module) => WebAssembly.validate(new Uint8Array(module));

/** Whether workers can be modules: a browser that knows them asks for the type, before it finds that the address is none. */
const hasModuleWorkers = () => {
  let asked = false;
  const options = { get type() { asked = true; return "module"; } };
  try {
    new Worker("http://[", options);
  } catch {
    // As it should.
  }
  return asked;
};

/** What the browser lacks, in words; undefined if nothing. */
const missing = () => {
  if (typeof WebAssembly !== "object") return "no WebAssembly (some browsers turn it off in a strict mode)";
  if (!knows(VECTORS)) return "no WebAssembly SIMD";
  if (!knows(REFERENCES)) return "no reference types in WebAssembly";
  if (typeof Worker !== "function") return "no workers";
  if (!hasModuleWorkers()) return "no workers that are modules";
  return undefined;
};

const refuse = (sentence) => {
  const message = document.createElement("p");
  message.className = "error";
  message.setAttribute("role", "alert");
  message.textContent = sentence;
  document.getElementById("app").replaceChildren(message);
};

const start = async () => {
  const lacks = missing();
  if (lacks) return refuse(`This browser has ${lacks}. Bitsmith needs ${BROWSERS}, or newer.`);
  try {
    const page = await import(url(content));
    await page.default({ module_or_path: url(dataset.wasm) });
  } catch (error) {
    refuse(`Bitsmith could not start: ${error.message}. Check the connection and reload the page. It needs ${BROWSERS}, or newer.`);
    throw error;
  }
};

/** Says that a new version waits, which takes the place of the old one once no tab shows it. */
const announce = (registration) => {
  const say = () => {
    if (!registration.waiting || !navigator.serviceWorker.controller) return;
    const note = document.getElementById("update");
    note.textContent = "A new version of Bitsmith is here. Close all its tabs, then open it again to use it.";
    note.hidden = false;
  };
  say();
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", say));
};

// Offline from the second visit on. Browsers keep no service worker for pages from plain http hosts or in some private
// windows, and some that block it say nothing of it: there the page needs its server.
navigator.serviceWorker?.register(url("sw.js"), { updateViaCache: "none" })
  .then((registration) => registration && announce(registration), (error) => console.warn(`No use offline: ${error.message}`));
start();
