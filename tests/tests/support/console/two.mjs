// Two people on one bill: an import happens between the look of one and the confirmation.
//
// {linkA, linkB, month, importFile}: A may confirm, B may import, the month is issued, and `importFile` changes it.
import { check, input, run, see, signIn, step, visit } from "./browser.mjs";

const { linkA, linkB, month, importFile } = input;

await run(async (browser) => {
  const [a, b] = [await visit(browser), await visit(browser)];
  await signIn(a, linkA);
  await signIn(b, linkB);
  const main = a.locator("main");
  const fact = (name) => main.locator("dl.facts > div", { has: a.getByText(name, { exact: true }) }).locator("dd").first().innerText();
  const asks = a.getByRole("dialog", { name: "Confirm this bill?" });
  const confirm = () => main.getByRole("link", { name: "Confirm", exact: true }).click();
  const agree = () => asks.getByRole("button", { name: "Confirm", exact: true }).click();

  step("A looks at the bill and is asked whether to confirm it");
  await a.getByRole("link", { name: "Bill Management" }).click();
  await main.getByRole("link", { name: month, exact: true }).click();
  const before = await fact("Digest");
  await confirm();
  await see(asks, "the dialog that asks before a confirmation");

  step("B imports a file that changes the bill");
  await b.getByRole("link", { name: "Import", exact: true }).click();
  await b.getByLabel("Bill file").setInputFiles(importFile);
  await b.locator("main").getByRole("button", { name: "Import", exact: true }).click();
  await see(b.locator("main .notice.good"), "that the file was imported");
  await b.getByRole("link", { name: "Bill Management" }).click();
  await b.locator("main").getByRole("link", { name: month, exact: true }).click();
  const after = await b.locator("main code").first().innerText();
  check(before !== after, "the import has not changed the bill");

  step("A confirms what is no longer there: refused, with the difference");
  await agree();
  await see(main.getByRole("alert"), "that the confirmation was refused");
  await see(main.locator("#difference"), "the difference");
  check((await main.locator("#difference tbody tr").count()) > 0, "the difference is empty");
  await see(main.getByText("The bill has changed since you looked at it."), "what has happened");
  check((await fact("State")) === "issued", `the bill is ${await fact("State")}`);
  check((await fact("Digest")) === after, "the page does not show the bill as it is now");
  check((await asks.count()) === 0, "the dialog is still open before the difference");

  step("A confirms what is there now");
  await confirm();
  await see(asks.getByText(after), "the digest of the bill as it is now");
  await agree();
  await see(main.locator(".notice.good"), "that the bill was confirmed");
  check((await fact("State")) === "confirmed", `the bill is ${await fact("State")}`);
  check((await fact("Digest")) === after, "another bill was confirmed");

  step("B refreshes and sees who was first");
  await b.locator("main").getByRole("link", { name: "Refresh", exact: true }).click();
  await see(b.locator("main .badge.confirmed"), "that the bill is confirmed");
});
