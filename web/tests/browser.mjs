// Headless Chromium with the page in it: what every test of the page uses. PAGE is the built file, SHOTS a folder for pictures.
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const address = pathToFileURL(process.env.PAGE).href;
const SHOTS = process.env.SHOTS;
const said = [];
const asked = [];

/** What `make` gives, made when it is first asked for. */
const once = (make) => {
  let made;
  return () => (made ??= make());
};

const browser = once(() => chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"] }));
after(async () => { await (await browser()).close(); });

const watched = async (options = {}) => {
  const context = await (await browser()).newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const opened = await context.newPage();
  opened.on("console", (message) => { if (["error", "warning"].includes(message.type())) said.push(message.text()); });
  opened.on("pageerror", (error) => said.push(String(error)));
  opened.on("request", (request) => { if (!/^(file|blob|data):/.test(request.url())) asked.push(request.url()); });
  return opened;
};

const loaded = async (opened, hash) => {
  await opened.goto(`${address}${hash}`);
  await opened.waitForSelector("body[data-ready]");
  return opened;
};

/** Python has started in it, or once more. */
export const python = (opened) => opened.waitForFunction(() => document.getElementById("python").hidden, null, { timeout: 120_000 });

/** A page whose Python never starts: for what works without it, since a start takes seconds. */
export const withoutPython = async (hash, options) => {
  const opened = await watched(options);
  await opened.addInitScript(() => { window.Worker = class { postMessage() {} }; });
  return loaded(opened, hash);
};

const began = once(async () => {
  const page = await loaded(await watched(), "#size");
  await python(page);
  return { page, view: await page.evaluate(() => structuredClone(Size.view())) };
});

/** The page that all tests share, as the last one has left it: Python is started once. */
export const shared = async () => (await began()).page;

/** The shared page at the first view of "Size a hybrid", which a link to that view brings back. */
export const fresh = async () => {
  const { page, view } = await began();
  await page.evaluate(async (first) => {
    const left = document.getElementById("size-paste");
    location.hash = await Page.link("size", first);
    while (left.isConnected) await new Promise((resolve) => { setTimeout(resolve, 5); });
    history.replaceState(null, "", "#size");
  }, view);
  return page;
};

/** All that was asked of Python before is answered. */
export const answered = (opened) => opened.evaluate(() => Python.ask("after the others", { ask: "tasks" }));

export const shot = async (opened, name) => {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await opened.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
};
export const slide = (opened, id, value) => opened.locator(`#${id}`).evaluate((input, to) => {
  input.value = to;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}, String(value));
export const settled = (opened, text) => opened.waitForFunction((wanted) => document.body.innerText.includes(wanted), text, { timeout: 60_000 });

/** The last test of a file: no request left the page, and its console stayed silent. */
export const silent = () => test("no request left the page and the console stayed silent", () => {
  assert.deepEqual(asked, []);
  assert.deepEqual(said, []);
});

/** Do what makes Python or the console say something on purpose. */
export const forgiven = async (does) => {
  const before = said.length;
  await does();
  said.length = before;
};
