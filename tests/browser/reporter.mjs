// Prints what tests/run counts: a line per test and a closing line in the form of cargo's test runner.
export default class Reporter {
  count = { passed: 0, failed: 0, ignored: 0 };

  onTestEnd(test, result) {
    const name = test.titlePath().slice(2).join(" > ");
    if (result.status === "skipped") {
      this.count.ignored += 1;
      console.log(`test ${name} ... ignored`);
      return;
    }
    const ok = result.status === test.expectedStatus;
    this.count[ok ? "passed" : "failed"] += 1;
    console.log(`test ${name} ... ${ok ? "ok" : "FAILED"} (${(result.duration / 1000).toFixed(1)} s)`);
    if (!ok) for (const error of result.errors) console.log(error.message ?? String(error));
  }

  onStdOut(chunk) {
    process.stdout.write(chunk);
  }

  onEnd() {
    const { passed, failed, ignored } = this.count;
    console.log(`test result: ${failed === 0 ? "ok" : "FAILED"}. ${passed} passed; ${failed} failed; ${ignored} ignored`);
  }
}
