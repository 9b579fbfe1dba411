import { assertNever } from '../model/result.ts';
import { renderBloatJson } from '../report/bloat/json.ts';
import type { BloatReport } from '../report/bloat/result.ts';
import { renderBloatTable } from '../report/bloat/table.ts';
import type { CommandContext, Commands } from './commands.ts';
import { configRequestOf, targetFlags, targetProblems } from './config-flags.ts';
import { layoutFor } from './environment.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { failWith } from './failure.ts';
import type { Flag, ParsedFlags, UsageProblem } from './flags.ts';
import { type CommandSpec, noPositionals } from './spec.ts';
import { isGlob, isOneOf, isSize } from './values.ts';

const formats = ['table', 'json'] as const;

/** Those that say which database; the others are about findings. */
const ownTargetFlags = targetFlags.filter(({ name }: Flag) =>
  ['url', 'url-file', 'config.file', 'schema'].includes(name),
);

/** Where the loader of the configuration finds the budget. */
const budgetSetting = 'bloat.budgetPerMinute';

export const bloatCommand: CommandSpec = {
  name: 'bloat',
  summary: 'say how much of each index a rebuild would free, and how that is known',
  usage: '[--url URL | --url-file FILE | --config.file FILE] [--measure] [flags]',
  about: [
    'Prints size, size after a rebuild, waste, interval, method and confidence of each index, and for what is not known the reason. A partitioned index is shown by its partitions.',
    'Without --measure only the catalogue is read: what can be said then is estimated from the definition and the column statistics that can be seen. With it indexes are read by pgstattuple, one at a time and within the budget, and each measurement gives way to whoever waits for the index.',
    'Measuring needs the extension pgstattuple in the database and a role with pg_monitor. Indexes larger than bloat.maxIndexSize (8GiB) are not read.',
  ],
  flags: [
    ...ownTargetFlags,
    {
      name: 'index',
      value: 'GLOB',
      repeats: true,
      description:
        'only indexes whose name, alone or behind its schema, matches; may be given more than once',
      preset: 'all',
      check: isGlob,
    },
    { name: 'measure', description: 'read the indexes', preset: 'off' },
    {
      name: 'budget',
      value: 'SIZE',
      description: 'how much may be read in a minute of all databases of a server together; with --measure',
      preset: '1GiB',
      check: isBudget,
    },
    {
      name: 'format',
      value: formats.join('|'),
      description: 'how to print the result',
      preset: 'table',
      check: isOneOf(formats),
    },
  ],
  examples: [
    [
      'indexwarden bloat --url postgresql://monitor@db.example/shop',
      'what can be said without reading an index',
    ],
    ['indexwarden bloat --url-file shop.url --measure --budget 512MiB', 'measure all of them, gently'],
    ["indexwarden bloat --measure --index 'orders_*' --format json", 'some indexes, for a script'],
  ],
  problems: bloatProblems,
  run: runBloat,
};

/** As the setting is bounded. */
function isBudget(text: string): UsageProblem | undefined {
  const problem = isSize(text);
  if (problem !== undefined) return problem;
  return /^0+(\D|$)/.test(text)
    ? { message: 'is no budget: 0', hint: 'leave out --measure to read nothing' }
    : undefined;
}

function bloatProblems(parsed: ParsedFlags): readonly UsageProblem[] {
  const needless =
    parsed.value('budget') !== undefined && !parsed.has('measure')
      ? [{ message: '--budget means nothing without --measure', hint: 'nothing is read without it' }]
      : [];
  return [...noPositionals(parsed), ...targetProblems(parsed), ...needless];
}

async function runBloat(parsed: ParsedFlags, context: CommandContext, commands: Commands): Promise<ExitCode> {
  const config = configRequestOf(parsed, commands.settings, context.cwd);
  const budget = parsed.value('budget');
  const request = {
    ...config,
    flags: { ...config.flags, ...(budget === undefined ? {} : { [budgetSetting]: budget }) },
    isMeasured: parsed.has('measure'),
    indexes: parsed.values('index'),
  };
  const report = await commands.bloat(request, context);
  if (context.signal.aborted) {
    context.stderr.write('indexwarden: interrupted before there was a result\n');
    return exitCodes.interrupted;
  }
  if (!report.ok) return failWith(report.error, 'bloat', context);
  const format = formats.find((value) => value === parsed.value('format')) ?? 'table';
  context.stdout.write(rendered(report.value, format, context));
  if (format === 'json')
    for (const { server, datname, reason } of report.value.unreadable)
      context.warn(`${server}/${datname} could not be read: ${reason}`);
  return bloatExitCode(report.value);
}

/** 3 if a target could not be read, or there was none; else 0: bloat is nothing to fail for. */
export const bloatExitCode = ({ unreadable, targets }: BloatReport): ExitCode =>
  unreadable.length > 0 || targets === 0 ? exitCodes.unreadable : exitCodes.clean;

function rendered(report: BloatReport, format: (typeof formats)[number], context: CommandContext): string {
  switch (format) {
    case 'table':
      return renderBloatTable(report, layoutFor(context.stdout, context));
    case 'json':
      return renderBloatJson(report);
    default:
      return assertNever(format);
  }
}
