// Sums the JSON reports of the test suites that ran: `node scripts/sum-reports.mjs DIR`.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const directory = process.argv[2] ?? "reports";
const sum = { passed: 0, failed: 0, skipped: 0 };
const files = readdirSync(directory).filter((name) => name.endsWith(".json"));
for (const file of files) {
  const report = JSON.parse(readFileSync(join(directory, file), "utf8"));
  sum.passed += report.numPassedTests;
  sum.failed += report.numFailedTests;
  sum.skipped += report.numPendingTests + report.numTodoTests;
  // A file whose set-up fails runs no test: that is a failure, not a set of skipped tests.
  const broken = report.testResults.filter(
    (suite) => suite.status === "failed" && !suite.assertionResults.some((test) => test.status === "failed"),
  );
  sum.failed += broken.length;
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
if (sum.failed > 0 || sum.passed === 0) process.exitCode = 1;
