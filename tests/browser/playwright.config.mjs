// One browser, one desk, one test at a time: the desk is one site and its people share one queue.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.mjs",
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  // A shared machine may be slow as a whole; what hangs is found by the limits of single steps.
  timeout: 900_000,
  expect: { timeout: 20_000 },
  outputDir: process.env.STREIFE_BROWSER_OUT ?? "/tmp/streife-browser",
  reporter: "./reporter.mjs",
  use: {
    baseURL: process.env.STREIFE_BROWSER_URL,
    actionTimeout: 45_000,
    navigationTimeout: 60_000,
    locale: "de-DE",
    timezoneId: "Europe/Berlin",
    launchOptions: {
      executablePath: process.env.STREIFE_CHROMIUM,
      // A container has no room for the browser's own sandbox; the pages come from our own server on this machine.
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
    },
  },
});
