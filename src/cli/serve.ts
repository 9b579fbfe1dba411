import { configFileFlag, configRequestOf, listenAliasFlag, webConfigAliasFlag } from './config-flags.ts';
import { exitCodes } from './exit-codes.ts';
import { failWith } from './failure.ts';
import { type CommandSpec, noPositionals } from './spec.ts';
import { isListenAddress, isOneOf } from './values.ts';

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export const serveCommand: CommandSpec = {
  name: 'serve',
  summary: 'watch continuously: metrics for Prometheus, an HTTP API and a page',
  usage: '[--config.file FILE] [flags]',
  about: [
    'The daemon: reads the configured databases on a schedule, in read-only transactions, and serves /metrics, /api/v1/, /docs/, /-/healthy and /-/ready. Scrapes never reach the databases.',
    'SIGHUP reloads the configuration (a bad file keeps the old one), SIGTERM and SIGINT end it within five seconds with exit code 0. Logs are JSON lines on stderr.',
    'Every setting of the file is a flag by its path, --limits.lockTimeout 100ms, and a variable, INDEXWARDEN_LIMITS_LOCK_TIMEOUT. A flag wins over a variable, a variable over the file. Without servers in the file DATABASE_URL or PGHOST, PGDATABASE and the like name one.',
  ],
  flags: [
    configFileFlag,
    { ...listenAliasFlag, check: isListenAddress },
    {
      name: 'http.listen',
      value: 'HOST:PORT',
      description: 'the same under its name in the file',
      check: isListenAddress,
      isHidden: true,
    },
    webConfigAliasFlag,
    {
      name: 'log.level',
      value: 'LEVEL',
      description: `the least important events to log: ${levels.join(', ')}`,
      preset: 'info',
      check: isOneOf(levels),
    },
    { name: 'log.destination', value: 'FILE', description: 'stderr, stdout or a file', preset: 'stderr' },
    {
      name: 'storage.path',
      value: 'FILE',
      description: 'SQLite file for history, events and mutes',
      preset: 'none, kept in memory',
    },
    { name: 'http.lifecycle', description: 'let POST /-/reload reload the configuration', preset: 'off' },
  ],
  examples: [
    ['indexwarden serve --config.file /etc/indexwarden.yaml', 'the usual way'],
    ['DATABASE_URL=postgresql://monitor@db.example/shop indexwarden serve', 'one database, no file'],
    [
      'indexwarden serve --config.file f.yaml --web.listen-address 127.0.0.1:9999 --log.level debug',
      'settings on the command line',
    ],
  ],
  problems: (parsed) => [
    ...noPositionals(parsed),
    ...(parsed.value('web.listen-address') !== undefined && parsed.value('http.listen') !== undefined
      ? [{ message: '--web.listen-address and --http.listen are the same setting; give one of them' }]
      : []),
    ...(parsed.value('web.config.file') !== undefined && parsed.value('http.webConfigFile') !== undefined
      ? [{ message: '--web.config.file and --http.webConfigFile are the same setting; give one of them' }]
      : []),
  ],
  run: async (parsed, context, commands) => {
    const served = await commands.serve(configRequestOf(parsed, commands.settings, context.cwd), context);
    return served.ok ? exitCodes.clean : failWith(served.error, 'serve', context);
  },
};
