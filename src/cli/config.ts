import { configFileFlag, configRequestOf } from './config-flags.ts';
import { exitCodes } from './exit-codes.ts';
import { failWith } from './failure.ts';
import { type CommandSpec, noPositionals } from './spec.ts';

export const configCheckCommand: CommandSpec = {
  name: 'config check',
  summary: 'validate the configuration and print it as it is in force, secrets redacted',
  usage: '[--config.file FILE] [flags]',
  about: [
    'Prints the effective configuration as YAML on stdout: the file, what variables and flags changed, and presets. All problems are listed at once on stderr, each with its path and a hint; the exit code is then 2. No database is contacted.',
    'Takes the same settings as flags as serve does.',
  ],
  flags: [configFileFlag],
  examples: [['indexwarden config check --config.file indexwarden.yaml', 'before a reload, or in CI']],
  problems: noPositionals,
  run: async (parsed, context, commands) => {
    const checked = await commands.configCheck(
      configRequestOf(parsed, commands.settings, context.cwd),
      context,
    );
    if (!checked.ok) return failWith(checked.error, 'config check', context);
    context.stdout.write(withLineEnd(checked.value));
    return exitCodes.clean;
  },
};

export const configExampleCommand: CommandSpec = {
  name: 'config example',
  summary: 'print a commented configuration file to begin with',
  usage: '',
  about: ['Prints a file with every setting, its preset and what it is for.'],
  flags: [],
  examples: [['indexwarden config example > indexwarden.yaml', 'begin here']],
  problems: noPositionals,
  run: (_parsed, context, commands) => {
    context.stdout.write(withLineEnd(commands.configExample()));
    return Promise.resolve(exitCodes.clean);
  },
};

const withLineEnd = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);
