// See one work: a model whose weights were set by hand, its forward pass in this page, every weight open to damage.
"use strict";

const Work = (() => {
  const { make, show, slider, choice } = Page;
  const MOST_TOKENS = 100;
  const ROWS_TRIED = 60;

  const view = { model: 0, text: "", chosen: null, weight: null, index: 0, factor: 50 };
  let changed = () => {};
  const parts = {};

  const original = () => MODELS[view.model];
  const flat = (array) => (Array.isArray(array) ? array.flatMap(flat) : [array]);
  const shape = (array) => (Array.isArray(array) ? [array.length, ...shape(array[0])] : []);

  /** Indices of the n-th entry of an array of that shape. */
  const unravel = (n, sizes) => sizes.reduceRight(([rest, at], size) => [Math.floor(rest / size), [rest % size, ...at]], [n, []])[1];

  /** A weight in four digits: the least of them matter, so none is rounded to 0. */
  const short = (value) => String(Number(value.toPrecision(4)));

  const factor = () => (view.factor - 50) / 25 + 1;

  const tokensShown = (model) => {
    const names = model.token_names.slice(0, -3);
    return names.length > 12 ? [...names.slice(0, 4), "..", ...names.slice(-5)].join(" ") : names.join(" ");
  };

  const current = () => {
    const model = original();
    if (view.weight === null || view.factor === 50) return model;
    const array = model.weights[view.weight];
    const index = unravel(view.index, shape(array));
    return Hybrid.damaged(model, view.weight, index, flat(array)[view.index] * factor());
  };

  const tokensOf = (model) => {
    const tokens = Hybrid.parse(model, view.text);
    const most = Math.min(MOST_TOKENS, model.seq_len);
    if (tokens.length > most) throw new Error(`at most ${most} tokens, got ${tokens.length}`);
    return tokens;
  };

  const pass = (model, tokens) => {
    const found = Hybrid.forward(model, tokens);
    return { ...found, answers: found.logits.map(Hybrid.argmax), held: Hybrid.held(model, found.stages), known: Hybrid.known(model, tokens), targets: Hybrid.targets(model, tokens) };
  };

  const draw = () => {
    changed();
    const model = current();
    let tokens;
    try {
      tokens = tokensOf(model);
    } catch (error) {
      show(parts.error, error.message);
      return;
    }
    show(parts.error);
    if (tokens.length === 0) {
      show(parts.pass);
      show(parts.look);
      return;
    }
    const found = pass(model, tokens);
    if (view.chosen === null || view.chosen >= tokens.length) view.chosen = tokens.length - 1;
    const name = (token) => (token === null ? "" : model.token_names[token]);
    const wrong = found.targets.map((target, i) => target !== null && target !== found.answers[i]);
    const row = (title, cells) => make("tr", {}, make("th", { scope: "row" }, title), cells);
    const look = found.looks.at(-1).heads[0][view.chosen];
    const most = look.first + Hybrid.argmax(look.weights);
    const scrolled = parts.pass.querySelector(".scroll")?.scrollLeft ?? 0;
    show(parts.pass, make("p", {}, "The pass. Choose a token to see where the last attention looks from there."), make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The pass, position by position" },
      make("table", { class: "pass", "aria-label": "The pass" },
        make("tbody", {},
          row("token", tokens.map((token, i) => make("td", {}, make("button", {
            type: "button", "aria-pressed": String(i === view.chosen), "aria-label": `position ${i}, token ${name(token)}`,
            onfocus: (event) => { if (event.target.matches(":focus-visible")) reveal(i); }, // not under a finger or a mouse
            onclick: () => { view.chosen = i; draw(); parts.pass.querySelectorAll("button")[i].focus({ preventScroll: true }); },
          }, name(token))))),
          row("held", found.held.map((held, i) => make("td", {}, found.known[i] ? held.name : ""))),
          row("looked at", tokens.map((_, i) => {
            const weight = i >= look.first && i <= view.chosen ? look.weights[i - look.first] : 0;
            return make("td", { class: "look", style: `--weight: ${weight.toFixed(3)}`, "aria-label": `weight ${weight.toFixed(2)}` }, weight > 0.005 ? weight.toFixed(2) : "");
          })),
          row("answer", found.answers.map((answer, i) => make("td", { class: wrong[i] ? "wrong" : "" }, found.targets[i] === null ? make("span", { class: "unscored" }, name(answer)) : name(answer)))),
          row("target", found.targets.map((target) => make("td", {}, target === null ? "-" : name(target)))),
        ))));
    parts.pass.querySelector(".scroll").scrollLeft = scrolled;
    reveal(most);
    reveal(view.chosen);
    const chosen = found.targets[view.chosen];
    const scored = found.targets.filter((target) => target !== null).length;
    const bad = wrong.filter(Boolean).length;
    show(parts.look,
      `At position ${view.chosen} it holds ${found.known[view.chosen] ? found.held[view.chosen].name : "nothing"}, looks ${view.chosen - most} back, and answers ${name(found.answers[view.chosen])}; `,
      chosen === null ? "nothing is asked there. " : `the target is ${name(chosen)}. `,
      `Of ${scored} scored positions ${scored - bad} are right.`);
    drawDamage(model, tokens, wrong);
    drawDrag(model, tokens);
  };

  /** Scroll the pass, and nothing around it, by the least that shows the whole column of that position. */
  const reveal = (position) => {
    const box = parts.pass.querySelector(".scroll");
    const [title, ...cells] = box.querySelector("tr").children;
    const seen = box.getBoundingClientRect();
    const cell = cells[position].getBoundingClientRect();
    const left = cell.left - seen.left - title.offsetWidth;
    const right = cell.right - seen.left - box.clientWidth;
    if (left < 0) box.scrollLeft += Math.floor(left);
    else if (right > 0) box.scrollLeft += Math.ceil(right);
  };

  /** The first wrong answer of a damaged model: in the typed row, else in rows drawn here. */
  const drawDamage = (model, tokens, wrong) => {
    const array = original().weights[view.weight];
    const value = flat(array)[view.index];
    const place = unravel(view.index, shape(array)).join(", ");
    const what = `${view.weight}[${place}] is ${short(value)}${view.factor === 50 ? "" : `, now ${short(value * factor())}`}. `;
    if (model === original()) {
      show(parts.damage, what, "Nothing is damaged.");
      return;
    }
    const first = wrong.indexOf(true);
    if (first >= 0) {
      show(parts.damage, what, `First wrong answer in this row: position ${first}.`);
      return;
    }
    const found = firstWrong(model);
    show(parts.damage, what, found === null
      ? `Still right here and at every scored position of ${ROWS_TRIED} random rows.`
      : `Right here; wrong at position ${found.position} of: ${found.tokens.slice(0, found.position + 1).map((t) => model.token_names[t]).join(" ")}`);
  };

  const firstWrong = (model) => {
    let seed = 12345;
    const draw = (n) => { seed = (Math.imul(seed, 1103515245) + 12345) >>> 0; return (seed >>> 8) % n; };
    const ordinary = model.token_names.length - 3;
    for (let tried = 0; tried < ROWS_TRIED; tried++) {
      const tokens = Array.from({ length: Math.min(30, model.seq_len) }, () => draw(ordinary));
      const { answers, targets } = pass(model, tokens);
      const position = targets.findIndex((target, i) => target !== null && target !== answers[i]);
      if (position >= 0) return { tokens, position };
    }
    return null;
  };

  /** The last number (or bit; of a program any token) of the row, to be dragged to another value. */
  const drawDrag = (model, tokens) => {
    const words = model.n_words;
    const marks = model.token_names.length - 3 - words;
    const at = tokens.findLastIndex((token) => token >= words);
    if (document.activeElement && parts.drag.contains(document.activeElement)) return;
    if (at < 0) {
      show(parts.drag);
      return;
    }
    show(parts.drag, slider({
      id: "work-drag", name: `The last ${words ? "number" : "token"}, at position ${at}`, most: marks - 1, value: tokens[at] - words,
      steps: (i) => i, words: (i) => model.token_names[words + i],
      changed: (i) => {
        const names = view.text.trim().split(/\s+/);
        names[at] = model.token_names[words + i];
        view.text = names.join(" ");
        parts.text.value = view.text;
        draw();
      },
    }).element);
  };

  /** The entry that begins a choice: 0 times anything would stay 0. */
  const loudest = (model, name) => Hybrid.argmax(flat(model.weights[name]).map(Math.abs));

  const drawWeights = () => {
    const model = original();
    const names = Object.keys(model.weights).filter((name) => flat(model.weights[name]).length > 0); // a layer may have no MLP
    if (!names.includes(view.weight)) {
      [view.weight, view.index] = model.damaged_first;
      view.factor = 50;
    }
    const size = flat(model.weights[view.weight]).length;
    view.index = Math.min(view.index, size - 1);
    show(parts.weights,
      choice({ id: "work-weight", name: "Weight", options: names.map((name) => [name, name]), value: view.weight, changed: (name) => { view.weight = name; view.index = loudest(model, name); view.factor = 50; drawWeights(); draw(); } }).element,
      slider({ id: "work-index", name: "Entry", most: size - 1, value: view.index, steps: (i) => i, words: (i) => `[${unravel(i, shape(model.weights[view.weight])).join(", ")}]`, changed: (i) => { view.index = i; draw(); } }).element,
      slider({ id: "work-factor", name: "Times", most: 100, value: view.factor, steps: (i) => i, words: (i) => ((i - 50) / 25 + 1).toFixed(2), changed: (i) => { view.factor = i; draw(); } }).element,
      make("button", { type: "button", onclick: () => { view.factor = 50; drawWeights(); draw(); } }, "Repair"));
  };

  const build = (root, { saved, onchange, link }) => {
    changed = onchange;
    view.text = original().typed;
    if (saved) {
      if (Number.isInteger(saved.model) && saved.model >= 0 && saved.model < MODELS.length) view.model = saved.model;
      view.text = typeof saved.text === "string" ? saved.text.slice(0, 2000) : original().typed;
      if (Number.isInteger(saved.chosen) && saved.chosen >= 0) view.chosen = saved.chosen;
      if (typeof saved.weight === "string") view.weight = saved.weight;
      if (Number.isInteger(saved.index) && saved.index >= 0) view.index = saved.index;
      if (Number.isInteger(saved.factor)) view.factor = Math.max(0, Math.min(100, saved.factor));
    }
    for (const name of ["pass", "drag", "damage"]) parts[name] = make("div");
    parts.weights = make("div", { class: "controls" });
    parts.damage.setAttribute("role", "status");
    parts.look = make("p", { role: "status" });
    parts.error = make("p", { role: "alert", class: "error" });
    parts.about = make("p");
    parts.text = make("input", { id: "work-text", type: "text", value: view.text, spellcheck: "false", autocapitalize: "off", oninput: () => { view.text = parts.text.value; draw(); } });
    const about = () => {
      const model = original();
      show(parts.about, `${model.config.pattern}, ${model.parameters} weights, none of them trained; the layout of the proof: ${model.layout}.${model.task.written ? ` Its program: ${model.task.written.join("; ")}.` : ""} Its tokens: ${tokensShown(model)}.`);
    };
    show(root,
      make("div", { class: "controls" },
        choice({ id: "work-model", name: "Model", options: MODELS.map((model, i) => [String(i), `${model.name}, ${model.parameters} weights`]), value: String(view.model), changed: (i) => { view.model = Number(i); view.text = original().typed; view.weight = null; view.chosen = null; parts.text.value = view.text; about(); drawWeights(); draw(); } }).element,
        make("div", { class: "field wide" }, make("label", { for: "work-text" }, "Type tokens, with blanks between them"), parts.text)),
      parts.about, parts.error, parts.drag, parts.pass, parts.look, link,
      make("h3", {}, "Damage a weight"), parts.weights, parts.damage);
    about();
    drawWeights();
    draw();
  };

  return { build, view: () => view };
})();
