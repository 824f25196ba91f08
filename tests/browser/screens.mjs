// Pictures of every page for docs/screens: light, dark, and at the width of a phone. Only on a desk in demonstration mode:
// its posts are made up. For what stands in docs/screens: `cargo run -p streife-web --example demo`.
//   STREIFE_BROWSER_URL=http://... STREIFE_CHROMIUM=path node tests/browser/screens.mjs FOLDER
import { mkdirSync } from "node:fs";
import { chromium } from "@playwright/test";

const folder = process.argv[2];
const baseURL = process.env.STREIFE_BROWSER_URL;
mkdirSync(folder, { recursive: true });

// Who looks at what.
const PAGES = {
  streife: { queue: "/queue", item: "/queue>^/items/", beside: "/queue>^/items/+/beside", bulk: "/queue>^/items/>^/bulk/", "quality-blind": "/quality/blind", settings: "/settings", glass: "/glass", refused: "/cases", nowhere: "/nowhere" },
  analyse: { rules: "/rules", rule: "/rules>^/rules/(?!new)", "rule-new": "/rules/new", trends: "/trends", campaigns: "/campaigns", export: "/export" },
  sachbearbeitung: { cases: "/cases", case: "/cases>^/cases/." },
  leitung: { quality: "/quality", report: "/report", "glass-review": "/glass/review" },
  datenschutz: { audit: "/audit" },
  admin: { users: "/users", tenants: "/tenants", tokens: "/tokens", system: "/system" },
};
const LOOKS = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 860 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 860 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

const browser = await chromium.launch({ executablePath: process.env.STREIFE_CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const open = (look) => browser.newContext({ baseURL, locale: "de-DE", timezoneId: "Europe/Berlin", reducedMotion: "reduce", ...LOOKS[look] });

async function passwords() {
  const context = await open("light");
  const page = await context.newPage();
  await page.goto("/login");
  const rows = await page.locator("tr").evaluateAll((all) => all.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent.trim())));
  for (const look of Object.keys(LOOKS)) {
    const context = await open(look);
    const page = await context.newPage();
    await page.goto("/login");
    // What is random in the demonstration is no use in a picture.
    await page.locator("td code").evaluateAll((all) => all.forEach((code) => { code.textContent = "••••••••"; }));
    await page.screenshot({ path: `${folder}/login-${look}.png` });
    await context.close();
  }
  await context.close();
  return Object.fromEntries(rows.filter((cells) => cells.length > 1).map((cells) => [cells.find((c) => /^[a-z0-9-]+$/.test(c)), cells[cells.length - 1]]));
}

// `/list>^/one>^/more+/tail`: the first link that fits on each page, and what is written behind the last.
async function found(page, path) {
  const [start, ...steps] = path.split(">");
  let where = start;
  for (const step of steps) {
    const [pattern, tail = ""] = step.split("+");
    await page.goto(where);
    const links = await page.locator("main a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    const link = links.find((link) => new RegExp(pattern).test(link));
    if (!link) return null;
    where = link + tail;
  }
  return where;
}

// A suspicion whose evidence is sealed and whose form is open, so that a case has something to show.
async function prepare(users) {
  const as = async (user) => {
    const context = await open("light");
    const page = await context.newPage();
    await logIn(page, user, users[user]);
    return page;
  };
  const reviewer = await as("streife");
  await reviewer.goto("/queue");
  await reviewer.locator("form[action='/next'] button").first().click();
  await reviewer.waitForURL(/\/items\//);
  const id = new URL(reviewer.url()).pathname.split("/")[2];
  await reviewer.locator("form.decide button[name=decision][value^='norm:StGB-130']").first().click();
  await reviewer.waitForLoadState();
  await reviewer.goto("/queue");
  for (let n = 0; n < 3; n += 1) {
    await reviewer.goto("/queue");
    await reviewer.locator("form[action='/next'] button").first().click();
    await reviewer.waitForURL(/\/items\//);
    await reviewer.locator("details.dismiss summary").click();
    await reviewer.locator("details.dismiss button").nth(n).click();
    await reviewer.waitForLoadState();
  }
  await reviewer.context().close();
  const officer = await as("sachbearbeitung");
  for (let n = 0; n < 30; n += 1) {
    await officer.goto(`/cases/${id}`);
    const seal = officer.locator(`form[action="/cases/${id}/seal"] button`);
    if (await seal.count()) {
      await seal.click();
      continue;
    }
    const form = officer.locator("form", { has: officer.locator("input[name=move][value=open_form]") });
    if (await form.count()) {
      await form.locator("button").click();
      break;
    }
    await officer.waitForTimeout(3_000);
  }
  await officer.context().close();
}

async function logIn(page, user, secret) {
  await page.goto("/login");
  await page.locator("[name=user]").fill(user);
  await page.locator("[name=password]").fill(secret);
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname !== "/login");
}

const users = await passwords();
await prepare(users);
for (const look of Object.keys(LOOKS)) {
  for (const [user, pages] of Object.entries(PAGES)) {
    const context = await open(look);
    const page = await context.newPage();
    await logIn(page, user, users[user]);
    for (const [name, path] of Object.entries(pages)) {
      const where = await found(page, path);
      if (!where) {
        console.log(`${name}: nothing there`);
        continue;
      }
      await page.goto(where);
      await page.waitForTimeout(600);
      await page.screenshot({ path: `${folder}/${name}-${look}.png` });
    }
    await context.close();
  }
  console.log(`${look}: done`);
}
await browser.close();
