// The page in headless Chromium: typed input, sliders, wrong files, keyboard, two widths, no request, a silent console.
// PAGE is the built file. Run by pytest (tests/browser/test_page.py), or by hand: PAGE=/path node --test web/page.test.mjs
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const address = pathToFileURL(process.env.PAGE).href;
const SHOTS = process.env.SHOTS;
const said = [];
const asked = [];
let browser;
let page;

const watched = async (options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const opened = await context.newPage();
  opened.on("console", (message) => { if (["error", "warning"].includes(message.type())) said.push(message.text()); });
  opened.on("pageerror", (error) => said.push(String(error)));
  opened.on("request", (request) => { if (!/^(file|blob|data):/.test(request.url())) asked.push(request.url()); });
  return opened;
};

const open = async (hash, options) => {
  const opened = await watched(options);
  await opened.goto(`${address}${hash}`);
  await opened.waitForSelector("body[data-ready]");
  return opened;
};

const python = (opened) => opened.waitForFunction(() => document.getElementById("python").hidden, null, { timeout: 120_000 });
const shot = async (opened, name) => {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await opened.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
};
const slide = (opened, id, value) => opened.locator(`#${id}`).evaluate((input, to) => {
  input.value = to;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}, String(value));
const settled = (opened, text) => opened.waitForFunction((wanted) => document.body.innerText.includes(wanted), text, { timeout: 60_000 });

before(async () => {
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"] });
  page = await open("#size");
  await python(page);
});
after(async () => { await browser.close(); });

test("an example is sized, and sliders change what is shown", async () => {
  await page.getByRole("button", { name: "Example: jamba" }).click();
  await settled(page, "51.57 B");
  const total = () => page.locator("#size tbody tr", { hasText: "weights and" }).locator("td").first().innerText();
  const first = await total();
  await slide(page, "size-length", 28);
  await settled(page, "1,048,576 tokens");
  assert.notEqual(await total(), first);
  await page.locator("#size-weights").selectOption("int4");
  await settled(page, "weights, int4");
  assert.match(await page.locator("#size tbody tr", { hasText: "weights, int4" }).locator("td").first().innerText(), /24\.01 GiB/);
  for (const end of [0, 28]) await slide(page, "size-length", end);
  for (const end of [10, 0]) await slide(page, "size-batch", end);
  for (const end of [19, 0, 8]) await slide(page, "size-items", end);
  await settled(page, "words exactly");
  assert.equal(await page.locator("#size .error").count(), 0);
});

test("Python that broke is started again", async () => {
  const told = await page.evaluate(() => Python.ask("deep", JSON.parse(`{"ask": "size", "config": ${"[".repeat(3000)}${"]".repeat(3000)}}`)));
  assert.match(told.error, /Python cannot read this|recursion|JSON object/);
  await python(page);
  const { answer } = await page.evaluate(() => Python.ask("again", { ask: "label", task: "needle", rows: [[100, 1]] }));
  assert.deepEqual(answer, [[null, 1]]);
  said.length = 0;
});

test("a second config stands beside the first and can be removed", async () => {
  await page.locator("#size-paste").fill(JSON.stringify({ pattern: "SSM-TF", d_model: 64, vocab_size: 100, window: 16 }));
  await page.getByRole("button", { name: "Add what is pasted" }).click();
  await settled(page, "pasted: SSM-TF");
  await page.getByRole("button", { name: "Remove pasted" }).click();
  await page.waitForFunction(() => !document.querySelector("#size table").innerText.includes("pasted"));
});

