import { test, expect } from "./desk.mjs";

async function move(page, name, text) {
  const form = page.locator("form", { has: page.locator(`input[name=move][value=${name}]`) });
  if (text) await form.locator("[name=text]").first().fill(text);
  await form.locator("button").click();
  await page.waitForLoadState();
}

test("an officer takes a post to an approved referral with a second person", async ({ people }) => {
  const reviewer = await people.as("streife-2");
  await reviewer.keyboard.press("n");
  await reviewer.waitForURL(/\/items\//);
  const id = new URL(reviewer.url()).pathname.split("/")[2];
  await reviewer.keyboard.press("1");
  await expect(reviewer.locator("[data-undo]")).toBeVisible();

  const officer = await people.as("sachbearbeitung");
  await officer.goto(`/cases/${id}`);
  // The machine secures by itself once the decision can no longer be taken back, and the page shows it by itself.
  await expect(officer.locator("input[name=move][value=open_form]")).toBeAttached({ timeout: 120_000 });
  await move(officer, "open_form");
  await expect(officer.getByRole("heading", { name: "Was noch fehlt" })).toBeVisible();
  const form = officer.locator("form[action$='/form']");
  for (const box of await form.locator("fieldset.norm input[type=checkbox]:not([name$='.drop'])").all()) await box.check();
  for (const area of await form.locator("textarea").all()) await area.fill("Keine andere Lesart liegt nahe; geprüft am Wortlaut und am Zusammenhang.");
  for (const field of await form.locator("input:not([type=hidden]):not([type=checkbox]):not([type=date]):not([inputmode])").all()) await field.fill("festgestellt");
  for (const field of await form.locator("input[type=date][name=knowledge_on]").all()) await field.fill("2026-11-20");
  await form.locator("button.primary").click();
  await officer.waitForLoadState();
  await expect(officer.getByRole("heading", { name: "Was noch fehlt" })).toHaveCount(0);
  await move(officer, "draft", "Zentralstelle Musterstadt");

  // Who drafts does not approve: the button is not even there, and a lead has it.
  await expect(officer.locator("input[name=move][value=approve]")).toHaveCount(0);
  const lead = await people.as("leitung");
  await lead.goto(`/cases/${id}`);
  await move(lead, "approve");
  await officer.reload();
  await expect(officer.locator(".state.approved")).toBeVisible();
});
