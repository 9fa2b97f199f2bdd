// Every page in both languages, light and dark, wide and as narrow as a phone: without a violation that axe-core finds,
// without an error on the console, without scrolling sideways, and small.
//
// {link, pages, errors, few}: paths; `errors` are those of pages that tell an error. Those of signing in are looked at by somebody
// who has not. The link may be that of a viewer, who sees every page too.
import { axe, expect, input, run, signIn, visit } from "./browser.mjs";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
// 200 % zoom is half the width at twice the density.
const SIZES = [
  { name: "wide", viewport: { width: 1280, height: 900 } },
  { name: "narrow", viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
  { name: "zoomed", viewport: { width: 640, height: 450 }, deviceScaleFactor: 2 },
];
const FEW = ["en-US light wide", "zh-CN dark narrow", "en-US dark zoomed", "zh-CN light wide"];
const TRANSFER_MAX = 150_000;

await run(async (browser) => {
  const { link, pages, errors: bad = [] } = input;
  const first = await visit(browser);
  await signIn(first, link);
  const storageState = await first.context().storageState();
  const times = [];
  let largest = ["", 0];

  for (const locale of ["en-US", "zh-CN"]) {
    for (const colorScheme of ["light", "dark"]) {
      for (const { name, ...size } of SIZES) {
        // Few: each language, scheme and size at least once.
        if (input.few && !FEW.includes(`${locale} ${colorScheme} ${name}`)) continue;
        const options = { locale, colorScheme, ...size };
        const [inside, outside] = [await visit(browser, { ...options, storageState }), await visit(browser, options)];
        for (const path of [...pages, ...bad]) {
          const page = path.startsWith("/sign-in") ? outside : inside;
          const where = `${path} (${locale}, ${colorScheme}, ${name})`;
          const [bytes, took, status] = await load(page, new URL(path, link).href);
          times.push([took, where]);
          expect((status < 400) !== bad.includes(path), `${where}: the status is ${status}`);
          if (bytes > largest[1]) largest = [where, bytes];
          expect(bytes <= TRANSFER_MAX, `${where}: ${bytes} bytes are transferred`);
          // A page that tells an error is an error on the console, of the document itself.
          const errors = page.errors.splice(0).filter((text) => status < 400 || !text.startsWith(`${page.url()}: Failed to load resource`));
          expect(errors.length === 0, `${where}: ${errors.join("; ")}`);

          const html = page.locator("html");
          expect((await html.getAttribute("lang")).slice(0, 2) === locale.slice(0, 2), `${where}: the language is not told`);
          // What opens is looked at too.
          await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
          const wide = await page.evaluate(sideways);
          expect(wide.length === 0, `${where}: scrolls sideways:\n${wide.join("\n")}`);
          if (name === "zoomed") continue;

          await page.evaluate(axe());
          const { violations } = await page.evaluate((tags) => window.axe.run({ runOnly: { type: "tag", values: tags } }), TAGS);
          for (const { id, help, nodes } of violations) {
            for (const { html, target, failureSummary } of nodes.slice(0, 3)) {
              expect(false, `${where}: ${id}: ${help} (${nodes.length})\n  ${target.join(" ")}\n  ${html}\n  ${failureSummary.replaceAll("\n", "\n  ")}`);
            }
          }
        }
        await Promise.all([inside, outside].map((page) => page.context().close()));
      }
    }
  }
  times.sort(([a], [b]) => a - b);
  const [most, slowest] = times.at(-1);
  console.log(`${times.length} pages; usable after ${Math.round(times[times.length >> 1][0])} ms (median), ${Math.round(most)} ms (most: ${slowest})`);
  console.log(`largest: ${largest[0]}, ${largest[1]} bytes`);
});

// Loads a page with nothing cached; returns the bytes that came, after how many milliseconds it was usable, and its status.
async function load(page, url) {
  const requests = [];
  const note = (request) => requests.push(request);
  page.on("requestfinished", note);
  const network = await page.context().newCDPSession(page);
  await network.send("Network.setCacheDisabled", { cacheDisabled: true });
  const response = await page.goto(url, { waitUntil: "load" });
  page.off("requestfinished", note);
  await network.detach();
  const sizes = await Promise.all(requests.map((request) => request.sizes()));
  const bytes = sizes.reduce((sum, { responseBodySize, responseHeadersSize }) => sum + responseBodySize + responseHeadersSize, 0);
  const took = await page.evaluate(() => performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd);
  return [bytes, took, response.status()];
}

// Returns what makes the document wider than the window, outside of what scrolls by itself.
function sideways() {
  const root = document.documentElement;
  const width = root.clientWidth;
  if (root.scrollWidth <= width) return [];
  const scrolls = (element) => element !== document.body && element !== root && getComputedStyle(element).overflowX !== "visible";
  const inside = (element) => {
    for (let up = element.parentElement; up; up = up.parentElement) if (scrolls(up)) return true;
    return false;
  };
  const found = [...document.body.querySelectorAll("*")].filter((element) => element.getBoundingClientRect().right > width + 1 && !inside(element));
  return [`  ${root.scrollWidth} px in ${width} px`, ...found.slice(0, 5).map((element) => `  ${element.outerHTML.slice(0, 200)}`)];
}
