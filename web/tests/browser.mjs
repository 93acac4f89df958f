// Headless Chromium with the page in it: what every test of the page uses. PAGE is the built file, SHOTS a folder for pictures.
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const address = pathToFileURL(process.env.PAGE).href;
const SHOTS = process.env.SHOTS;
const said = [];
const asked = [];
let browser;

const watched = async (options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const opened = await context.newPage();
  opened.on("console", (message) => { if (["error", "warning"].includes(message.type())) said.push(message.text()); });
  opened.on("pageerror", (error) => said.push(String(error)));
  opened.on("request", (request) => { if (!/^(file|blob|data):/.test(request.url())) asked.push(request.url()); });
  return opened;
};

export const open = async (hash, options) => {
  const opened = await watched(options);
  await opened.goto(`${address}${hash}`);
  await opened.waitForSelector("body[data-ready]");
  return opened;
};

export const python = (opened) => opened.waitForFunction(() => document.getElementById("python").hidden, null, { timeout: 120_000 });
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

/** Start the browser before the tests of a file and close it behind them; `opened` is told when it stands. */
export const inBrowser = (opened) => {
  before(async () => {
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"] });
    await opened();
  });
  after(async () => { await browser.close(); });
};

/** The last test of a file: no request left the page, and its console stayed silent. */
export const silent = () => test("no request left the page and the console stayed silent", () => {
  assert.deepEqual(asked, []);
  assert.deepEqual(said, []);
});

/** What a test made Python or the console say on purpose. */
export const forgive = () => { said.length = 0; };
