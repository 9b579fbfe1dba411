/**
 * npm run audit: asks the registry for known weaknesses of everything in the lock file. Ends with 0 when it was asked and knows none
 * but those that scripts/audit-accepted.json explains, with 1 when there are others, with 3 when it could not be asked. No answer is
 * never taken for a good one: npm's own command ends with 0 when it is offline.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** `{ advisory, package, reason, until }`: the address of an advisory, whom it is about, why it does no harm here, and how long that is believed. */
const accepted = JSON.parse(readFileSync(path.join(root, 'scripts', 'audit-accepted.json'), 'utf8'));

const [program, ...first] = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
const asked = spawnSync(
  program,
  [...first, 'audit', '--json', '--package-lock-only', '--audit=true', '--offline=false', '--loglevel=error'],
  { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
);
const report = parsed(asked.stdout);
const dependencies = report?.metadata?.dependencies?.total ?? 0;

if (report?.auditReportVersion !== 2 || report.vulnerabilities === undefined || dependencies === 0) {
  const why = report?.message ?? asked.error?.message ?? (asked.stderr.trim() || 'npm gave no report');
  console.error(`audit: could not ask: ${why}`);
  console.error('audit: nothing is known of weaknesses; this is not a good answer');
  process.exitCode = 3;
} else {
  const today = new Date().toISOString().slice(0, 10);
  const isExplained = ({ url, name }) =>
    accepted.some((one) => one.advisory === url && one.package === name && one.until >= today);
  // What only comes by way of another package is named there, with its advisory.
  const advisories = Object.values(report.vulnerabilities).flatMap(({ via }) =>
    via.filter((one) => typeof one === 'object'),
  );
  const open = advisories.filter((one) => !isExplained(one));
  for (const { severity, name, range, title, url } of open)
    console.error(`audit: ${severity}: ${name} ${range}: ${title} (${url})`);
  for (const { name, url } of advisories.filter(isExplained)) console.log(`audit: explained: ${name} ${url}`);
  // A package that inherits a weakness from an advisory npm does not spell out would otherwise be passed over.
  const isUnclear = Object.keys(report.vulnerabilities).length > 0 && advisories.length === 0;
  if (isUnclear) console.error('audit: npm reports weaknesses and names no advisory: run npm audit');
  const verdict = open.length === 0 && !isUnclear ? 'clean' : 'not clean';
  console.log(`audit: ${verdict}: asked about ${dependencies} packages, ${advisories.length} advisories`);
  process.exitCode = verdict === 'clean' ? 0 : 1;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
