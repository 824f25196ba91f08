// Everything but live updates works without JavaScript.
import { test, expect } from "./desk.mjs";

test("a reviewer decides and takes back without script", async ({ people }) => {
  const page = await people.as("streife-2", { javaScriptEnabled: false });
  await page.goto("/queue");
  await page.locator("form[action='/next'] button").click();
  await expect(page).toHaveURL(/\/items\//);
  await page.locator("label.reveal").click();
  await expect(page.locator(".post")).toHaveCSS("filter", "none");
  await page.locator("details.dismiss summary").click();
  await page.locator("details.dismiss button").first().click();
  await page.locator("form[action$='/undo'] button").click();
  await expect(page.locator("form.decide")).toBeVisible();
  await page.locator("details.dismiss summary").click();
  await page.locator("details.dismiss button").first().click();
  await expect(page.locator("[data-undo]")).toBeVisible();
  await page.goto("/queue?order=oldest");
  await page.locator("form.filters select[name=level]").selectOption("high");
  await page.locator("form.filters button").click();
  await expect(page).toHaveURL(/level=high/);
});

test("an analyst checks and saves a rule without script", async ({ people }) => {
  const page = await people.as("analyse", { javaScriptEnabled: false });
  await page.goto("/rules/new");
  const source = "id: ohne-skript\ntitle: Ohne Skript\nlevel: low\nmatch: \"Wasserwerk\"\n";
  await page.locator("textarea[name=source]").fill(source);
  await page.locator("button.primary").first().click();
  await page.waitForLoadState();
  await page.goto("/rules/ohne-skript");
  await expect(page.locator("textarea[name=source]")).toHaveValue(/Wasserwerk/);
});
