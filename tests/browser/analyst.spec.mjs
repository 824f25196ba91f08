import { test, expect } from "./desk.mjs";

const ID = "w-kutter";

test("an analyst writes a rule, sees its hits, and another person sets it live", async ({ people }) => {
  const analyst = await people.as("analyse");
  await analyst.goto("/rules/new");
  const source = analyst.locator("textarea[name=source]");
  const begun = await source.inputValue();
  // A mistake is told while one writes, with its place.
  await source.fill(begun.replace(/^id:.*$/m, `id: ${ID}`).replace(/^when:[\s\S]*?(?=^\S)/m, "when: |\n  (unfertig AND\n"));
  await expect(analyst.locator("#problems .bad").first()).toBeVisible();
  const rule = begun
    .replace(/^id:.*$/m, `id: ${ID}`)
    .replace(/^when:[\s\S]*?(?=^\S)/m, "when: |\n  Erdbeeren AND Markt\n")
    .replace(/^tests:[\s\S]*$/m, `tests:
  - {text: "Heute gibt es Erdbeeren auf dem Markt", expect: hit}
  - {text: "Der Markt hat Erdbeeren", expect: hit}
  - {text: "Erdbeeren vom Markt", expect: hit}
  - {text: "Heute ist Markt", expect: miss}
  - {text: "Erdbeeren aus dem Garten", expect: miss}
  - {text: "Ein Kuchen", expect: miss}
`);
  await source.fill(rule);
  await expect(analyst.locator("#problems .bad")).toHaveCount(0);

  await analyst.locator("button[formaction$='/preview']").click();
  await expect(analyst.locator("#preview")).toBeVisible();
  await expect(analyst.locator("#preview .figures dd").first()).not.toHaveText("0");
  await expect(analyst.locator("#preview mark").first()).toBeAttached();

  await analyst.locator("form button.primary").first().click();
  await analyst.goto(`/rules/${ID}`);
  await analyst.locator("button[formaction$='/backtest']").click();
  // The page shows by itself that the backtest ended.
  await expect(analyst.locator("button[name=to][value=ask]")).toBeVisible({ timeout: 120_000 });
  await analyst.locator("button[name=to][value=shadow]").click();
  await expect(analyst.locator("h1 .state.shadow")).toBeVisible();
  await analyst.locator("button[name=to][value=ask]").click();
  await expect(analyst.locator("button[name=to][value=approve]")).toHaveCount(0);

  const approver = await people.as("regelfreigabe");
  await approver.goto(`/rules/${ID}`);
  const note = approver.locator("input[name=note]");
  if (await note.count()) await note.fill("geprüft, Rücktest angesehen");
  await approver.locator("button[name=to][value=approve]").click();
  await approver.goto(`/rules/${ID}`);
  await expect(approver.locator("h1 .state.live")).toBeVisible();
});
