import { resolve } from 'node:path';
import { parseDuration } from '../config/durations.ts';
import { assertNever } from '../model/result.ts';
import { dayMs } from '../model/units.ts';
import { summaryLine } from '../report/check/summary.ts';
import type { ReportDocument } from '../report/document/document.ts';
import { reportHtml } from '../report/document/html.ts';
import { reportJson } from '../report/document/json.ts';
import { reportMarkdown } from '../report/document/markdown.ts';
import { checkExitCode } from './check.ts';
import type { CommandContext, Commands } from './commands.ts';
import { configRequestOf, expectationsFlag, targetFlags, targetProblems } from './config-flags.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { failWith } from './failure.ts';
import type { ParsedFlags, UsageProblem } from './flags.ts';
import { type CommandSpec, noPositionals } from './spec.ts';
import { isDuration, isNotEmpty, isOneOf } from './values.ts';

const formats = ['markdown', 'html', 'json'] as const;
const usualWindowMs = 30 * dayMs;

export const reportCommand: CommandSpec = {
  name: 'report',
  summary:
    'write a report about all indexes: what to do, what there is, what is missing, what could not be seen',
  usage: '[--format markdown|html|json] [--url URL | …] [--since 30d] [--output FILE] [flags]',
  about: [
    'Looks at each database once as check does, and tells everything it knows: the few actions that give most, tables and indexes with sizes and use, duplicates, disuse, bloat, missing indexes, foreign keys, settings, what is due for ANALYZE or REINDEX, and what could not be seen.',
    'Where the configuration names a storage.path, the history that a daemon keeps there is read (a running one is not disturbed, and nothing is written): disuse is then judged by it, and what happened since --since is told. Without it the report says so.',
    'docs/report.md says what each section rests on, schema/report.schema.json what the JSON holds. The exit code is 0 whatever was found, and 3 where a database or facts that verdicts need could not be read; the report is printed all the same.',
  ],
  flags: [
    {
      name: 'format',
      value: formats.join('|'),
      description:
        'Markdown as GitHub shows it, one HTML page with charts that prints well, or data for programs',
      preset: 'markdown',
      check: isOneOf(formats),
    },
    {
      name: 'since',
      value: 'TIME',
      description: 'how far back events and days of use are looked at',
      preset: '30d',
      check: isWindow,
    },
    {
      name: 'output',
      value: 'FILE',
      description: 'write the report to this file, whole or not at all',
      preset: 'stdout',
      check: isNotEmpty,
    },
    ...targetFlags,
    expectationsFlag,
  ],
  examples: [
    [
      'indexwarden report --url postgresql://monitor@db.example/shop > indexes.md',
      'for a pull request or a wiki',
    ],
    [
      'indexwarden report --config.file indexwarden.yaml --format html --output indexes.html',
      'with charts, to read, print or send',
    ],
    [
      'indexwarden report --expectations indexes.yaml --since 90d --format json',
      'for a program, with three months of events',
    ],
  ],
  problems: (parsed) => [...noPositionals(parsed), ...targetProblems(parsed)],
  run: runReport,
};

function isWindow(text: string): UsageProblem | undefined {
  return (
    isDuration(text) ??
    (parseDuration(text)?.ms === 0
      ? { message: 'is no time to look back: 0', hint: 'for example 30d' }
      : undefined)
  );
}

async function runReport(
  parsed: ParsedFlags,
  context: CommandContext,
  commands: Commands,
): Promise<ExitCode> {
  const since = parsed.value('since');
  const windowMs = (since === undefined ? undefined : parseDuration(since)?.ms) ?? usualWindowMs;
  const made = await commands.report(
    { ...configRequestOf(parsed, commands.settings, context.cwd), windowMs },
    context,
  );
  if (context.signal.aborted) {
    context.stderr.write('indexwarden: interrupted before there was a result\n');
    return exitCodes.interrupted;
  }
  if (!made.ok) return failWith(made.error, 'report', context);

  const { document, result } = made.value;
  const text = rendered(document, formats.find((value) => value === parsed.value('format')) ?? 'markdown');
  const output = parsed.value('output');
  if (output === undefined) context.stdout.write(text);
  else {
    try {
      context.replaceFile(resolve(context.cwd, output), text);
    } catch (caught) {
      const why = caught instanceof Error ? caught.message : String(caught);
      return failWith(
        {
          kind: 'usage',
          message: `the report cannot be written: ${why}`,
          hint: 'name a file in a folder you may write to',
        },
        'report',
        context,
      );
    }
  }
  context.stderr.write(`${summaryLine(result)}\n`);
  return checkExitCode(result, { failOn: 'never', failOnInconclusive: false });
}

function rendered(document: ReportDocument, format: (typeof formats)[number]): string {
  switch (format) {
    case 'markdown':
      return reportMarkdown(document);
    case 'html':
      return reportHtml(document);
    case 'json':
      return reportJson(document);
    default:
      return assertNever(format);
  }
}
