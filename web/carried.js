// What must be carried: the bounds of a task, live, and the labels of a row.
"use strict";

const Carried = (() => {
  const { make, show, number, whole, table, slider, choice } = Page;
  const RANGES = {
    n_words: Array.from({ length: 17 }, (_, i) => Math.max(1, Math.round(2 ** (i / 2)))),
    n_bits: Array.from({ length: 8 }, (_, i) => i + 1),
    key_length: [1, 2, 3, 4, 5, 6],
  };
  const LENGTHS = Array.from({ length: 15 }, (_, i) => Math.round(2 ** (3 + i / 2)));
  const ERRORS = [["0", "0: right at every scored position"], ["0.001", "0.001 on average"], ["0.01", "0.01 on average"], ["0.1", "0.1 on average"]];
  const NUMBERS = Array.from({ length: 12 }, (_, i) => Array.from({ length: i + 1 }, (__, n) => n + 1));

  const view = { task: "selective-copying", params: {}, seq_len: 8, error: "0" };
  let tasks = [];
  let changed = () => {};
  const parts = {};

  const known = () => tasks.find((task) => task.task === view.task);
  const nearest = (values, wanted) => values.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? i : best), 0);

  const update = () => {
    changed();
    const asked = { ask: "bounds", task: view.task, params: view.params, seq_len: LENGTHS[view.seq_len], error: view.error };
    Python.ask("bounds", asked).then(draw);
  };

  const draw = ({ answer, error }) => {
    if (error) {
      show(parts.result, make("p", { class: "error" }, error));
      return;
    }
    const rows = answer.bounds.map((row) => [row.model, `${number(row.value)} ${row.unit}`, row.states === null ? "-" : row.states.length <= 24 ? number(Number(row.states)) : `${row.states.length} digits`]);
    show(parts.result,
      table("What pure models need at least", ["model", "needs", "states, exactly"], rows),
      make("ul", { class: "notes" }, answer.bounds.map((row) => make("li", {}, `${row.model}: ${row.note}`))),
      answer.frontier.length ? frontier(answer.frontier) : "");
  };

  /** Reach against bits: every model lies on or above the line. */
  const frontier = (points) => {
    const most = [Math.max(1, ...points.map((p) => p.reach)), Math.max(1, ...points.map((p) => p.bits))];
    const at = (p) => `${40 + (300 * p.reach) / most[0]},${180 - (160 * p.bits) / most[1]}`;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 440 210");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `Frontier: ${points.map((p) => `reach ${p.reach} needs ${number(p.bits)} bits`).join("; ")}`);
    const last = points.at(-1);
    for (const [kind, path] of [["axes", "40,20 40,180 340,180"], ["line", points.map(at).join(" ")]]) {
      const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
      line.setAttribute("class", kind);
      line.setAttribute("points", path);
      svg.append(line);
    }
    for (const [x, y, side, text] of [
      [40, 198, "start", "reach 0"], [340, 198, "end", `reach ${whole(most[0])} tokens`], [2, 12, "start", `${number(most[1])} bits`],
      ...(last && last.reach > 0 ? [[346, 184 - (160 * last.bits) / most[1], "start", `${number(last.bits)} bits`]] : []),
    ]) {
      const label = document.createElementNS("http://www.w3.org/2000/svg", "text");
      label.setAttribute("x", x);
      label.setAttribute("y", y);
      label.setAttribute("text-anchor", side);
      label.textContent = text;
      svg.append(label);
    }
    return make("figure", { class: "frontier" }, svg, make("figcaption", {}, "On inputs of any length, a hybrid whose windows reach so many tokens back carries at least so many bits in its recurrent states."));
  };

  const drawControls = () => {
    const task = known();
    view.params = Object.fromEntries(Object.entries(view.params).filter(([name]) => name in task.params));
    const fields = Object.entries(task.params).flatMap(([name, standard]) => {
      const value = view.params[name] ?? standard;
      if (name === "numbers") {
        const input = make("input", { id: "carried-numbers", type: "text", value: value.join(", "), inputmode: "numeric", oninput: () => {
          const numbers = input.value.split(/[\s,]+/).filter(Boolean).map(Number);
          if (numbers.length && numbers.every(Number.isInteger)) set("numbers")(numbers);
          else show(parts.result, make("p", { class: "error" }, "numbers are integers with commas between them"));
        } });
        const drag = slider({ id: "carried-numbers-count", name: "or all from 1 to", most: 11, value: Math.min(11, Math.max(0, value.length - 1)), steps: (i) => i, words: (i) => String(i + 1), changed: (i) => {
          input.value = NUMBERS[i].join(", ");
          set("numbers")(NUMBERS[i]);
        } });
        return [make("div", { class: "field" }, make("label", { for: "carried-numbers" }, "Numbers: how far back"), input), drag.element];
      }
      if (!(name in RANGES)) return [];
      const values = [...new Set([...RANGES[name], standard])].sort((a, b) => a - b);
      return [slider({ id: `carried-${name}`, name: { n_words: "Words", n_bits: "Bits of a word", key_length: "Words of a key" }[name], most: values.length - 1, value: nearest(values, value), steps: (i) => values[i], words: whole, changed: set(name) }).element];
    });
    show(parts.fields, fields);
    parts.names.textContent = `Tokens: ${task.token_names.slice(0, 6).join(" ")} .. ${task.token_names.slice(-8, -3).join(" ")}`;
  };

  const set = (name) => (value) => { view.params[name] = value; update(); };

  const label = () => {
    let rows;
    try {
      rows = JSON.parse(`[[${parts.row.value.split(/[\s,]+/).filter(Boolean).join(",")}]]`);
    } catch {
      show(parts.labels, make("p", { class: "error" }, "A row is numbers of tokens with blanks between them, such as 0 26 1 2 3 4 5 6."));
      return;
    }
    Python.ask("label", { ask: "label", task: view.task, params: view.params, rows }).then(({ answer, error }) => {
      if (error) show(parts.labels, make("p", { class: "error" }, error));
      else show(parts.labels, table("The row and its targets", ["", ...rows[0].map((_, i) => i)], [["token", ...rows[0]], ["target", ...answer[0].map((target) => target ?? "-")]]));
    });
  };

  /** A row of the task to begin with, not labelled yet. */
  const toExample = () => {
    parts.row.value = known().example.join(" ");
    show(parts.labels);
  };

  const build = async (root, { saved, onchange, link }) => {
    changed = onchange;
    const { answer } = await Python.ask("tasks", { ask: "tasks" });
    tasks = answer;
    if (saved) {
      if (tasks.some((task) => task.task === saved.task)) view.task = saved.task;
      if (Number.isInteger(saved.seq_len)) view.seq_len = Math.max(0, Math.min(14, saved.seq_len));
      if (ERRORS.some(([error]) => error === saved.error)) view.error = saved.error;
      if (saved.params && typeof saved.params === "object") view.params = saved.params;
    }
    for (const name of ["fields", "labels"]) parts[name] = make("div", { class: name === "fields" ? "controls" : "" });
    parts.result = make("div", { role: "status" });
    parts.names = make("p", { class: "notes" });
    parts.row = make("input", { id: "carried-row", type: "text", value: known().example.join(" "), spellcheck: "false" });
    show(root,
      make("div", { class: "controls" },
        choice({ id: "carried-task", name: "Task", options: tasks.map((task) => [task.task, task.task]), value: view.task, changed: (task) => { view.task = task; view.params = {}; drawControls(); update(); toExample(); } }).element,
        slider({ id: "carried-length", name: "Tokens of an input", most: 14, value: view.seq_len, steps: (i) => i, words: (i) => whole(LENGTHS[i]), changed: (i) => { view.seq_len = i; update(); } }).element,
        choice({ id: "carried-error", name: "Error allowed", options: ERRORS, value: view.error, changed: (error) => { view.error = error; update(); } }).element),
      parts.fields, link, parts.result,
      make("h3", {}, "Label a row"), parts.names,
      make("form", { class: "row", onsubmit: (event) => { event.preventDefault(); label(); } },
        make("label", { for: "carried-row" }, "Tokens by number"), parts.row, make("button", {}, "Label")),
      parts.labels);
    drawControls();
    update();
  };

  return { build, view: () => view };
})();
