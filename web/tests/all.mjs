// All tests of the page in one process: one browser and one Python for all of them.
import { readdirSync } from "node:fs";

const here = readdirSync(new URL(".", import.meta.url)).filter((name) => name.endsWith(".test.mjs")).sort();
for (const name of here) await import(`./${name}`);
