import { columnsOf } from '../report/layout.ts';
import { wrap, wrapHanging } from '../report/text.ts';
import type { Flag } from './flags.ts';
import type { CommandSpec } from './spec.ts';

/** Longer lines are hard to read, however wide the terminal is. */
const readableWidth = 110;

const about =
  'indexwarden watches the health of PostgreSQL indexes: it finds those that are unused, duplicate, redundant, invalid, oversized or missing, says how sure it is and why, and prints the SQL that mends them. It only ever reads; a role with pg_monitor is enough.';

const examples: readonly (readonly [string, string])[] = [
  ['indexwarden demo', 'see it work, without a database of your own'],
  ['indexwarden check --url postgresql://monitor@db.example/shop', 'look at one database, once'],
  ['indexwarden explain duplicate-index', 'what a kind of finding means and what to do'],
  [
    'indexwarden plan --for create > plan.sql',
    'the SQL that mends it, in order, with checks and the way back',
  ],
  [
    'indexwarden check --write-baseline accepted.json',
    'accept today’s findings; later: check --baseline accepted.json',
  ],
  ['indexwarden serve --config.file indexwarden.yaml', 'watch many databases; metrics on :10187/metrics'],
];

const exitCodeWords: readonly (readonly [string, string])[] = [
  ['0', 'done; no finding at or above --fail-on (preset: warning). A daemon that was asked to stop'],
  ['1', 'check: findings at or above --fail-on; inconclusive detectors with --fail-on-inconclusive'],
  ['2', 'the command line or the configuration is wrong'],
  ['3', 'a target or facts that verdicts need could not be read; wins over 1, findings are still printed'],
  ['130', 'interrupted before there was a result'],
];

const variables: readonly (readonly [string, string])[] = [
  ['DATABASE_URL', 'the database to look at, where none is named and no servers are configured'],
  ['PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD, PGSSLMODE, …', 'as in psql; ~/.pgpass is read too'],
  ['INDEXWARDEN_CONFIG_FILE', 'the configuration file'],
  ['INDEXWARDEN_…', 'any setting of the file: http.listen is INDEXWARDEN_HTTP_LISTEN'],
  ['NO_COLOR, FORCE_COLOR', 'never or always colour the output'],
];

/** Help for a newcomer: what it is, the commands, how to begin, exit codes, variables. */
export function overviewHelp(commands: readonly CommandSpec[], terminalWidth: number): string {
  const width = Math.min(terminalWidth, readableWidth);
  return page([
    wrap(about, width),
    ['Usage: indexwarden COMMAND [flags]'],
    [
      'Commands',
      ...pairs(
        commands.map(({ name, summary }) => [name, summary]),
        width,
      ),
    ],
    ['Examples', ...examplesOf(examples, width)],
    ['Exit codes', ...pairs(exitCodeWords, width)],
    ['Environment', ...pairs(variables, width)],
    ['Flags of a command:  indexwarden help COMMAND', 'Version:             indexwarden --version'],
  ]);
}

/** Help for one command: usage, what it does, flags with their presets, examples. */
export function commandHelp(command: CommandSpec, terminalWidth: number): string {
  const width = Math.min(terminalWidth, readableWidth);
  const flags = [...command.flags.filter((flag) => flag.isHidden !== true), helpFlag];
  return page([
    wrapHanging(`${command.name} ${command.usage}`.trimEnd(), width, 'Usage: indexwarden '),
    ...command.about.map((paragraph) => wrap(paragraph, width)),
    ['Flags (--flag value or --flag=value)', ...flagLines(flags, width)],
    ...(command.examples.length === 0 ? [] : [['Examples', ...examplesOf(command.examples, width)]]),
    ...(command.name === 'check' ? [['Exit codes', ...pairs(exitCodeWords, width)]] : []),
  ]);
}

const page = (sections: readonly (readonly string[])[]): string =>
  `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;

/** Every command has it. */
export const helpFlag: Flag = { name: 'help', short: 'h', description: 'print this' };

const nameWidthMax = 26;

function pairs(entries: readonly (readonly [string, string])[], width: number): readonly string[] {
  const nameWidth = Math.min(nameWidthMax, Math.max(...entries.map(([name]) => name.length)));
  const rows = entries.map(([name, text]) => [
    wrap(name, nameWidth).join('\n'),
    wrap(text, width - nameWidth - 6).join('\n'),
  ]);
  return columnsOf(rows).map((line) => `  ${line}`);
}

function flagLines(flags: readonly Flag[], width: number): readonly string[] {
  return flags.flatMap(({ name, short, value, description, preset }) => [
    `  --${name}${value === undefined ? '' : ` ${value}`}${short === undefined ? '' : `, -${short}`}`,
    ...wrapHanging(`${description}${preset === undefined ? '' : ` (default: ${preset})`}`, width, '        '),
  ]);
}

/** Commands are never broken, so that they can be copied. */
const examplesOf = (entries: readonly (readonly [string, string])[], width: number): readonly string[] =>
  entries.flatMap(([command, what]) => [`  ${command}`, ...wrapHanging(what, width, '        ')]);
