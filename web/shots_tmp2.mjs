import { chromium } from "playwright-core";
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox","--disable-gpu","--disable-dev-shm-usage"] });
const out = process.argv[2];
for (const arg of process.argv.slice(3)) {
  const [name, address, full] = arg.split("@@");
  for (const width of [390, 1280]) for (const scheme of ["light", "dark"]) {
    const c = await browser.newContext({ viewport: { width, height: width === 390 ? 844 : 900 }, colorScheme: scheme });
    const p = await c.newPage();
    await p.goto(address);
    await p.waitForTimeout(address.includes("page.html") ? 4000 : 700);
    if (address.includes("page.html")) await p.waitForFunction(() => document.getElementById("python").hidden, null, { timeout: 120000 });
    for (const name of ["Example: jamba", "Example: SSM*7-TF"]) await p.getByRole("button", { name, exact: true }).click(); await p.waitForTimeout(3000);
    const over = await p.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    console.log(name, width, scheme, over.join(" "));
    await p.screenshot({ path: `${out}/${name}-${width}-${scheme}.png`, fullPage: full === "full" });
    await c.close();
  }
}
await browser.close();
