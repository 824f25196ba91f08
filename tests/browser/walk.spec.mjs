// The walk through the desk as README.md tells it, by somebody who reads nothing else: every word that stands there in
// italics is looked for on the screen, in English, and clicked by that name.
import { readFileSync } from "node:fs";
import { test, expect } from "./desk.mjs";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const walk = readme.slice(readme.indexOf("## A walk through the desk"), readme.indexOf("Screens: "));
const told = new Set([...walk.matchAll(/(?<!\*)\*([^*\n]+)\*(?!\*)/g)].map((match) => match[1]));
const used = new Set();

// A label that the README names.
function named(label) {
  expect([...told], "the README names it").toContain(label);
  used.add(label);
  return new RegExp(`^${label.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}( |$)`);
}

const button = (place, label) => place.getByRole("button", { name: named(label) }).first();
const link = (place, label) => place.getByRole("link", { name: named(label) }).first();

test("a stranger decides ten posts, sets a rule live with a colleague, and takes a post to an approved referral", async ({ people }) => {
  const as = (user) => people.as(user, { locale: "en-GB" });

  // 1. Ten posts.
  const reviewer = await as("streife");
  await button(reviewer, "Next post").click();
  let before = "";
  for (let n = 0; n < 10; n += 1) {
    await reviewer.waitForURL((url) => url.pathname.startsWith("/items/") && url.pathname !== before);
    before = new URL(reviewer.url()).pathname;
    await reviewer.keyboard.press("v");
    await expect(reviewer.locator(".post")).toHaveCSS("filter", "none");
    await reviewer.keyboard.press("d");
    await reviewer.keyboard.press(String(1 + (n % 3)));
    await expect(reviewer.locator("[data-undo]")).toBeVisible();
    if (n === 0) {
      await reviewer.keyboard.press("u");
      await expect(reviewer.locator("form.decide")).toBeVisible();
      await reviewer.keyboard.press("d");
      await reviewer.keyboard.press("1");
      await expect(reviewer.locator("[data-undo]")).toBeVisible();
    }
    await reviewer.keyboard.press("n");
  }
  await reviewer.waitForURL((url) => url.pathname !== before);

  // 3, first half: a suspicion, so that its evidence is sealed while the rule is written.
  await expect(reviewer.locator("form.decide")).toBeVisible();
  const id = new URL(reviewer.url()).pathname.split("/")[2];
  await reviewer.keyboard.press("1");
  await expect(reviewer.locator("[data-undo]")).toBeVisible();

  // 2. A rule.
  const analyst = await as("analyse");
  await link(analyst, "Rules").click();
  await link(analyst, "New rule").click();
  await button(analyst, "Hits of the last 24 hours").click();
  await expect(analyst.locator("#preview .figures dd").first()).not.toHaveText("0");
  await button(analyst, "Save draft").click();
  await analyst.waitForURL(/\/rules\/(?!new)/);
  const title = (await analyst.locator("h1").innerText()).split("\n")[0].trim();
  await button(analyst, "Run backtest").click();
  await expect(button(analyst, "Ask for approval")).toBeVisible({ timeout: 120_000 });
  await button(analyst, "Ask for approval").click();
  const approver = await as("regelfreigabe");
  await link(approver, "Rules").click();
  const rule = new URL(analyst.url()).pathname;
  await approver.locator(`a[href="${rule}"]`).click();
  await approver.locator("input[name=note]").fill("looked at text, hits and backtest");
  await button(approver, "Approve").click();
  await expect(approver.locator("h1 .state.live"), title).toBeVisible();

  // 3. The referral.
  const officer = await as("sachbearbeitung");
  await link(officer, "Cases").click();
  await officer.locator(`a[href="/cases/${id}"]`).first().click();
  await expect(button(officer, "Open legal form")).toBeVisible({ timeout: 120_000 });
  await button(officer, "Open legal form").click();
  await expect(officer.getByText("What is still missing")).toBeVisible();
  const form = officer.locator("form[action$='/form']");
  for (const box of await form.locator("fieldset.norm input[type=checkbox]:not([name$='.drop'])").all()) await box.check();
  for (const area of await form.locator("textarea").all()) await area.fill("No other reading is likely: the words are plain, and so is what stands around them.");
  for (const field of await form.locator("input:not([type=hidden]):not([type=checkbox]):not([type=date]):not([inputmode])").all()) await field.fill("established");
  for (const field of await form.locator("input[type=date][name=knowledge_on]").all()) await field.fill("2026-11-20");
  await button(form, "Save form").click();
  await expect(officer.getByText("What is still missing")).toHaveCount(0);
  const draft = officer.locator("form", { has: officer.locator("input[name=move][value=draft]") });
  await draft.locator("[name=text]").fill("Central unit, Example Town");
  await button(draft, "Draft referral").click();
  const lead = await as("leitung");
  await link(lead, "Cases").click();
  await lead.locator(`a[href="/cases/${id}"]`).first().click();
  await expect(lead.getByRole("heading", { name: named("Legal form") })).toBeVisible();
  await expect(lead.locator("#form-read").getByText("No other reading is likely").first()).toBeVisible();
  await button(lead, "Approve").click();
  await expect(lead.locator(".state.approved")).toBeVisible();
  await expect(lead.getByRole("heading", { name: named("Evidence") })).toBeVisible();
  await officer.goto(`/cases/${id}`);
  await button(officer, "Record dispatch").click();
  await expect(officer.locator(".state.sent")).toBeVisible();

  // 4. Who read what.
  const protection = await as("datenschutz");
  await link(protection, "Audit").click();
  await expect(protection.getByText("sachbearbeitung").first()).toBeVisible();

  expect([...told].filter((label) => !used.has(label)), "the walk uses every label that the README names").toEqual([]);
});
