import { resolve } from 'node:path';
import { findingKinds, severities } from '../model/finding.ts';
import { assertNever, ok, type Result } from '../model/result.ts';
import { applyBaseline, type Baseline, parseBaseline, writeBaseline } from '../report/check/baseline.ts';
import { renderJson } from '../report/check/json.ts';
import { type FailOn, renderJunit } from '../report/check/junit.ts';
import { renderMarkdown } from '../report/check/markdown.ts';
import { type CheckResult, isUnreadable, openFindings } from '../report/check/result.ts';
import { renderSarif } from '../report/check/sarif.ts';
import { summaryLine } from '../report/check/summary.ts';
import { renderTable } from '../report/check/table.ts';
import type { ToolInfo } from '../report/kinds.ts';
import type { CommandContext, CommandError, Commands } from './commands.ts';
import {
  configRequestOf,
  expectationsFlag,
  probesFlag,
  targetFlags,
  targetProblems,
} from './config-flags.ts';
import { layoutFor } from './environment.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { failWith } from './failure.ts';
import type { ParsedFlags } from './flags.ts';
import { type CommandSpec, noPositionals } from './spec.ts';
import { isListOf, isNotEmpty, isOneOf, splitList } from './values.ts';

const formats = ['table', 'json', 'sarif', 'junit', 'markdown'] as const;
type Format = (typeof formats)[number];

const failOns = [...severities, 'never'] as const;

/** On a terminal a list of hundreds of infos pushes what matters out of sight; files and pipes get them all. */
const infosOnTerminalMax = 40;

export const checkCommand: CommandSpec = {
  name: 'check',
  summary: 'look once, print what is wrong and the SQL that mends it; for people and for CI',
  usage: '[--url URL | --url-file FILE | --config.file FILE] [flags]',
  about: [
    'Reads the catalogue and the statistics of each database once, in read-only transactions, and prints findings on stdout: what to do first, every finding with its confidence, and what could not be judged and why. Nothing is changed; the SQL is printed for you to run.',
    'The last line sums up and names every detector that was inconclusive (with other formats than table it goes to stderr).',
    'Without --url, --url-file and --config.file the database comes from DATABASE_URL or PGHOST, PGDATABASE and the like.',
  ],
  flags: [
    ...targetFlags,
    expectationsFlag,
    probesFlag,
    {
      name: 'only',
      value: 'KIND',
      repeats: true,
      description: 'only these kinds of findings; may be given more than once, or with commas',
      preset: 'all kinds',
      check: isListOf(findingKinds),
    },
    {
      name: 'format',
      value: formats.join('|'),
      description: 'how to print the result',
      preset: 'table',
      check: isOneOf(formats),
    },
    {
      name: 'fail-on',
      value: failOns.join('|'),
      description: 'exit with 1 if there is an open finding of this severity or above',
      preset: 'warning',
      check: isOneOf(failOns),
    },
    {
      name: 'fail-on-inconclusive',
      description: 'exit with 1 also if a detector could not judge',
      preset: 'off',
    },
    {
      name: 'baseline',
      value: 'FILE',
      description: 'findings in this file do not count and are not listed, unless they got graver',
      check: isNotEmpty,
    },
    {
      name: 'write-baseline',
      value: 'FILE',
      description:
        'accept all findings of this run: write them to a file for --baseline (the exit code stays what it is)',
      check: isNotEmpty,
    },
  ],
  examples: [
    ['indexwarden check --url postgresql://monitor@db.example/shop', 'look at one database, as it is now'],
    [
      'indexwarden check --config.file indexwarden.yaml --only unused-index',
      'one question to all configured servers',
    ],
    ['indexwarden check --format sarif --fail-on critical > indexes.sarif', 'for a code scanning service'],
    [
      'indexwarden check --expectations indexes.yaml --only missing-expected-index',
      'are the indexes there that should be?',
    ],
    ['indexwarden check --baseline accepted.json', 'in CI: fail on what is new'],
  ],
  problems: (parsed) => [...noPositionals(parsed), ...targetProblems(parsed)],
  run: runCheck,
};

export interface CheckOptions {
  readonly failOn: FailOn;
  readonly failOnInconclusive: boolean;
}

/**
 * 3 if a target or a collector that verdicts need could not be read, or there was no target at all; else 1 for open
 * findings at or above the asked severity, or (if asked) for inconclusive detectors; else 0.
 */
