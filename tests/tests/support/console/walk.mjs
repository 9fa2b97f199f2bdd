// The steps of Tencent Cloud's guide to partner bills, one by one, as a person takes them in the console.
//
// {link, again, expectedCsv, clock, bucket, bucket2, month, payer, nextFile}: the clock stands on 7 April 2021, March is
// issued, April has its files through the 7th, and `nextFile` is April's cumulative file through the 8th. A session does not
// last a day, so `again` is the command that prints a new link.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, expect, input, run, see, signIn, step, until, visit } from "./browser.mjs";

const { link, again, expectedCsv, clock, bucket, bucket2, month, payer, nextFile } = input;

// The objects of a folder that is a bucket, without what is hidden.
const objects = (folder) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => !name.split("/").some((part) => part.startsWith(".")))
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();
// The same with what is in them.
const contents = (folder) => JSON.stringify(objects(folder).map((name) => [name, readFileSync(join(folder, name), "base64")]));
const zips = (folder) => objects(folder).filter((name) => name.endsWith(".zip"));
const manifests = (folder) => objects(folder).filter((name) => /manifest/.test(name));

await run(async (browser) => {
  const page = await visit(browser);
  const main = page.locator("main");
  const menu = page.getByRole("navigation", { name: "Main menu" });
  const dialog = (name) => page.getByRole("dialog", { name });
  const button = (name, within = main) => within.getByRole("button", { name, exact: true });
  const anchor = (name, within = main) => within.getByRole("link", { name, exact: true });
  const done = async () => {
    await see(main.locator(".notice"), "what came of it");
    check((await main.getByRole("alert").count()) === 0, "the console has told an error");
  };
  const storage = async () => {
    await menu.getByRole("link", { name: "Bill Storage" }).click();
    await main.getByRole("link", { name: payer }).click();
  };
  const dayPasses = async (day) => {
    writeFileSync(clock, `2021-04-${String(day).padStart(2, "0")}T03:00:00Z`);
    await signIn(page, execFileSync(again[0], again.slice(1), { encoding: "utf8" }).trim());
  };
  const state = () => main.locator("dl.facts div", { has: page.getByText("State", { exact: true }) }).locator("dd").innerText();

  step("With the keyboard alone: sign in, skip link, menu, a dialog that Escape cancels");
  await page.goto(link);
  const focused = () =>
    page.evaluate(() => {
      const at = document.activeElement;
      return at === document.body ? "" : (at.textContent || at.getAttribute("aria-label") || "").trim();
    });
  const tabTo = async (name, most = 60) => {
    for (let tabs = 0; tabs < most; tabs++) {
      await page.keyboard.press("Tab");
      if ((await focused()) === name) return;
    }
    check(false, `Tab does not get to "${name}"`);
  };
  await tabTo("Sign in");
  await Promise.all([page.waitForURL((url) => !url.pathname.startsWith("/sign-in")), page.keyboard.press("Enter")]);
  await page.keyboard.press("Tab");
  check((await focused()) === "Skip to the content", `Tab first gets to "${await focused()}"`);
  check(await page.locator("a.skip").evaluate((a) => a.getBoundingClientRect().left >= 0), "the skip link is not seen with focus");
  await page.keyboard.press("Enter");
  check((await page.evaluate(() => document.activeElement.id)) === "main", "the skip link does not get to the content");
  await page.goto(page.url().split("#")[0]);
  await tabTo("Bill Management");
  await Promise.all([page.waitForURL("**/bills"), page.keyboard.press("Enter")]);
  await tabTo(month);
  await Promise.all([page.waitForURL(`**/bills/${month}`), page.keyboard.press("Enter")]);
  await tabTo("Confirm");
  await page.keyboard.press("Enter");
  await see(dialog("Confirm this bill?"), "the dialog that asks before a confirmation");
  check(await dialog("Confirm this bill?").evaluate((d) => d.contains(document.activeElement)), "the dialog has not the focus");
  for (let tabs = 0; tabs < 6; tabs++) {
    await page.keyboard.press("Tab");
    const outside = await page.evaluate(() => document.activeElement.closest("main, header, footer") && !document.activeElement.closest("dialog"));
    check(!outside, "Tab leaves the dialog for the page behind it");
  }
  await page.keyboard.press("Escape");
  await dialog("Confirm this bill?").waitFor({ state: "hidden" });
  await until("the page without its dialog", async () => !page.url().includes("ask="));
  check((await state()) === "issued", "Escape has not cancelled");

  step("Bill Management, a month, CSV File");
  await menu.getByRole("link", { name: "Bill Management" }).click();
  await anchor(month).click();
  await see(page.getByRole("heading", { level: 1, name: `Bill Management ${month}` }), "the bill of the month");
  const [spreadsheet] = await Promise.all([page.waitForEvent("download"), anchor("CSV File").click()]);
  const marked = readFileSync(await spreadsheet.path());
  check(marked.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])), "the CSV file for a spreadsheet has no byte order mark");
  const [download] = await Promise.all([page.waitForEvent("download"), anchor("CSV as imported").click()]);
  const got = readFileSync(await download.path());
  check(got.equals(readFileSync(expectedCsv)), `the CSV file of ${got.length} bytes is not the one of \`bill csv\``);
  check(/\.csv$/.test(download.suggestedFilename()), `the file is saved as ${download.suggestedFilename()}`);

  step("Refresh, Confirm");
  await anchor("Refresh").click();
  await see(main.getByText("The bill has not changed since you looked at it."), "that the bill is unchanged");
  await anchor("Confirm").click();
  await see(dialog("Confirm this bill?"), "the dialog that asks before a confirmation");
  await dialog("Confirm this bill?").getByLabel("Note").fill("looked at in the console");
  await button("Confirm", dialog("Confirm this bill?")).click();
  await done();
  check((await state()) === "confirmed", `the bill is ${await state()}`);
  check((await anchor("Confirm").count()) === 0, "what is confirmed can be confirmed again");

  step("Bill Storage: nothing is offered before the account is on the allowlist");
  await menu.getByRole("link", { name: "Bill Storage" }).click();
  for (const name of ["Authorize", "Create Bucket", "Save Settings", "Disable Bucket"]) {
    check((await main.getByText(name).count()) === 0, `"${name}" is offered before the account is allowed`);
  }
  await main.getByRole("button", { name: payer }).click();
  await done();
  await main.getByRole("link", { name: payer }).click();

  step("Authorize, Agree");
  check((await main.getByText("Save Settings").count()) === 0, "settings are offered before the authorization");
  await anchor("Authorize").click();
  await see(dialog("Authorize the service role"), "the dialog that asks for consent");
  await button("Agree", dialog("Authorize the service role")).click();
  await done();

  // Makes a bucket of a folder, by the form that is there for it.
  const createBucket = async (name, folder) => {
    const form = main.locator("details", { has: page.getByLabel("Name in this store") });
    if ((await form.getAttribute("open")) === null) await form.locator("summary").click();
    await form.getByLabel("Name in this store").fill(name);
    await form.getByLabel("URL").fill(`file://${folder}`);
    await button("Create Bucket", form).click();
    await done();
  };
  step("Create Bucket, kinds, Store Custom Bills, Save Settings");
  await createBucket("first", bucket);
  const choose = async (name) => {
    for (const kind of ["daily", "monthly", "reseller"]) await main.getByLabel(`Bucket for ${kind} bills`).selectOption(name);
  };
  await choose("first");
  await main.getByLabel("Store Custom Bills").selectOption("yes");
  await button("Save Settings").click();
  await done();

  await dayPasses(8);
  step("A day passes: the bill is in the bucket, with its manifest");
  // On day+2: the 8th's covers what was used through the 6th.
  const throughThe6th = (name) => name.includes("-2021-04-06-");
  await until("the bill of 8 April in the bucket", () => zips(bucket).some(throughThe6th) && manifests(bucket).some(throughThe6th));

  step("The calendar has a link to the delivery, with its receipt and manifest");
  const day = (number) => main.locator("table.month td", { has: page.locator("span:first-child", { hasText: new RegExp(`^${number}$`) }) });
  const link8 = day(8).getByRole("link", { name: "daily: delivered" });
  await storage();
  await until("that the calendar tells of the delivery", async () => {
    await page.goto(page.url());
    return (await link8.count()) > 0;
  });
  await link8.click();
  await see(page.getByRole("heading", { name: "Manifest" }), "the manifest");
  await see(main.getByText("Receipt"), "the receipt");
  const shown = await main.innerText();
  check(zips(bucket).some((name) => shown.includes(name)), "the page does not name the file that was delivered");
  await button("Verify now").click();
  await done();

  step("Change the bucket: the next day's bills go to the other one");
  await storage();
  await createBucket("second", bucket2);
  await choose("second");
  await button("Save Settings").click();
  await done();
  const old = contents(bucket);
  await dayPasses(9);
  const sample = new RegExp(`^${payer}-${month}--by_used_time-bill-details-consolidated_bill-[0-9a-f]+\\.zip$`);
  await until("the bills of 9 April in the second bucket", () => zips(bucket2).length >= 2 && manifests(bucket2).length >= 2);
  check(contents(bucket) === old, "the first bucket has changed after the switch");
  check(zips(bucket2).some((name) => sample.test(name)), `no reseller bill among ${zips(bucket2)}`);

  step("Disable Bucket: nothing new is written");
  await menu.getByRole("link", { name: "Import" }).click();
  await main.getByLabel("Bill file").setInputFiles(nextFile);
  await button("Import").click();
  await done();
  await storage();
  await anchor("Disable Bucket").click();
  await see(dialog("Disable bill storage?"), "the dialog that asks before storage ends");
  await button("Disable Bucket", dialog("Disable bill storage?")).click();
  await done();
  const kept = [contents(bucket), contents(bucket2)];
  await dayPasses(10);
  // The scheduler looks twice a second.
  await page.waitForTimeout(3_000);
  check(contents(bucket) === kept[0] && contents(bucket2) === kept[1], "something was written after storage was disabled");
  await storage();
  expect((await day(10).getByText("delivered").count()) === 0, "the calendar tells of a delivery after storage was disabled");
  expect((await link8.count()) === 1, "the calendar has forgotten what was delivered before storage was disabled");
  const today = main.locator("table.month .today");
  expect((await today.count()) === 1 && (await today.innerText()) === "10", "the calendar does not mark today");
});
