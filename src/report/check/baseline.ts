import { z } from 'zod';
import { severities } from '../../model/finding.ts';
import { err, ok, type Result } from '../../model/result.ts';
import { safeLine } from '../text.ts';
import { harmlessJson } from './json.ts';
import { type CheckResult, openFindings } from './result.ts';

/** A file of findings that somebody has accepted: a check that is given it counts only what is new or graver. */
const baselineVersion = 1;

const Baseline = z.object({
  version: z.literal(baselineVersion),
  generatedAt: z.string(),
  findings: z.array(
    z.object({
      id: z.string().regex(/^[0-9a-f]{16}$/),
      kind: z.string(),
      severity: z.enum(severities),
      title: z.string(),
    }),
  ),
});

export type Baseline = z.infer<typeof Baseline>;

/** Why a baseline cannot be used, with what to do about it. */
export interface BaselineProblem {
  readonly message: string;
  readonly hint: string;
}

/** The open findings as a baseline file; sorted by id, so that it changes little in version control. */
export function writeBaseline(result: CheckResult, generatedAt: string): string {
  const findings = openFindings(result)
    .map(({ id, kind, severity, title }) => ({ id, kind, severity, title }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return `${harmlessJson({ version: baselineVersion, generatedAt, findings })}\n`;
}

/** The result without the findings that the baseline holds. One that has become graver since speaks again. */
export function applyBaseline(result: CheckResult, baseline: Baseline): CheckResult {
  const accepted = new Map(baseline.findings.map((finding) => [finding.id, finding.severity]));
  const findings = result.findings.filter((finding) => {
    const before = accepted.get(finding.id);
    return before === undefined || severities.indexOf(finding.severity) > severities.indexOf(before);
  });
  const fresh = { ...result, findings };
  const suppressed = openFindings(result).length - openFindings(fresh).length;
  return { ...fresh, suppressedByBaseline: result.suppressedByBaseline + suppressed };
}

/** Reads a baseline file's text; `path` is for the message only. */
export function parseBaseline(text: string, path: string): Result<Baseline, BaselineProblem> {
  const where = `the baseline ${safeLine(path)}`;
  const hint = `write a new one: indexwarden check … --write-baseline ${safeLine(path)}`;
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return err({ message: `${where} is not JSON`, hint });
  }
  const version = z.object({ version: z.unknown() }).safeParse(content);
  if (version.success && typeof version.data.version === 'number' && version.data.version > baselineVersion) {
    return err({
      message: `${where} has version ${version.data.version}; this program knows versions up to ${baselineVersion}`,
      hint: 'use the version of indexwarden that wrote it, or a later one',
    });
  }
  const parsed = Baseline.safeParse(content);
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  const at = issue === undefined || issue.path.length === 0 ? 'as a whole' : `at ${issue.path.join('.')}`;
  return err({
    message: `${where} is not a baseline: ${at}, ${safeLine(issue?.message ?? 'malformed')}`,
    hint,
  });
}
