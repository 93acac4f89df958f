// What must be carried: bounds by sliders, up to their ends, and labels.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answered, settled, shared, silent, slide } from "./browser.mjs";

test("bounds follow their sliders, and a row is labelled", async () => {
  const page = await shared();
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

test("every slider of the bounds at its ends gives a table or one line", async () => {
  const page = await shared();
  await page.getByRole("link", { name: "What must be carried" }).click();
  for (const task of await page.locator("#carried-task option").allInnerTexts()) {
    await page.locator("#carried-task").selectOption(task);
    for (const error of ["0.1", "0"]) {
      await page.locator("#carried-error").selectOption(error);
      for (const end of [0, 999]) {
        for (const id of await page.locator("#carried input[type=range]").evaluateAll((all) => all.map((input) => input.id))) await slide(page, id, end);
        await answered(page);
        const shown = await page.locator("#carried [role=status]").last().innerText();
        assert.match(shown, /^What pure models need at least|^[^\n]{10,300}$/);
        assert.doesNotMatch(shown, /undefined|NaN|computed with/);
      }
    }
  }
});

silent();
