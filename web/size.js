// Size a hybrid: configs beside each other, in the number types of a deployment.
"use strict";

const Size = (() => {
  const { make, show, count, bytes, whole, table, slider, choice } = Page;
  const MOST_BYTES = 2 * 2 ** 20;
  const MOST_CONFIGS = 8;
  const DEEPEST = 20;
  const TYPES = [["bfloat16", "bf16 or fp16"], ["fp8", "fp8 or int8"], ["int4", "int4"], ["float32", "fp32"]];
  const CACHES = [["bfloat16", "bf16 or fp16"], ["fp8", "fp8 or int8"], ["float32", "fp32"]];
  const LENGTHS = Array.from({ length: 29 }, (_, i) => Math.round(2 ** (6 + i / 2)));
  const BATCHES = Array.from({ length: 11 }, (_, i) => 2 ** i);
  const ITEMS = Array.from({ length: 20 }, (_, i) => Math.round(2 ** (1 + i * 0.7)));

  const view = { configs: [], length: 18, batch: 0, weights: "bfloat16", cache: "bfloat16", items: 8 };
  let answers = [];
  let changed = () => {};
  const parts = {};

  /** What it can recall at most in what does not grow; where nothing stays, nothing bounds it. */
  const recalled = ({ recurrent_bits, window_bits, recall_items: words }) =>
    (recurrent_bits + window_bits === 0 ? "no bound: all of it grows" : `${whole(words)} word${words === 1 ? "" : "s"}`);

  const question = (config) => ({
    ask: "size", config: config.values, seq_len: LENGTHS[view.length], batch: BATCHES[view.batch],
    weights: view.weights, cache: view.cache,
  });

  const update = () => {
    changed();
    if (view.configs.length === 0) {
      answers = [];
      draw();
      drawTheory([], []);
      return;
    }
    const asked = view.configs.slice();
    const stand = () => asked.length === view.configs.length && asked.every((config, i) => config === view.configs[i]);
    Promise.all(asked.map((config, i) => Python.ask(`size ${i}`, question(config)))).then((found) => {
      if (!stand()) return; // removed while Python counted
      answers = asked.map((config, i) => ({ config, ...found[i] }));
      draw();
    });
    Promise.all(asked.map((config, i) => Python.ask(`ruled out ${i}`, {
      ask: "ruled out", config: config.values, seq_len: LENGTHS[view.length], items: ITEMS[view.items], budget: 2 ** 60,
    }))).then((found) => { if (stand()) drawTheory(asked, found); });
  };

  const say = (text) => { parts.status.textContent = text; };

  /** Whether lists and objects lie no deeper in each other than configs need; a stack of one's own, not the language's. */
  const isShallow = (values) => {
    let level = [values];
    for (let depth = 0; depth < DEEPEST; depth++) {
      level = level.flatMap((value) => Object.values(value)).filter((value) => value !== null && typeof value === "object");
      if (level.length === 0) return true;
    }
    return false;
  };

  /** A config in a text; a line about what is wrong with it goes to the status. */
  const addText = (name, text) => {
    if (text.length > MOST_BYTES) return say(`${name}: a config has at most 2 MiB, this text has ${bytes(text.length)}.`);
    let values;
    try {
      values = JSON.parse(text);
    } catch {
      return say(`${name}: this is no JSON.`);
    }
    if (values === null || typeof values !== "object" || Array.isArray(values)) return say(`${name}: a config is a JSON object.`);
    if (!isShallow(values)) return say(`${name}: a config is not nested more than ${DEEPEST} deep.`);
    if (view.configs.length >= MOST_CONFIGS) return say(`At most ${MOST_CONFIGS} configs stand beside each other.`);
    view.configs.push({ name: name.slice(0, 60), values });
    say(`${name.slice(0, 60)} added.`);
    drawConfigs();
    update();
  };

  const addFiles = async (files) => {
    for (const file of files) {
      if (file.size > MOST_BYTES) say(`${file.name}: a config has at most 2 MiB, this file has ${bytes(file.size)}; it was not read.`);
      else addText(file.name, await file.text());
    }
  };

  const drawConfigs = () => show(parts.configs, view.configs.map((config, i) => make("li", {},
    config.name, " ",
    make("button", { type: "button", "aria-label": `Remove ${config.name}`, onclick: () => {
      view.configs.splice(i, 1);
      drawConfigs();
      update();
    } }, "remove"))));

  const draw = () => {
    const good = answers.filter((entry) => entry.answer);
    const wrong = answers.filter((entry) => entry.error);
    show(parts.errors, wrong.map((entry) => make("p", { class: "error" }, `${entry.config.name}: ${entry.error}`)));
    if (good.length === 0) {
      show(parts.result);
      show(parts.fits);
      return;
    }
    const per = (text, f) => [text, ...good.map((entry) => f(entry.answer))];
    const length = whole(LENGTHS[view.length]);
    const rows = [
      per("parameters", (a) => count(a.parameters)),
      per(`weights, ${view.weights}`, (a) => bytes(a.weight_bytes)),
      per("state that does not grow, one sequence", (a) => bytes(a.fixed_bytes)),
      per(`keys and values of ${length} tokens, ${view.cache}, one sequence`, (a) => bytes(a.cache_bytes)),
      per(`weights and ${whole(BATCHES[view.batch])} of these sequences`, (a) => bytes(a.total_bytes)),
      per("less than with full attention everywhere, from", (a) => (a.crossing === null ? "not known" : a.crossing.length === null ? "never" : `${whole(a.crossing.length)} tokens`)),
      per("recalls at most, without its growing cache", (a) => (a.capacity === null ? "not known" : recalled(a.capacity))),
      per("formulas", (a) => (a.verified ? "tested against the model's code" : "generic, not tested")),
    ];
    show(parts.result, table("What each holds", ["", ...good.map(({ config, answer }) => (config.name.toLowerCase() === answer.title.toLowerCase() ? answer.title : `${config.name}: ${answer.title}`))], rows));
    const notes = good.flatMap((entry) => entry.answer.notes.map((note) => make("li", {}, `${entry.config.name}: ${note}`)));
    if (notes.length) parts.result.append(make("ul", { class: "notes" }, notes));
    drawFits(good);
  };

  const drawFits = (good) => {
    const cards = [...new Set(good[0].answer.fits.map((row) => row.cards))];
    const sizes = [...new Set(good[0].answer.fits.map((row) => row.gigabytes))];
    show(parts.fits, good.map((entry) => {
      const at = (size, n) => entry.answer.fits.find((row) => row.gigabytes === size && row.cards === n).sequences;
      return table(
        `${entry.config.name}: sequences of ${whole(LENGTHS[view.length])} tokens that fit beside the weights`,
        ["card", ...cards.map((n) => (n === 1 ? "1 card" : `${n} cards`))],
        sizes.map((size) => [`${size}\u00a0GB`, ...cards.map((n) => whole(at(size, n)))]));
    }));
  };

  const drawTheory = (asked, found) => {
    parts.theoryHead.hidden = found.length === 0;
    show(parts.theory, found.map((entry, i) => theoryOf(asked[i], entry)));
  };

  const theoryOf = (config, entry) => {
    if (!entry.answer) return make("p", {}, `${config.name}: ${entry.error}`);
    const plan = entry.answer;
    const out = plan.candidates.filter((c) => !c.remains);
    const own = plan.candidates.find((c) => c.window === "own");
    const verdict = own === undefined || own.remains ? "is not ruled out" : `is ruled out (${own.exclusions.map((e) => e.bound).join(", ")})`;
    return make("div", {},
      make("p", {}, `${config.name}: to recall ${whole(plan.items)} words exactly, any model must carry ${bytes(plan.least_bytes)} from token to token. As it stands, the model ${verdict}; of ${plan.candidates.length} mixes of its layers, ${out.length} are ruled out.`),
      out.length ? make("details", {}, make("summary", {}, "Which"), make("ul", {}, out.slice(0, 40).map((c) => make("li", {}, `${c.pattern}, window ${c.window}: ${c.exclusions.map((e) => e.bound).join(", ")}`)))) : "");
  };

  const build = (root, { saved, onchange, link }) => {
    changed = onchange;
    if (saved) {
      for (const key of ["length", "batch", "items"]) if (Number.isInteger(saved[key])) view[key] = Math.max(0, Math.min({ length: 28, batch: 10, items: 19 }[key], saved[key]));
      for (const [key, types] of [["weights", TYPES], ["cache", CACHES]]) if (types.some(([type]) => type === saved[key])) view[key] = saved[key];
      if (Array.isArray(saved.configs)) {
        view.configs = saved.configs.slice(0, MOST_CONFIGS).filter((c) => c && typeof c.values === "object" && c.values !== null && isShallow(c.values))
          .map((c) => ({ name: String(c.name).slice(0, 60), values: c.values }));
      }
    }
    parts.status = make("p", { role: "status", class: "status" });
    parts.configs = make("ul", { class: "configs", "aria-label": "Configs" });
    parts.errors = make("div", { role: "alert" });
    for (const name of ["result", "fits", "theory"]) parts[name] = make("div", { class: name });
    parts.theoryHead = make("h3", { hidden: true }, "What theory rules out"); // nothing of nothing
    const paste = make("textarea", { id: "size-paste", rows: 4, spellcheck: "false", placeholder: "{\"model_type\": \"jamba\", ..}" });
    const files = make("input", { id: "size-files", type: "file", multiple: true, accept: ".json,application/json", onchange: () => { addFiles([...files.files]); files.value = ""; } });
    const drop = make("div", {
      class: "drop",
      ondragover: () => drop.classList.add("over"),
      ondragleave: () => drop.classList.remove("over"),
      ondrop: () => drop.classList.remove("over"),
    },
    make("label", { for: "size-files" }, "Drop config.json files here, or choose them"), files,
    make("label", { for: "size-paste" }, "or paste one"), paste,
    make("div", { class: "buttons" },
      make("button", { type: "button", onclick: () => { addText("pasted", paste.value); } }, "Add what is pasted"),
      EXAMPLES.map(({ name, values }) => make("button", { type: "button", onclick: () => addText(name, JSON.stringify(values)) }, `Example: ${name}`))));
    const set = (key) => (value) => { view[key] = value; update(); };
    const controls = make("div", { class: "controls" },
      slider({ id: "size-length", name: "Tokens of a sequence", most: 28, value: view.length, steps: (i) => i, words: (i) => whole(LENGTHS[i]), changed: set("length") }).element,
      slider({ id: "size-batch", name: "Sequences at once", most: 10, value: view.batch, steps: (i) => i, words: (i) => whole(BATCHES[i]), changed: set("batch") }).element,
      choice({ id: "size-weights", name: "Weights in", options: TYPES, value: view.weights, changed: set("weights") }).element,
      choice({ id: "size-cache", name: "Keys and values in", options: CACHES, value: view.cache, changed: set("cache") }).element,
      slider({ id: "size-items", name: "Words to recall exactly", most: 19, value: view.items, steps: (i) => i, words: (i) => whole(ITEMS[i]), changed: set("items") }).element);
    show(root, drop, parts.status, parts.configs, controls, link, parts.errors, parts.result, parts.fits,
      parts.theoryHead, parts.theory);
    drawConfigs();
    update();
  };

  return { build, addFiles, view: () => view };
})();