test("wrong files are one line, and nothing in them is executed or freezes", async () => {
  const files = page.locator("#size-files");
  const status = page.locator("#size .status");
  const give = (name, text) => files.setInputFiles({ name, mimeType: "application/json", buffer: Buffer.from(text) });
  const folder = mkdtempSync(`${tmpdir()}/page-`);
  await give("a.json", "{not json");
  await settled(page, "a.json: this is no JSON.");
  await give("list.json", "[1, 2]");
  await settled(page, "a config is a JSON object");
  writeFileSync(`${folder}/huge.json`, "{");
  truncateSync(`${folder}/huge.json`, 100 * 2 ** 20);
  await files.setInputFiles(`${folder}/huge.json`);
  await settled(page, "it was not read");
  rmSync(folder, { recursive: true });
  const html = "<img src=x onerror=\"window.broken=1\">";
  await give(`${html}.json`, JSON.stringify({ model_type: html, [html]: html }));
  await settled(page, "unknown model_type");
  assert.deepEqual([await page.evaluate(() => window.broken), await page.locator("#size img").count()], [undefined, 0]);
  await page.getByRole("button", { name: `Remove ${html}`.slice(0, 30) }).click();
  await give("own.json", JSON.stringify({ pattern: "os:system-TF", d_model: 8, vocab_size: 9 }));
  await settled(page, "it names code that is not plait");
  await page.getByRole("button", { name: "Remove own.json" }).click();
  await give("deep.json", `{"model_type": ${"[".repeat(50_000)}${"]".repeat(50_000)}}`);
  await settled(page, "deep.json: a config is not nested more");
  assert.ok((await status.innerText()).length < 300);
});

test("a link holds the whole view", async () => {
  await page.getByRole("button", { name: "Link to this view" }).first().click();
  await page.waitForFunction(() => location.hash.startsWith("#size/"));
  const hash = new URL(page.url()).hash;
  const other = await open(hash);
  await python(other);
  await settled(other, "51.57 B");
  assert.equal(await other.locator("#size-weights").inputValue(), "int4");
  await other.close();
  const broken = await open("#size/AAAA!");
  await settled(broken, "This link cannot be read");
  await broken.close();
});

test("bounds follow their sliders, and a row is labelled", async () => {
  await page.getByRole("link", { name: "What must be carried" }).click();
  await settled(page, "What pure models need at least");
  const bits = () => page.locator("#carried tbody td").first().innerText();
  const before = await bits();
  await slide(page, "carried-numbers-count", 11);
  await page.waitForFunction((old) => document.querySelector("#carried tbody td").innerText !== old, before);
  await page.locator("#carried-numbers").fill("1, x");
  await settled(page, "numbers are integers");
  await page.locator("#carried-numbers").fill("5, 6, 7, 8, 9");
  await page.waitForFunction((old) => document.querySelector("#carried tbody td")?.innerText === old, before);
  for (const task of ["decoding-recall", "associative-recall", "needle", "multi-key-recall", "selective-copying"]) {
    await page.locator("#carried-task").selectOption(task);
    for (const end of [0, 14, 8]) await slide(page, "carried-length", end);
    await page.waitForTimeout(50);
  }
  await settled(page, "What pure models need at least");
  await page.locator("#carried-row").fill("0 26 1 2 3 4 5 6");
  await page.locator("#carried-row").press("Enter");
  await settled(page, "The row and its targets");
  assert.deepEqual(await page.locator("#carried table").last().locator("tr", { hasText: "target" }).locator("td").allInnerTexts(), ["-", "-", "-", "-", "-", "0", "26", "1"]);
  await page.locator("#carried-row").fill("0 <b>");
  await page.locator("#carried-row").press("Enter");
  await settled(page, "A row is numbers of tokens");
  await page.locator("#carried-row").fill("0 99");
  await page.locator("#carried-row").press("Enter");
  await settled(page, "must be integers in");
});

