/**
 * Prints "passed failed skipped" of a vitest run from its JSON report: node scripts/count-tests.mjs REPORT EXIT_CODE
 *
 * A file that could not be loaded has no tests to count and is one failure; so is a run that failed for another reason
 * (an unhandled error), or that left no report.
 */
import { readFileSync } from 'node:fs';

const [report, exitCode] = process.argv.slice(2);
const counts = { passed: 0, failed: 0, skipped: 0 };

try {
  for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) {
    for (const { status } of file.assertionResults) {
      // The others are `skipped`, `pending`, `todo` and `disabled`.
      counts[status === 'passed' || status === 'failed' ? status : 'skipped'] += 1;
    }
    if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) {
      counts.failed += 1;
    }
  }
} catch (error) {
  console.error(`no report of the tests: ${error.message}`);
  counts.failed = 1;
}
if (exitCode !== '0' && counts.failed === 0) counts.failed = 1;

console.log(`${counts.passed} ${counts.failed} ${counts.skipped}`);
