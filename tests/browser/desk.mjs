// What every test needs: people who log in by keyboard, and a watch over where requests go.
import { test as base, expect } from "@playwright/test";

export { expect };

// Every request of every page of a test must go to the desk itself.
export const test = base.extend({
  people: async ({ browser, baseURL }, use) => {
    const contexts = [];
    const strangers = [];
    let requests = 0;
    const people = {
      // A page of a browser of its own, logged in as `user`.
      async as(user, options = {}) {
        const context = await browser.newContext({ baseURL, locale: "de-DE", ...options });
        contexts.push(context);
        context.on("request", (request) => {
          requests += 1;
          const url = new URL(request.url());
          if (url.protocol !== "data:" && url.origin !== new URL(baseURL).origin) strangers.push(request.url());
        });
        const page = await context.newPage();
        page.on("pageerror", (error) => strangers.push(`script error: ${error.message}`));
        page.on("console", (message) => {
          // A refused policy is told on the console alone.
          if (/Content Security Policy/i.test(message.text())) strangers.push(message.text());
        });
        if (user) await logIn(page, user);
        return page;
      },
    };
    await use(people);
    for (const context of contexts) await context.close();
    expect(requests, "the watch saw requests").toBeGreaterThan(0);
    expect(strangers, "no request leaves the host, no script fails, no policy is broken").toEqual([]);
  },
});

// The demonstration shows its accounts on the log-in page.
export async function password(page, user) {
  const row = page.locator("tr", { has: page.getByRole("cell", { name: user, exact: true }) });
  return (await row.locator("code").innerText()).trim();
}

export async function logIn(page, user) {
  await page.goto("/login");
  const secret = await password(page, user);
  await page.keyboard.type(user);
  await page.keyboard.press("Tab");
  await page.keyboard.type(secret);
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname !== "/login");
}

export async function choose(page, values) {
  await page.goto("/settings");
  for (const [name, value] of Object.entries(values)) {
    const field = page.locator(`[name="${name}"]`).first();
    if (typeof value === "boolean") await field.setChecked(value);
    else await field.selectOption(value);
  }
  await page.locator("form[action='/settings'] button.primary").click();
  await page.waitForLoadState();
}