test("a built model answers what is typed, and a damaged one is seen to err", async () => {
  await page.getByRole("link", { name: "See one work" }).click();
  await page.locator("#work-text").fill("a b c d e 5' f g h");
  const row = (name) => page.locator("#work table.pass tr", { has: page.locator("th", { hasText: name }) }).locator("td").allInnerTexts();
  assert.deepEqual((await row("answer")).slice(5), ["a", "b", "c", "d"]);
  assert.deepEqual((await row("held")).slice(5), ["5", "5", "5", "5"]);
  assert.match(await page.locator("#work").innerText(), /looks 5 back, and answers d; the target is d/);
  await slide(page, "work-drag", 1);
  assert.equal(await page.locator("#work-text").inputValue(), "a b c d e 6' f g h");
  assert.deepEqual((await row("answer")).slice(6), ["a", "b", "c"]);
  await page.locator("#work-weight").selectOption("layers.1.attention.query_key_value.weight");
  let wrong = false;
  for (let entry = 0; entry < 16 && !wrong; entry++) {
    await slide(page, "work-index", entry);
    await slide(page, "work-factor", 0);
    wrong = /wrong (answer in this row: )?(at )?position/i.test(await page.locator("#work").innerText());
  }
  assert.ok(wrong, "some weight must matter");
  await page.getByRole("button", { name: "Repair" }).click();
  await settled(page, "Nothing is damaged.");
  for (const [text, message] of [["a zz", "unknown token zz"], ["a <img>", "unknown token <img>"], ["a ".repeat(200), "at most 100 tokens"]]) {
    await page.locator("#work-text").fill(text);
    await settled(page, message);
  }
  await page.locator("#work-text").fill("");
  await page.locator("#work-model").selectOption("1");
  assert.match(await page.locator("#work").innerText(), /scored positions \d+ are right/);
  await page.locator("#work-model").selectOption("2");
  assert.match(await page.locator("#work").innerText(), /Its program: p\.before = p\.lag\(p\.token\); p\.answer = /);
  await page.locator("#work-text").fill("a b c a");
  assert.deepEqual(await row("target"), ["-", "-", "-", "b"]);
  assert.equal((await row("answer"))[3], "b");
  assert.deepEqual(await row("held"), ["", "a", "b", "c"]);
  await slide(page, "work-drag", 1);
  assert.equal(await page.locator("#work-text").inputValue(), "a b c b");
  assert.equal((await row("answer"))[3], "c");
  await page.locator("#work-weight").selectOption("embedding.weight");
  await slide(page, "work-index", 0);
  await slide(page, "work-factor", 0);
  await settled(page, "rong");
  await page.getByRole("button", { name: "Repair" }).click();
});

test("an engineer pastes a config.json and reads what fits, by keyboard and within a minute", async () => {
  const begun = Date.now();
  const own = await open("#size", { viewport: { width: 1280, height: 900 } });
  const config = {
    architectures: ["BambaForCausalLM"], attn_layer_indices: [9, 18, 27], hidden_size: 4096, intermediate_size: 14336, mamba_conv_bias: true,
    mamba_d_conv: 4, mamba_d_head: 64, mamba_d_state: 128, mamba_expand: 2, mamba_n_groups: 1, mamba_n_heads: 128, mamba_proj_bias: false,
    model_type: "bamba", num_attention_heads: 32, num_hidden_layers: 32, num_key_value_heads: 8, tie_word_embeddings: false, torch_dtype: "bfloat16", vocab_size: 128256,
  };
  const paste = own.getByLabel("or paste one");
  await paste.focus();
  await own.keyboard.insertText(JSON.stringify(config, null, 2));
  for (const key of ["Control+A", "Control+X"]) await own.keyboard.press(key);
  assert.equal(await paste.inputValue(), "");
  for (const key of ["Control+V", "Tab", "Enter"]) await own.keyboard.press(key);
  await settled(own, "9.780 B");
  await own.getByLabel("Tokens of a sequence").focus();
  await own.keyboard.press("End");
  await settled(own, "keys and values of 1,048,576 tokens");
  const row = (text) => own.locator("#size tbody tr", { hasText: text }).locator("td").allInnerTexts();
  assert.deepEqual([...await row("weights, bfloat16"), ...await row("keys and values of")], ["18.22 GiB", "12.00 GiB"]);
  const each = 3 * 2 * 8 * 128 * 2 * 2 ** 20 + 123_594_752;
  const fits = [1, 2, 4, 8].map((cards) => String(Math.max(0, Math.floor((cards * 80e9 - 19_560_470_784) / each))));
  assert.deepEqual(await row("80\u00a0GB"), fits);
  assert.ok(Date.now() - begun < 60_000);
  await own.close();
});