export function checkExitCode(result: CheckResult, { failOn, failOnInconclusive }: CheckOptions): ExitCode {
  if (result.targets.length === 0 || result.targets.some(isUnreadable)) return exitCodes.unreadable;
  const isFailing =
    failOn !== 'never' &&
    openFindings(result).some(
      (finding) => severities.indexOf(finding.severity) >= severities.indexOf(failOn),
    );
  const isUncertain = failOnInconclusive && result.inconclusive.length > 0;
  return isFailing || isUncertain ? exitCodes.findings : exitCodes.clean;
}

async function runCheck(parsed: ParsedFlags, context: CommandContext, commands: Commands): Promise<ExitCode> {
  const baseline = readBaseline(parsed.value('baseline'), context);
  if (!baseline.ok) return failWith(baseline.error, 'check', context);

  const only = findingKinds.filter((kind) => parsed.values('only').flatMap(splitList).includes(kind));
  const request = { ...configRequestOf(parsed, commands.settings, context.cwd), only };
  const checked = await commands.check(request, context);
  if (context.signal.aborted) {
    context.stderr.write('indexwarden: interrupted before there was a result\n');
    return exitCodes.interrupted;
  }
  if (!checked.ok) return failWith(checked.error, 'check', context);

  const result = baseline.value === undefined ? checked.value : applyBaseline(checked.value, baseline.value);
  const options: CheckOptions = {
    failOn: failOns.find((value) => value === parsed.value('fail-on')) ?? 'warning',
    failOnInconclusive: parsed.has('fail-on-inconclusive'),
  };
  const format = formats.find((value) => value === parsed.value('format')) ?? 'table';
  context.stdout.write(rendered(result, format, options, context, commands.tool));
  if (format !== 'table') context.stderr.write(`${summaryLine(result)}\n`);

  const written = saveBaseline(checked.value, parsed.value('write-baseline'), context);
  return written.ok ? checkExitCode(result, options) : failWith(written.error, 'check', context);
}

function rendered(
  result: CheckResult,
  format: Format,
  { failOn }: CheckOptions,
  context: CommandContext,
  tool: ToolInfo,
): string {
  switch (format) {
    case 'table': {
      const bound = context.stdout.isTTY === true ? { infosMax: infosOnTerminalMax } : {};
      return renderTable(result, { ...layoutFor(context.stdout, context), ...bound });
    }
    case 'json':
      return renderJson(result);
    case 'sarif':
      return renderSarif(result, tool);
    case 'junit':
      return renderJunit(result, failOn);
    case 'markdown':
      return renderMarkdown(result);
    default:
      return assertNever(format);
  }
}

/** Read before anything else: a database should not be asked for an answer that cannot be used. */
function readBaseline(
  file: string | undefined,
  { cwd, readFile }: CommandContext,
): Result<Baseline | undefined, CommandError> {
  if (file === undefined) return ok(undefined);
  const text = attempt(() => readFile(resolve(cwd, file)));
  if (!text.ok) {
    return usageError(
      `the baseline ${file} cannot be read: ${text.error}`,
      `write one first: indexwarden check … --write-baseline ${file}`,
    );
  }
  const baseline = parseBaseline(text.value, file);
  return baseline.ok ? baseline : usageError(baseline.error.message, baseline.error.hint);
}

function saveBaseline(
  result: CheckResult,
  file: string | undefined,
  { cwd, writeFile, now, warn, stderr }: CommandContext,
): Result<void, CommandError> {
  if (file === undefined) return ok(undefined);
  const saved = attempt(() => writeFile(resolve(cwd, file), writeBaseline(result, now().toISOString())));
  if (!saved.ok)
    return usageError(
      `the baseline ${file} cannot be written: ${saved.error}`,
      'name a file in a folder you may write to',
    );
  stderr.write(`indexwarden: wrote ${openFindings(result).length} findings to ${file}\n`);
  if (result.targets.some(isUnreadable) || result.inconclusive.length > 0)
    warn('the baseline knows nothing of what could not be read or judged; it will count as new when it can');
  return ok(undefined);
}

const usageError = (message: string, hint: string): Result<never, CommandError> => ({
  ok: false,
  error: { kind: 'usage', message, hint },
});

/** The reason in the system's words: `ENOENT: no such file or directory`. */
function attempt<T>(action: () => T): Result<T, string> {
  try {
    return ok(action());
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    return { ok: false, error: text.replace(/, \w+ '.*'$/, '') };
  }
}
