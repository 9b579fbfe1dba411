/**
 * Prints "passed failed skipped" of a vitest run from its JSON report, and on stderr what failed and why:
 * node scripts/count-tests.mjs REPORT EXIT_CODE
 *
 * A file that could not be loaded has no tests to count and is one failure; so is a run that failed for another reason
 * (an unhandled error), or that left no report.
 */
import { readFileSync } from 'node:fs';

const [report, exitCode] = process.argv.slice(2);
const counts = { passed: 0, failed: 0, skipped: 0 };

/** The reason in a few lines: the report before it has the whole. */
const tell = (what, why = '') =>
  console.error(`${what}\n${why.split('\n').slice(0, 6).join('\n').slice(0, 1000)}`);

try {
  for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) {
    for (const { status, fullName, failureMessages } of file.assertionResults) {
      if (status === 'failed') tell(`${file.name}: ${fullName}`, failureMessages?.[0]);
      // The others are `skipped`, `pending`, `todo` and `disabled`.
      counts[status === 'passed' || status === 'failed' ? status : 'skipped'] += 1;
    }
    if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) {
      counts.failed += 1;
      tell(file.name, file.message);
    }
  }
} catch (error) {
  console.error(`no report of the tests: ${error.message}`);
  counts.failed = 1;
}
if (exitCode !== '0' && counts.failed === 0) {
  counts.failed = 1;
  console.error('the run failed beside its tests: an unhandled error, or an import that took too long');
}

console.log(`${counts.passed} ${counts.failed} ${counts.skipped}`);