test("a student drags the number, breaks a weight with the mouse, and mends it", async () => {
  const own = await open("#work", { viewport: { width: 1280, height: 900 } });
  const text = () => own.locator("#work").innerText();
  const drag = async (id, from, to) => {
    const { x, y, width, height } = await own.locator(`#${id}`).boundingBox();
    const at = (part) => x + 8 + (width - 16) * part;
    await own.mouse.move(at(from), y + height / 2);
    await own.mouse.down();
    await own.mouse.move(at(to), y + height / 2, { steps: 6 });
    await own.mouse.up();
  };
  assert.match(await text(), /At position 13 it holds 6, looks 6 back, and answers b; the target is b/);
  await drag("work-drag", 0.25, 1);
  assert.match(await text(), /At position 13 it holds 9, looks 9 back, and answers s; the target is s/);
  assert.equal(await own.locator("#work-text").inputValue(), "c a t 5' s 9' a b l e 9' x y z");
  await own.getByRole("button", { name: "position 12, token y" }).click();
  assert.match(await text(), /At position 12 it holds 9, looks 9 back/);
  assert.doesNotMatch(await text(), /embedding\.weight\[0, 0\] is 0\./);
  await drag("work-factor", 0.5, 0);
  assert.match(await text(), /Right here; wrong at position \d+ of: /);
  await own.locator("#work-weight").selectOption("layers.0.mixer.D");
  await drag("work-drag", 1, 0.25);
  await drag("work-factor", 0.5, 0.25);
  assert.match(await text(), /First wrong answer in this row: position \d+/);
  assert.ok(await own.locator("#work td.wrong").count() > 0);
  await own.getByRole("button", { name: "Repair" }).click();
  assert.match(await text(), /Nothing is damaged/);
  assert.equal(await own.locator("#work td.wrong").count(), 0);
  for (const model of ["0", "1", "2"]) {
    await own.locator("#work-model").selectOption(model);
    for (const weight of await own.locator("#work-weight option").allInnerTexts()) {
      await own.locator("#work-weight").selectOption(weight);
      for (const [id, end] of [["work-index", 9999], ["work-factor", 100], ["work-factor", 0], ["work-index", 0]]) await slide(own, id, end);
      assert.doesNotMatch(await text(), /undefined|NaN/, weight);
    }
    if (await own.locator("#work-drag").count()) for (const end of [99, 0]) await slide(own, "work-drag", end);
  }
  await own.close();
});

test("files dropped anywhere and names with HTML in them are one line", async () => {
  await page.getByRole("link", { name: "Size a hybrid" }).click();
  const drop = (where, name, text) => page.evaluate(([selector, called, content]) => {
    const data = new DataTransfer();
    data.items.add(new File([content ?? new Uint8Array(100 * 2 ** 20)], called));
    const kept = (kind) => !document.querySelector(selector).dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    return [kept("dragover"), kept("drop")];
  }, [where, name, text]);
  for (const [where, name] of [["#size .drop", "huge.json"], ["h1", "beside.json"]]) {
    const begun = Date.now();
    assert.deepEqual(await drop(where, name), [true, true], "the browser would open the file");
    await settled(page, `${name}: a config has at most 2 MiB, this file has 100.0 MiB; it was not read.`);
    assert.ok(Date.now() - begun < 5_000);
  }
  const html = "<img src=x onerror='window.broken=1'>";
  for (const [name, values, line] of [
    ["field.json", { pattern: "SSM-TF", d_model: 8, vocab_size: 9, [html]: 1 }, `field.json: unknown field "${html}"`],
    ["family.json", { model_type: "nobody", hidden_size: 64 }, "family.json: unknown model_type 'nobody'"],
  ]) {
    await drop("#size .drop", name, JSON.stringify(values));
    await settled(page, line);
    await page.getByRole("button", { name: `Remove ${name}` }).click();
  }
  assert.deepEqual([await page.evaluate(() => window.broken), await page.locator("#size img").count()], [undefined, 0]);
});

test("every slider of the bounds at its ends gives a table or one line", async () => {
  await page.getByRole("link", { name: "What must be carried" }).click();
  for (const task of await page.locator("#carried-task option").allInnerTexts()) {
    await page.locator("#carried-task").selectOption(task);
    for (const error of ["0.1", "0"]) {
      await page.locator("#carried-error").selectOption(error);
      for (const end of [0, 999]) {
        for (const id of await page.locator("#carried input[type=range]").evaluateAll((all) => all.map((input) => input.id))) await slide(page, id, end);
        await page.evaluate(() => Python.ask("after the bounds", { ask: "tasks" }));
        const shown = await page.locator("#carried [role=status]").last().innerText();
        assert.match(shown, /^What pure models need at least|^[^\n]{10,300}$/);
        assert.doesNotMatch(shown, /undefined|NaN/);
      }
    }
  }
});

