import { test, expect } from "./desk.mjs";

const ITEMS = 50;

test("a reviewer works fifty items by keyboard alone", async ({ people }) => {
  const page = await people.as("streife");
  await expect(page).toHaveURL(/\/queue/);
  // No mouse from here on: any click fails the test.
  await page.addInitScript(() => addEventListener("pointerdown", () => { throw new Error("a pointer was used"); }, true));
  const seen = new Set();
  await page.keyboard.press("n");
  for (let done = 0; done < ITEMS; done += 1) {
    await page.waitForURL(/\/items\//);
    const id = new URL(page.url()).pathname.split("/")[2];
    expect(seen.has(id), `item ${id} came twice`).toBe(false);
    seen.add(id);
    await expect(page.locator("form.decide")).toBeVisible();
    if (done === 0) {
      await expect(page.locator(".post")).toHaveCSS("filter", /blur/);
      await page.keyboard.press("v");
      await expect(page.locator(".post")).toHaveCSS("filter", "none");
    }
    // Two keys: dismissal and reason; or one norm; or a second look.
    if (done % 5 === 4) {
      await page.keyboard.press("1");
    } else if (done % 7 === 6) {
      await page.keyboard.press("s");
    } else {
      await page.keyboard.press("d");
      await page.keyboard.press(String(1 + (done % 4)));
    }
    await expect(page.locator("[data-undo]")).toBeVisible();
    if (done === 2) {
      await page.keyboard.press("u");
      await expect(page.locator("form.decide")).toBeVisible();
      await page.keyboard.press("d");
      await page.keyboard.press("1");
      await expect(page.locator("[data-undo]")).toBeVisible();
    }
    await page.keyboard.press("n");
    await page.waitForURL((url) => url.pathname !== `/items/${id}`);
  }
  expect(seen.size).toBe(ITEMS);
  await page.goto("/settings");
  await expect(page.locator(".big").first()).toHaveText(String(ITEMS));
});

test("two people never hold the same item, and a take-over needs a reason", async ({ people }) => {
  const one = await people.as("streife");
  const two = await people.as("streife-2");
  await one.keyboard.press("n");
  await two.keyboard.press("n");
  await one.waitForURL(/\/items\//);
  await two.waitForURL(/\/items\//);
  const path = new URL(one.url()).pathname;
  expect(new URL(two.url()).pathname).not.toBe(path);
  await two.goto(path);
  await expect(two.locator("form.decide")).toHaveCount(0);
  await two.locator("input[name=reason]").fill("abgesprochen, Schichtende");
  await two.locator("form[action$='take-over'] button").click();
  await expect(two.locator("form.decide")).toBeVisible();
  await one.reload();
  await expect(one.locator("form.decide")).toHaveCount(0);
});

test("single keys can be switched off, and the palette stays", async ({ people }) => {
  const page = await people.as("streife-2");
  await page.goto("/settings");
  await page.locator("[name=keys]").setChecked(false);
  await page.locator("form[action='/settings'] button.primary").click();
  await page.goto("/queue");
  await page.keyboard.press("n");
  await page.waitForTimeout(300);
  await expect(page).toHaveURL(/\/queue/);
  await page.keyboard.press("Control+k");
  await expect(page.locator("dialog[open]")).toBeVisible();
  await page.keyboard.type("Einstell");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/settings/);
  await page.locator("[name=keys]").setChecked(true);
  await page.locator("form[action='/settings'] button.primary").click();
});

test("a key pressed as soon as a page shows is not lost, however late its script comes", async ({ people }) => {
  const page = await people.as("streife-2");
  // A busy machine or a slow line: what the page shows and what listens to keys do not come at the same moment.
  await page.route("**/assets/*.js", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    await route.continue();
  });
  await page.goto("/queue", { waitUntil: "commit" });
  await expect(page.locator("form[action='/next'] button")).toBeVisible();
  await page.keyboard.press("n");
  await page.waitForURL(/\/items\//, { waitUntil: "commit", timeout: 10_000 });
  await expect(page.locator("form.decide")).toBeVisible();
  await page.keyboard.press("d");
  await page.keyboard.press("1");
  await expect(page.locator("[data-undo]")).toBeVisible();
  await page.keyboard.press("u");
  await expect(page.locator("form.decide")).toBeVisible();
});
