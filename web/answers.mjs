// Questions on standard input, one JSON document a line; answers on standard output: plait in Pyodide, under node.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { loadPyodide } from "pyodide";

const pyodide = await loadPyodide();
pyodide.unpackArchive(new Uint8Array(readFileSync(process.argv[2])), "zip", { extractDir: "/plait" });
pyodide.runPython("import sys; sys.path.insert(0, '/plait')");
const answer = pyodide.runPython("from plait.browser import answer; answer");
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${answer(line)}\n`);
}
process.stdout.write(`${pyodide.runPython("import sys, json; json.dumps({'python': sys.version.split()[0], 'heavy': [m for m in ('torch', 'numpy') if m in sys.modules]})")}\n`);
