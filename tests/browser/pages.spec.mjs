// Every page in both themes and at the width of a phone: axe-core finds nothing, nothing scrolls sideways.
import AxeBuilder from "@axe-core/playwright";
import { test, expect, choose } from "./desk.mjs";

const PEOPLE = {
  streife: ["/queue", "item", "/settings"],
  analyse: ["/rules", "/rules/new", "rule", "/trends", "/campaigns"],
  regelfreigabe: ["/rules"],
  sachbearbeitung: ["/cases", "case", "/report"],
  leitung: ["/queue", "/cases", "/trends"],
  datenschutz: ["/audit", "/report"],
  admin: ["/users", "/system", "/settings"],
};
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// The links of the rail lead to every page a person may open, whatever pages there are.
async function pagesOf(page, named) {
  const rail = await page.locator(".rail nav a, .me a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  const paths = new Set([...rail, ...named.filter((name) => name.startsWith("/"))]);
  const first = async (list, pattern) => {
    await page.goto(list);
    const links = await page.locator("main a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    const found = links.find((link) => pattern.test(link));
    if (found) paths.add(found);
  };
  if (named.includes("item")) await first("/queue", /^\/items\//);
  if (named.includes("case")) await first("/cases", /^\/cases\/./);
  if (named.includes("rule")) await first("/rules", /^\/rules\/(?!new)./);
  return [...paths];
}

async function audit(page, where) {
  const found = await new AxeBuilder({ page }).withTags(TAGS).analyze();
  const told = found.violations.map((v) => `${where}: ${v.id} (${v.impact}) ${v.nodes.map((n) => `${n.target.join(" ")} ${n.any.map((a) => a.message).join("; ")}`).slice(0, 4).join(" | ")}`);
  expect(told).toEqual([]);
}

for (const theme of ["light", "dark"]) {
  for (const [user, named] of Object.entries(PEOPLE)) {
    test(`axe finds nothing on the pages of ${user}, ${theme}`, async ({ people }) => {
      const page = await people.as(user);
      await choose(page, { theme });
      for (const path of await pagesOf(page, named)) {
        await page.goto(path);
        await audit(page, path);
        await page.setViewportSize({ width: 390, height: 844 });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(wide, `${path} scrolls sideways on a phone`).toBeLessThanOrEqual(0);
        await page.setViewportSize({ width: 1280, height: 800 });
      }
    });
  }
  test(`axe finds nothing on the log-in page, ${theme}`, async ({ people }) => {
    const page = await people.as(null, { colorScheme: theme });
    await page.goto("/login");
    await audit(page, "/login");
    await page.goto("/nowhere");
    await audit(page, "/nowhere");
  });
}
