import { didYouMean } from '../config/suggest.ts';
import { safeLine } from '../report/text.ts';
import { bloatCommand } from './bloat.ts';
import { checkCommand } from './check.ts';
import type { CommandContext, Commands } from './commands.ts';
import { configCheckCommand, configExampleCommand } from './config.ts';
import { settingFlags } from './config-flags.ts';
import { demoCommand } from './demo.ts';
import { type Environment, layoutFor } from './environment.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { explainCommand } from './explain.ts';
import { failUsage } from './failure.ts';
import { type Flag, parseFlags, shown, type UsageProblem } from './flags.ts';
import { commandHelp, helpFlag, overviewHelp } from './help.ts';
import { planCommand } from './plan.ts';
import { reportCommand } from './report.ts';
import { serveCommand } from './serve.ts';
import type { CommandSpec } from './spec.ts';

/** Every command, in the order of help. */
export const commandSpecs: readonly CommandSpec[] = [
  checkCommand,
  serveCommand,
  bloatCommand,
  planCommand,
  reportCommand,
  explainCommand,
  configCheckCommand,
  configExampleCommand,
  demoCommand,
];

/**
 * Runs one command line (without the program's name) and returns the exit code, to be set as `process.exitCode`. A bug
 * ends with the code of "could not evaluate": 1 would say that there are findings.
 */
export async function runCli(
  argv: readonly string[],
  environment: Environment,
  commands: Commands,
): Promise<ExitCode> {
  try {
    return await dispatch(argv, environment, commands);
  } catch (bug) {
    const text = bug instanceof Error ? (bug.stack ?? bug.message) : String(bug);
    environment.stderr.write(`indexwarden: this is a bug, please report it\n${text}\n`);
    return exitCodes.unreadable;
  }
}

async function dispatch(
  argv: readonly string[],
  environment: Environment,
  commands: Commands,
): Promise<ExitCode> {
  const [first] = argv;
  const { width } = layoutFor(environment.stdout, environment);
  if (first === undefined) {
    environment.stderr.write(overviewHelp(commandSpecs, layoutFor(environment.stderr, environment).width));
    return exitCodes.usage;
  }
  if (isHelpFlag(first) || first === 'help') return help(argv.slice(1), environment, width);
  if (first === '--version' || first === '-V' || first === 'version') {
    environment.stdout.write(`indexwarden ${commands.tool.version}\n`);
    return exitCodes.clean;
  }

  const named = findCommand(argv);
  if (named === undefined && argv.some(isHelpFlag)) return help(argv, environment, width);
  if (named === undefined) return failUsage([unknownCommand(argv)], undefined, environment);
  const parsed = parseFlags(named.rest, flagsOf(named.spec, commands));
  if (parsed.has('help')) {
    environment.stdout.write(commandHelp(named.spec, width));
    return exitCodes.clean;
  }
  const problems = [...parsed.problems, ...named.spec.problems(parsed)];
  if (problems.length > 0) return failUsage(problems, named.spec.name, environment);
  return named.spec.run(parsed, contextOf(environment), commands);
}

const isHelpFlag = (word: string): boolean => word === '--help' || word === '-h';

/** Commands that read the configuration file also take each of its settings as a flag. */
function flagsOf(spec: CommandSpec, commands: Commands): readonly Flag[] {
  const own = [...spec.flags, helpFlag];
  if (!own.some((flag) => flag.name === 'config.file')) return own;
  const taken = new Set(own.map((flag) => flag.name));
  return [...own, ...settingFlags(commands.settings).filter((flag) => !taken.has(flag.name))];
}

interface NamedCommand {
  readonly spec: CommandSpec;
  readonly rest: readonly string[];
}

/** The command that the first words name; of `config check` and `config` the longer one. */
function findCommand(words: readonly string[]): NamedCommand | undefined {
  for (const count of [2, 1]) {
    const name = words.slice(0, count).join(' ');
    const spec = commandSpecs.find((command) => command.name === name);
    if (spec !== undefined && words.length >= count) return { spec, rest: words.slice(count) };
  }
  return undefined;
}

function help(words: readonly string[], environment: Environment, width: number): ExitCode {
  const names = words.filter((word) => !word.startsWith('-'));
  if (names.length === 0) {
    environment.stdout.write(overviewHelp(commandSpecs, width));
    return exitCodes.clean;
  }
  const specs = commandSpecs.filter(
    ({ name }) => name === names.slice(0, 2).join(' ') || name.split(' ')[0] === names[0],
  );
  const exact = specs.filter(({ name }) => name === names.slice(0, 2).join(' '));
  const chosen = exact.length > 0 ? exact : specs;
  if (chosen.length === 0) return failUsage([unknownCommand(names)], undefined, environment);
  environment.stdout.write(chosen.map((spec) => commandHelp(spec, width)).join('\n'));
  return exitCodes.clean;
}

function unknownCommand(argv: readonly string[]): UsageProblem {
  const [first = '', second] = argv;
  const names = commandSpecs.map((spec) => spec.name);
  if (first.startsWith('-')) {
    return {
      message: `the command is missing before ${safeLine(first.replace(/=.*/s, ''))}`,
      hint: `it comes first: indexwarden serve … is the daemon, indexwarden check … looks once`,
    };
  }
  const below = names.filter((name) => name.startsWith(`${first} `));
  if (below.length > 0) {
    const what =
      second === undefined
        ? `${first} is not a command by itself`
        : `there is no command ${shown(`${first} ${second}`)}`;
    return { message: what, hint: `there are: ${below.join(', ')}` };
  }
  const guess = didYouMean(first, names) ?? didYouMean(`${first} ${second ?? ''}`, names);
  return {
    message: `there is no command ${shown(first)}`,
    hint: guess ?? `there are: ${names.join(', ')}`,
  };
}

const contextOf = (environment: Environment): CommandContext => ({
  ...environment,
  warn: (message) => environment.stderr.write(`indexwarden: warning: ${safeLine(message)}\n`),
});
