// What all scripts of this folder share: a browser, signing in, and telling what failed.
//
// Each script takes its inputs as one JSON argument. The folder that has playwright-core and axe-core is named by
// BILLKEEP_TEST_BROWSER_MODULES, and the browser by BILLKEEP_TEST_CHROMIUM where it is not the usual one.
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.BILLKEEP_TEST_BROWSER_MODULES ?? "node_modules", "resolves-from-here.js"));
const { chromium } = require("playwright-core");

export const input = JSON.parse(process.argv[2] ?? "{}");
// The source of axe-core, to be run in a page.
export const axe = () => require("axe-core").source;

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--no-zygote", "--disable-quic", "--disable-component-update",
  "--disable-sync", "--no-first-run", "--disable-background-networking",
];

// A browser sometimes dies while it starts; it is started again then.
export async function launch() {
  const executablePath = process.env.BILLKEEP_TEST_CHROMIUM ?? "/usr/bin/chromium";
  for (let left = 2; ; left--) {
    try {
      return await chromium.launch({ executablePath, args: FLAGS });
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

// A context of its own is a person's browser: it shares no cookie with another. Errors on its console are kept;
// a broken rule of the Content-Security-Policy is one of them.
export async function visit(browser, options = {}) {
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.errors = [];
  page.on("console", (message) => {
    if (message.type() === "error") page.errors.push(`${message.location().url}: ${message.text()}`);
  });
  page.on("pageerror", (error) => page.errors.push(`${page.url()}: ${error}`));
  return page;
}

// Follows a link that signs somebody in, and presses the one button that is there.
export async function signIn(page, link) {
  await page.goto(link);
  await page.locator("main button[type=submit]").click();
  await page.getByRole("navigation").first().waitFor();
}

export class Failed extends Error {}

export function check(holds, what) {
  if (!holds) throw new Failed(what);
}

// What does not hold is told, and the script goes on, to tell what else does not.
export function expect(holds, what) {
  if (holds) return;
  console.log(`FAILED: ${what}`);
  process.exitCode = 1;
}

// Waits for something visible that a locator finds.
export async function see(locator, what) {
  try {
    await locator.first().waitFor({ state: "visible" });
  } catch {
    throw new Failed(`not seen: ${what}`);
  }
}

// Asks again until something holds.
export async function until(what, holds, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const found = await holds();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Failed(`not within ${seconds} s: ${what}`);
}

// Tells a step that was taken.
export const step = (text) => console.log(text);

// Runs a script. What fails is told with what each browser shows, and ends with 1.
export async function run(script) {
  const browser = await launch();
  try {
    await script(browser);
    const errors = browser.contexts().flatMap((context) => context.pages()).flatMap((page) => page.errors);
    expect(errors.length === 0, `errors on the browser's console:\n${errors.join("\n")}`);
    if (!process.exitCode) console.log("ok");
  } catch (error) {
    console.log(`FAILED: ${error instanceof Failed ? error.message : error.stack}`);
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      const text = await page.locator("main").innerText({ timeout: 1000 }).catch(() => "(no main)");
      console.log(`--- ${page.url()}\n${text.slice(0, 4000)}`);
    }
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}
