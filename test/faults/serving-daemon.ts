import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { declarations } from '../../src/watch/declarations.ts';
import { answerOf } from '../e2e/daemon-client.ts';
import { programs, type Running, until } from '../e2e/program.ts';

/** Often, so that a fault is met by many passes and its end is noticed soon. */
export const everySecond = { schedule: '* * * * * *', maxRandomDelay: '0s' };
/** Only at the start. */
export const onceAtStart = { schedule: '30 4 29 2 *' };

/** One schedule for all collectors. */
export const collectorsOn = (settings: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.keys(declarations.collectorDefaults).map((name) => [name, settings]));

/** One line of a page of metrics. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ServingDaemon extends Running {
  readonly address: string;
  /** The samples of some families, by their names; `parts` (`?collect[]=`) keeps large pages short. */
  readonly samples: (names: readonly string[], parts?: readonly string[]) => Promise<readonly Sample[]>;
  /** The one sample of a family with these labels; undefined where it is absent. */
  readonly value: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number | undefined>;
  /** Waits for so many further generations of a database, each published after the call; when the last of them was, in ms. */
  readonly generations: (datname: string, count: number) => Promise<number>;
  readonly log: () => readonly Readonly<Record<string, unknown>>[];
}

export interface Daemons {
  readonly serve: (document: Readonly<Record<string, unknown>>) => Promise<ServingDaemon>;
  /** Runs another command to its end. */
  readonly run: ReturnType<typeof programs>['run'];
  /** A file in a folder that goes with `end`. */
  readonly file: (name: string, text: string) => string;
  readonly end: () => Promise<void>;
}

/** Starts `indexwarden serve` of this checkout's build as an operator does, on a free port. `end` belongs into `afterAll`. */
export function daemons(): Daemons {
  const { start, run, endAll } = programs();
  const folder = mkdtempSync(path.join(tmpdir(), 'indexwarden-daemon-'));
  const file = (name: string, text: string): string => {
    const place = path.join(folder, name);
    writeFileSync(place, text);
    return place;
  };
  let count = 0;
  return {
    run,
    file,
    serve: async (document) => {
      count += 1;
      // JSON is YAML.
      const config = file(`indexwarden-${count}.yaml`, JSON.stringify(document));
      const running = start(['serve', '--config.file', config, '--web.listen-address', '127.0.0.1:0']);
      const [, address = ''] = await running.printed(/"address":"([^"]+)"/, 'stderr');
      return serving(running, address);
    },
    end: async () => {
      await endAll();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function serving(running: Running, address: string): ServingDaemon {
  const samples: ServingDaemon['samples'] = async (names, parts = []) => {
    const query = parts.map((part) => `collect[]=${part}`).join('&');
    const { status, body } = await answerOf(address, `/metrics${query === '' ? '' : `?${query}`}`);
    if (status !== 200) throw new Error(`/metrics answered ${status}: ${body}`);
    return samplesIn(body, new Set(names));
  };
  const value: ServingDaemon['value'] = async (name, labels = {}) => {
    const wanted = Object.entries(labels);
    const found = (await samples([name], partsOf(name))).filter((sample) =>
      wanted.every(([label, text]) => sample.labels[label] === text),
    );
    if (found.length > 1) throw new Error(`${name} has ${found.length} such series`);
    return found[0]?.value;
  };
  return {
    ...running,
    address,
    samples,
    value,
    generations: async (datname, count) => {
      const name = 'indexwarden_generation_timestamp_seconds';
      let newest = await value(name, { datname });
      for (let more = 1; more <= count; more += 1) {
        const before = newest;
        // Each has the patience of one wait: many passes over many tables take longer together.
        newest = await until(`generation ${more} of ${count} of ${datname}`, async () => {
          const now = await value(name, { datname });
          return now !== before && now;
        });
      }
      return (newest ?? 0) * 1000;
    },
    log: () =>
      running
        .stderr()
        .split('\n')
        // The last line may not be whole; a warning of passwords in the file precedes the log.
        .filter((line) => line.startsWith('{') && line.endsWith('}'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

/** Where the families asked for stand, so that pages of ten thousand tables are not read for one line. */
const partsOf = (name: string): readonly string[] =>
  name.startsWith('indexwarden_') ? ['target', 'daemon'] : [];

/** The strict reader of tests of the page takes seconds for hundreds of thousands of lines; this one takes what was asked for. */
function samplesIn(page: string, names: ReadonlySet<string>): readonly Sample[] {
  const found: Sample[] = [];
  for (const line of page.split('\n')) {
    const end = line.search(/[{ ]/);
    const name = line.slice(0, end);
    if (!names.has(name)) continue;
    const value = line.slice(line.lastIndexOf(' ') + 1);
    const labels = [...line.slice(end).matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
      ([, label = '', text = '']) => [label, text.replace(/\\(.)/g, (_, one) => (one === 'n' ? '\n' : one))],
    );
    found.push({ name, labels: Object.fromEntries(labels), value: Number(value) });
  }
  return found;
}