test("everything can be reached and worked by keyboard, and has a name", async () => {
  await page.getByRole("link", { name: "See one work" }).click();
  await page.locator("#work-text").focus();
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.id === "work-factor")) break;
  }
  assert.equal(await page.evaluate(() => document.activeElement.id), "work-factor");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.locator("#work-factor").inputValue(), "51");
  for (const tool of ["Size a hybrid", "What must be carried", "See one work"]) {
    await page.getByRole("link", { name: tool }).click();
    await page.waitForTimeout(200);
    const nameless = await page.evaluate(() => [...document.querySelectorAll("main section:not([hidden]) :is(button, input, select, textarea)")]
      .filter((element) => !(element.labels?.length || element.getAttribute("aria-label") || element.textContent.trim()))
      .map((element) => element.outerHTML));
    assert.deepEqual(nameless, []);
  }
  const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((element) => element.id));
  assert.equal(new Set(ids).size, ids.length);
});

test("a phone and a dark screen: nothing is wider than the page", async () => {
  for (const [name, options] of [["390", { viewport: { width: 390, height: 844 } }], ["390-dark", { viewport: { width: 390, height: 844 }, colorScheme: "dark" }], ["1280", { viewport: { width: 1280, height: 900 } }]]) {
    const small = await open("#size", options);
    await python(small);
    await small.getByRole("button", { name: "Example: jamba" }).click();
    await small.getByRole("button", { name: "Example: SSM" }).click();
    await settled(small, "51.57 B");
    await settled(small, "words exactly");
    for (const tool of ["size", "carried", "work"]) {
      await small.locator(`nav a[href="#${tool}"]`).click();
      await small.waitForTimeout(400);
      await shot(small, `${tool}-${name}`);
      assert.ok(await small.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${tool} at ${name}`);
    }
    if (name === "390-dark") {
      const [ink, paper] = await small.evaluate(() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]);
      const light = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
      assert.ok(light(ink) > light(paper));
    }
    await small.close();
  }
});

test("on a phone the pass scrolls in its own box to the chosen token and to where it looks", async () => {
  const small = await open("#work", { viewport: { width: 390, height: 844 } });
  const box = small.getByRole("region", { name: "The pass, position by position" });
  const seen = (position) => box.evaluate((element, at) => {
    const cell = element.querySelectorAll("button")[at].getBoundingClientRect();
    const title = element.querySelector("th").getBoundingClientRect();
    const around = element.getBoundingClientRect();
    return cell.left >= title.right - 1 && cell.right <= around.right + 1;
  }, position);
  assert.ok(await box.evaluate((element) => element.scrollWidth > element.clientWidth));
  assert.match(await small.locator("#work").innerText(), /At position 13 it holds 6, looks 6 back/);
  assert.deepEqual([await seen(13), await seen(7), await seen(0)], [true, true, false]);
  await small.locator("#work-drag").focus();
  for (let press = 0; press < 3; press++) await small.keyboard.press("ArrowRight");
  assert.match(await small.locator("#work").innerText(), /At position 13 it holds 9, looks 9 back/);
  assert.deepEqual([await seen(13), await seen(4)], [true, true]);
  await box.focus();
  await small.keyboard.press("Home");
  for (let press = 0; press < 8; press++) await small.keyboard.press("ArrowLeft");
  await small.waitForFunction(() => document.querySelector("#work .scroll").scrollLeft === 0);
  await small.keyboard.press("Tab");
  await small.keyboard.press("Enter");
  assert.match(await small.locator("#work").innerText(), /At position 0 it holds nothing/);
  assert.equal(await small.evaluate(() => document.activeElement.getAttribute("aria-label")), "position 0, token c");
  for (let press = 0; press < 13; press++) {
    await small.keyboard.press("Tab");
    assert.ok(await seen(press + 1), `the token in focus, ${press + 1}`);
  }
  await small.keyboard.press("Enter");
  assert.deepEqual([await seen(13), await seen(4)], [true, true]);
  await box.evaluate((element) => { element.scrollLeft = 40; });
  await box.getByRole("button").nth(11).click();
  assert.match(await small.locator("#work").innerText(), /At position 11 it/);
  await box.evaluate((element) => { element.scrollLeft = 999; });
  await box.getByRole("button").nth(9).click();
  assert.match(await small.locator("#work").innerText(), /At position 9 it holds 9, looks 9 back/);
  assert.deepEqual([await seen(9), await seen(0)], [true, true]);
  await shot(small, "pass-390");
  await small.close();
});

test("no request left the page and the console stayed silent", () => {
  assert.deepEqual(asked, []);
  assert.deepEqual(said, []);
});
