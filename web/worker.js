// Python in a worker: receives its own parts once, then questions; answers each with the JSON that plait gives.
// Nothing is fetched: what Pyodide asks for by address is handed to it, anything else is refused.
const parts = {};

self.fetch = async (address) => {
  const name = String(address instanceof Request ? address.url : address).split("/").pop();
  if (!(name in parts)) throw new TypeError(`this page fetches nothing, also not ${name}`);
  const type = name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
  return new Response(parts[name], { headers: { "Content-Type": type } });
};

const imported = (text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));

const started = async ({ loader, machine, wasm, library, sources, lock }) => {
  parts["pyodide.asm.wasm"] = wasm;
  parts["python_stdlib.zip"] = library;
  const { loadPyodide } = await imported(loader);
  const { default: createPyodideModule } = await imported(machine);
  const pyodide = await loadPyodide({
    indexURL: "https://parts.invalid/",
    packageBaseUrl: "https://parts.invalid/",
    createPyodideModule,
    lockFileContents: lock,
    jsglobals: {},
  });
  delete parts["pyodide.asm.wasm"];
  delete parts["python_stdlib.zip"];
  pyodide.unpackArchive(sources, "zip", { extractDir: "/plait" });
  pyodide.runPython("import sys; sys.path.insert(0, '/plait')");
  return pyodide.runPython("from plait.browser import answer; answer");
};

let answer = null;
self.onmessage = ({ data }) => {
  if (data.start) {
    answer = started(data.start);
    answer.then(() => self.postMessage({ ready: true }), (error) => self.postMessage({ failed: String(error) }));
    return;
  }
  // plait answers mistakes itself: what is caught here is Python that is broken, and a new one is needed.
  answer.then((ask) => self.postMessage({ id: data.id, answer: ask(data.question) }))
    .catch(() => self.postMessage({ id: data.id, broken: true }));
};
