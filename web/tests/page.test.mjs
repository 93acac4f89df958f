// What the tools share: Python that breaks, keyboard, names, two widths, dark and light.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answered, forgiven, fresh, python, settled, shared, shot, silent } from "./browser.mjs";

test("Python that broke is started again", async () => {
  const page = await shared();
  await forgiven(async () => {
    const told = await page.evaluate(() => Python.ask("deep", JSON.parse(`{"ask": "size", "config": ${"[".repeat(3000)}${"]".repeat(3000)}}`)));
    assert.match(told.error, /Python cannot read this|recursion|JSON object/);
    const { answer } = await page.evaluate(() => Python.ask("again", { ask: "label", task: "needle", rows: [[100, 1]] }));
    assert.deepEqual(answer, [[null, 1]], "asked before Python has started, answered when it has");
    await python(page);
  });
});

test("everything can be reached and worked by keyboard, and has a name", async () => {
  const page = await shared();
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
    await answered(page);
    const nameless = await page.evaluate(() => [...document.querySelectorAll("main section:not([hidden]) :is(button, input, select, textarea)")]
      .filter((element) => !(element.labels?.length || element.getAttribute("aria-label") || element.textContent.trim()))
      .map((element) => element.outerHTML));
    assert.deepEqual(nameless, []);
  }
  const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((element) => element.id));
  assert.equal(new Set(ids).size, ids.length);
});

test("a phone and a dark screen: nothing is wider than the page", async () => {
  const page = await fresh();
  await page.getByRole("button", { name: "Example: jamba" }).click();
  await page.getByRole("button", { name: "Example: SSM" }).click();
  const usual = page.viewportSize();
  for (const [name, viewport, colorScheme] of [["390", { width: 390, height: 844 }, "light"], ["390-dark", { width: 390, height: 844 }, "dark"], ["1280", { width: 1280, height: 900 }, "light"]]) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    for (const tool of ["size", "carried", "work"]) {
      await page.locator(`nav a[href="#${tool}"]`).click();
      await page.locator(`#${tool}`).waitFor();
      await answered(page);
      if (tool === "size") {
        await settled(page, "51.57 B");
        await settled(page, "words exactly");
      }
      await shot(page, `${tool}-${name}`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${tool} at ${name}`);
    }
    if (name === "390-dark") {
      const [ink, paper] = await page.evaluate(() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]);
      const light = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
      assert.ok(light(ink) > light(paper));
    }
  }
  await page.setViewportSize(usual);
  await page.emulateMedia({ colorScheme: null });
});

silent();
