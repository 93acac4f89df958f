// Asks Python in its worker. Of questions of one kind that wait, only the latest is asked; the others are forgotten.
"use strict";

const Python = (() => {
  const bytes = (id) => Uint8Array.from(atob(document.getElementById(id).textContent.trim()), (c) => c.charCodeAt(0));
  const unpacked = (id) => new Response(new Blob([bytes(id)]).stream().pipeThrough(new DecompressionStream("gzip")));

  const waiting = new Map();
  const queue = new Map();
  let worker = null;
  let ready = false;
  let busy = false;
  let count = 0;

  const MOST_SECONDS = 30;
  let clock = null;

  const next = () => {
    if (!ready || busy || queue.size === 0) return;
    const [kind, { question, resolve }] = queue.entries().next().value;
    queue.delete(kind);
    busy = true;
    count += 1;
    waiting.set(count, resolve);
    const id = count;
    clock = setTimeout(() => restart(id, `this takes more than ${MOST_SECONDS} seconds here: choose smaller sizes, or run plait`), MOST_SECONDS * 1000);
    worker.postMessage({ id, question: JSON.stringify(question) });
  };

  /** `{answer}` or `{error}`; never settles where a later question of the same kind took its place. */
  const ask = (kind, question) => new Promise((resolve) => {
    queue.delete(kind);
    queue.set(kind, { question, resolve });
    next();
  });

  let tell = () => {};

  /** Answer a question with a line, and begin with a new Python. */
  const restart = (id, line) => {
    clearTimeout(clock);
    worker.terminate();
    busy = false;
    ready = false;
    waiting.get(id)({ error: line });
    waiting.delete(id);
    start(tell);
  };

  /** Start Python; `say` hears how it goes. */
  const start = async (say) => {
    tell = say;
    say("Starting Python in this page: a few seconds, once.");
    try {
      const [wasm, machine, loader, lock] = await Promise.all([
        unpacked("part-wasm").arrayBuffer(),
        unpacked("part-machine").text(),
        unpacked("part-loader").text(),
        unpacked("part-lock").json(),
      ]);
      // A worker of type module from a blob does not start in a page that was opened from a disk; from data: it does.
      const script = document.getElementById("part-worker").textContent.trim();
      worker = new Worker(`data:text/javascript;base64,${script}`, { type: "module" });
      worker.onerror = (event) => say(`Python did not start: ${event.message || "its worker failed"}.`);
      worker.onmessage = ({ data }) => {
        if (data.ready) {
          ready = true;
          say("");
        } else if (data.failed) {
          say(`Python did not start: ${data.failed}`);
        } else if (data.broken) {
          restart(data.id, "Python cannot read this, and is started again.");
          return;
        } else {
          clearTimeout(clock);
          busy = false;
          waiting.get(data.id)(JSON.parse(data.answer));
          waiting.delete(data.id);
        }
        next();
      };
      const library = bytes("part-library").buffer;
      const sources = bytes("part-sources").buffer;
      worker.postMessage({ start: { wasm, machine, loader, lock, library, sources } }, [wasm, library, sources]);
    } catch (error) {
      say(`Python did not start: ${error.message}`);
    }
  };

  return { ask, start };
})();
