import { formatConfigError } from '../config/problems.ts';
import { assertNever } from '../model/result.ts';
import { safeBlock } from '../report/text.ts';
import type { CommandError } from './commands.ts';
import type { Environment } from './environment.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import type { UsageProblem } from './flags.ts';

/** Says on stderr why a command could not do its work, and chooses the exit code. */
export function failWith(
  error: CommandError,
  command: string,
  { stderr }: Pick<Environment, 'stderr'>,
): ExitCode {
  switch (error.kind) {
    case 'ConfigError':
      stderr.write(`${safeBlock(`indexwarden ${command}: ${formatConfigError(error)}`)}\n`);
      return exitCodes.usage;
    case 'usage':
    case 'unreadable': {
      const hint = error.hint === undefined ? '' : `\n  hint: ${error.hint}`;
      stderr.write(`${safeBlock(`indexwarden ${command}: ${error.message}${hint}`)}\n`);
      return error.kind === 'usage' ? exitCodes.usage : exitCodes.unreadable;
    }
    default:
      return assertNever(error);
  }
}

/** All problems of a command line at once, and where there is help. */
export function failUsage(
  problems: readonly UsageProblem[],
  command: string | undefined,
  { stderr }: Pick<Environment, 'stderr'>,
): ExitCode {
  const lines = problems.flatMap(({ message, hint }) => [
    `  - ${message}`,
    ...(hint === undefined ? [] : [`      hint: ${hint}`]),
  ]);
  const name = command === undefined ? 'indexwarden' : `indexwarden ${command}`;
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const help = command === undefined ? 'indexwarden help' : `indexwarden help ${command}`;
  stderr.write(
    `${safeBlock([`${name}: ${count} with the command line`, ...lines, `Help: ${help}`].join('\n'))}\n`,
  );
  return exitCodes.usage;
}
