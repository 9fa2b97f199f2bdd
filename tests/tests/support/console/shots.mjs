// Pictures of every page, in both languages, light and dark.
//
// {link, pages, errors, out}: paths, those of pages that tell an error apart; `out` is a folder that is there.
import { join } from "node:path";
import { input, run, signIn, visit } from "./browser.mjs";

await run(async (browser) => {
  const { link, pages, errors = [], out } = input;
  const first = await visit(browser);
  await signIn(first, link);
  const storageState = await first.context().storageState();
  for (const locale of ["en-US", "zh-CN"]) {
    for (const colorScheme of ["light", "dark"]) {
      const inside = await visit(browser, { locale, colorScheme, storageState });
      const outside = await visit(browser, { locale, colorScheme });
      for (const path of [...pages, ...errors]) {
        const page = path.startsWith("/sign-in") ? outside : inside;
        await page.goto(new URL(path, link).href);
        const name = path.replace(/[^a-z0-9-]+/gi, "_").slice(0, 80);
        await page.screenshot({ path: join(out, `${name}.${locale}.${colorScheme}.png`), fullPage: true });
        // A page that tells an error is an error on the console as well; here, it is looked at.
        page.errors.length = 0;
      }
      await Promise.all([inside, outside].map((page) => page.context().close()));
    }
  }
});
