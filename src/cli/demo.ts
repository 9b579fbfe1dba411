import { resolve } from 'node:path';
import type { DemoRequest } from './commands.ts';
import { exitCodes } from './exit-codes.ts';
import { failWith } from './failure.ts';
import type { ParsedFlags } from './flags.ts';
import { type CommandSpec, noPositionals } from './spec.ts';
import { isListenAddress, isNotEmpty, isOneOf, isPositiveNumber } from './values.ts';

const listenPreset = '127.0.0.1:10187';
const majors = ['13', '14', '15', '16', '17', '18'];

export const demoCommand: CommandSpec = {
  name: 'demo',
  summary: 'see it work: an embedded PostgreSQL with data, a workload and the daemon on it',
  usage: '[flags]',
  about: [
    'Starts a private PostgreSQL of its own, fills two databases (residency and backtest), runs a workload on them and watches them as a role with only pg_monitor. Needs no PostgreSQL on this machine and touches none. Ctrl-C ends everything and removes the data.',
  ],
  flags: [
    {
      name: 'listen',
      value: 'HOST:PORT',
      description: 'where metrics, API and page are served',
      preset: listenPreset,
      check: isListenAddress,
    },
    {
      name: 'pg',
      value: 'MAJOR',
      description: `version of PostgreSQL: ${majors.join(', ')}`,
      preset: '17',
      check: isOneOf(majors),
    },
    {
      name: 'scale',
      value: 'FACTOR',
      description: 'how much data; 1 is some hundred thousand rows',
      preset: '1',
      check: isPositiveNumber,
    },
    {
      name: 'data',
      value: 'DIR',
      description: 'data directory',
      preset: 'a temporary one',
      check: isNotEmpty,
    },
    { name: 'keep', description: 'leave the data directory in place at the end', preset: 'off' },
  ],
  examples: [
    ['indexwarden demo', 'then open http://127.0.0.1:10187/'],
    [
      'indexwarden demo --pg 18 --scale 0.1 --listen 127.0.0.1:9999',
      'another version, less data, another port',
    ],
  ],
  problems: noPositionals,
  run: async (parsed, context, commands) => {
    const ended = await commands.demo(requestOf(parsed, context.cwd), context);
    return ended.ok ? exitCodes.clean : failWith(ended.error, 'demo', context);
  },
};

function requestOf(parsed: ParsedFlags, cwd: string): DemoRequest {
  const pg = parsed.value('pg');
  const data = parsed.value('data');
  return {
    listen: parsed.value('listen') ?? listenPreset,
    ...(pg === undefined ? {} : { pg: Number(pg) }),
    scale: Number(parsed.value('scale') ?? 1),
    ...(data === undefined ? {} : { data: resolve(cwd, data) }),
    keep: parsed.has('keep'),
  };
}
