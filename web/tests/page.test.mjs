// What the tools share: Python that breaks, keyboard, names, two widths, dark and light.
import assert from "node:assert/strict";
import { test } from "node:test";
import { forgive, inBrowser, open, python, settled, shot, silent } from "./browser.mjs";

let page;

inBrowser(async () => {
  page = await open("#size");
  await python(page);
});

test("Python that broke is started again", async () => {
  const told = await page.evaluate(() => Python.ask("deep", JSON.parse(`{"ask": "size", "config": ${"[".repeat(3000)}${"]".repeat(3000)}}`)));
  assert.match(told.error, /Python cannot read this|recursion|JSON object/);
  await python(page);
  const { answer } = await page.evaluate(() => Python.ask("again", { ask: "label", task: "needle", rows: [[100, 1]] }));
  assert.deepEqual(answer, [[null, 1]]);
  forgive();
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

silent();
