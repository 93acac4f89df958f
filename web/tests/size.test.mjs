// Size a hybrid: typed and pasted configs, sliders, several side by side, links, wrong files.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { fresh, settled, silent, slide, withoutPython } from "./browser.mjs";

const example = async (name) => {
  const page = await fresh();
  await page.getByRole("button", { name: `Example: ${name}` }).click();
  return page;
};

test("an example is sized, and sliders change what is shown", async () => {
  const page = await example("jamba");
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

test("a second config stands beside the first and can be removed", async () => {
  const page = await example("jamba");
  await page.locator("#size-paste").fill(JSON.stringify({ pattern: "SSM-TF", d_model: 64, vocab_size: 100, window: 16 }));
  await page.getByRole("button", { name: "Add what is pasted" }).click();
  await settled(page, "pasted: SSM-TF");
  await page.getByRole("button", { name: "Remove pasted" }).click();
  await page.waitForFunction(() => !document.querySelector("#size table").innerText.includes("pasted"));
});

test("what theory rules out has a heading where there is a config, and leaves with the last", async () => {
  const page = await fresh();
  const heading = page.getByRole("heading", { name: "What theory rules out" });
  assert.equal(await heading.count(), 0);
  await page.getByRole("button", { name: "Example: jamba" }).click();
  await settled(page, "jamba: to recall");
  assert.equal(await heading.count(), 1);
  await page.getByRole("button", { name: "Remove jamba" }).click();
  await page.waitForFunction(() => !document.body.innerText.includes("jamba: to recall"));
  assert.equal(await heading.count(), 0);
});

test("wrong files are one line, and nothing in them is executed or freezes", async () => {
  const page = await fresh();
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

test("where all of it grows with the text, nothing bounds what can be recalled", async () => {
  const page = await fresh();
  await page.locator("#size-paste").fill(JSON.stringify({ pattern: "TF-TF", d_model: 64, vocab_size: 100, window: null }));
  await page.getByRole("button", { name: "Add what is pasted" }).click();
  await settled(page, "pasted: TF-TF");
  const told = await page.locator("#size tbody tr", { hasText: "recalls at most" }).locator("td").allInnerTexts();
  assert.deepEqual(told, ["no bound: all of it grows"]);
});

test("a link holds the whole view", async () => {
  const page = await example("jamba");
  await page.locator("#size-weights").selectOption("int4");
  await page.getByRole("button", { name: "Link to this view" }).first().click();
  await page.waitForFunction(() => location.hash.startsWith("#size/"));
  const hash = new URL(page.url()).hash;
  await fresh();
  assert.equal(await page.locator("#size .configs li").count(), 0);
  const other = await withoutPython(hash);
  for (const opened of [other, page]) {
    if (opened === page) await page.evaluate((to) => { location.hash = to; }, hash);
    await opened.getByRole("button", { name: "Remove jamba" }).waitFor();
    assert.equal(await opened.locator("#size-weights").inputValue(), "int4");
  }
  await settled(page, "51.57 B");
  await other.close();
  const broken = await withoutPython("#size/AAAA!");
  await settled(broken, "This link cannot be read");
  await broken.close();
});

test("an engineer pastes a config.json and reads what fits, by keyboard and within a minute", async () => {
  const begun = Date.now();
  const page = await fresh();
  const config = {
    architectures: ["BambaForCausalLM"], attn_layer_indices: [9, 18, 27], hidden_size: 4096, intermediate_size: 14336, mamba_conv_bias: true,
    mamba_d_conv: 4, mamba_d_head: 64, mamba_d_state: 128, mamba_expand: 2, mamba_n_groups: 1, mamba_n_heads: 128, mamba_proj_bias: false,
    model_type: "bamba", num_attention_heads: 32, num_hidden_layers: 32, num_key_value_heads: 8, tie_word_embeddings: false, torch_dtype: "bfloat16", vocab_size: 128256,
  };
  const paste = page.getByLabel("or paste one");
  await paste.focus();
  await page.keyboard.insertText(JSON.stringify(config, null, 2));
  for (const key of ["Control+A", "Control+X"]) await page.keyboard.press(key);
  assert.equal(await paste.inputValue(), "");
  for (const key of ["Control+V", "Tab", "Enter"]) await page.keyboard.press(key);
  await settled(page, "9.780 B");
  await page.getByLabel("Tokens of a sequence").focus();
  await page.keyboard.press("End");
  await settled(page, "keys and values of 1,048,576 tokens");
  const row = (text) => page.locator("#size tbody tr", { hasText: text }).locator("td").allInnerTexts();
  assert.deepEqual([...await row("weights, bfloat16"), ...await row("keys and values of")], ["18.22 GiB", "12.00 GiB"]);
  const each = 3 * 2 * 8 * 128 * 2 * 2 ** 20 + 123_594_752;
  const fits = [1, 2, 4, 8].map((cards) => String(Math.max(0, Math.floor((cards * 80e9 - 19_560_470_784) / each))));
  assert.deepEqual(await row("80\u00a0GB"), fits);
  assert.ok(Date.now() - begun < 60_000);
});

test("files dropped anywhere and names with HTML in them are one line", async () => {
  const page = await fresh();
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

silent();
