// See one work: built models that are typed to, dragged, damaged and mended.
import assert from "node:assert/strict";
import { test } from "node:test";
import { settled, shot, silent, slide, withoutPython } from "./browser.mjs";

/** Choose each weight in turn and move those sliders: what the tool says before and after, all without drawing between. */
const eachWeight = (opened, slides) => opened.evaluate((moves) => {
  const put = (id, value, event) => {
    const input = document.getElementById(id);
    input.value = value;
    input.dispatchEvent(new Event(event, { bubbles: true }));
  };
  const told = () => document.getElementById("work").innerText;
  return [...document.querySelectorAll("#work-weight option")].map(({ value: weight }) => {
    put("work-weight", weight, "change");
    const before = told();
    for (const [id, value] of moves) put(id, value, "input");
    return { weight, before, after: told() };
  });
}, slides);

test("a built model answers what is typed, and a damaged one is seen to err", async () => {
  const page = await withoutPython("#work");
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
  await page.close();
});

test("a student drags the number, breaks a weight with the mouse, and mends it", async () => {
  const own = await withoutPython("#work", { viewport: { width: 1280, height: 900 } });
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
  await own.locator("#work-weight").selectOption("embedding.weight");
  await slide(own, "work-index", 0);
  assert.match(await text(), /embedding\.weight\[0, 0\] is \d\.\d+e-13\./);
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
    const shown = await eachWeight(own, [["work-index", 9999], ["work-factor", 100], ["work-factor", 0], ["work-index", 0]]);
    assert.ok(shown.length > 10);
    for (const { weight, after } of shown) assert.doesNotMatch(after, /undefined|NaN/, weight);
    if (await own.locator("#work-drag").count()) for (const end of [99, 0]) await slide(own, "work-drag", end);
  }
  await own.close();
});

test("the weight that stands ready breaks what is typed, and every weight begins at an entry that is not 0 if it has one", async () => {
  const own = await withoutPython("#work");
  const text = () => own.locator("#work").innerText();
  for (const model of ["0", "1", "2"]) {
    await own.locator("#work-model").selectOption(model);
    assert.match(await text(), /\] is -?\d+(\.\d+)?\. Nothing is damaged/, "a number that reads as one");
    for (const factor of [0, 25, 100]) {
      await slide(own, "work-factor", factor);
      assert.match(await text(), /First wrong answer in this row/, `model ${model}, at ${factor}`);
    }
    const holds = await own.evaluate((place) => Object.fromEntries(Object.entries(MODELS[place].weights).map(([name, entries]) => [name, entries.flat(9).some((entry) => entry !== 0)])), model);
    for (const { weight, before, after } of await eachWeight(own, [["work-index", 0]])) {
      const [begins, first] = [before, after].map((told) => Number(told.match(/\] is (\S+)\./)[1]));
      assert.ok(Math.abs(begins) >= Math.abs(first), weight);
      assert.equal(begins !== 0, holds[weight], weight);
    }
  }
  await own.close();
});

test("on a phone the pass scrolls in its own box to the chosen token and to where it looks", async () => {
  const small = await withoutPython("#work", { viewport: { width: 390, height: 844 } });
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

silent();
