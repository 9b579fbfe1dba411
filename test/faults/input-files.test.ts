import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { exampleConfigYaml } from '../../src/config/example.ts';
import { loadConfig } from '../../src/config/load.ts';
import { parseManifest } from '../../src/config/manifest.ts';
import { parseProbes } from '../../src/config/probe-manifest.ts';
import { formatConfigError, type Problem } from '../../src/config/problems.ts';
import { readWebConfig } from '../../src/config/web-config.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { readText } from '../support/repository.ts';
import { knownNames } from './input-colliding-names.ts';
import { noteFault, times } from './rows.ts';

/*
 * Files that people write: whatever is in them, they are accepted or refused with reasons. Nothing is thrown, nothing takes long, and
 * what was inherited from Object is no setting.
 */

/** The problems of a text; undefined where it was accepted. */
type Reader = (text: string) => readonly Problem[] | undefined;

const absent = (): string => {
  throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
};

const readConfig: Reader = (text) => {
  const readFile = (file: string): string => (file === '/config.yaml' ? text : absent());
  const surroundings = { env: {}, readFile, postgresFolder: '/nowhere', osUser: 'tester' };
  const loaded = loadConfig({ ...declarations, env: {}, file: '/config.yaml', surroundings });
  if (loaded.ok) return undefined;
  // What a person is shown is one paragraph for each problem, whatever the file holds.
  expect(formatConfigError(loaded.error).length).toBeGreaterThan(10);
  return loaded.error.problems;
};

const readWeb: Reader = (text) => {
  const { result } = readWebConfig(
    { readFile: (file) => (file === '/web.yaml' ? text : absent()) },
    '/web.yaml',
  );
  return result.ok ? undefined : result.error;
};

const readers: readonly (readonly [string, Reader, readonly string[]])[] = [
  [
    'configuration',
    readConfig,
    [exampleConfigYaml(declarations), readText('config/residency-and-backtest.yaml')],
  ],
  [
    'manifest',
    (text) => {
      const read = parseManifest(text, 'm.yaml');
      return read.ok ? undefined : read.error;
    },
    [readText('expectations/residency.yaml'), readText('expectations/backtest.yaml')],
  ],
  [
    'probes',
    (text) => {
      const read = parseProbes(text, 'p.yaml');
      return read.ok ? undefined : read.error;
    },
    [readText('probes/residency.yaml'), readText('probes/backtest.yaml')],
  ],
  [
    'web configuration',
    readWeb,
    [
      'tls_server_config: { cert_file: a.crt, key_file: a.key, min_version: TLS12 }\nhttp_server_config: { headers: { X-Frame-Options: deny } }\nbasic_auth_users: { ann: $2y$10$0D9xiiy26c6Puj0XT/U9Bed0R/qazwE0cm8w7EMeBPXAWDbZfzN6W }\n',
    ],
  ],
];

const counts = { read: 0, accepted: 0, problems: 0 };

function judge(read: Reader, text: string): void {
  const problems = read(text);
  counts.read += 1;
  if (problems === undefined) counts.accepted += 1;
  else {
    expect(problems.length).toBeGreaterThan(0);
    for (const { message, path } of problems)
      expect([typeof path, message.length > 0]).toEqual(['string', true]);
    counts.problems += problems.length;
  }
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
}

const strange = fc.oneof(
  fc.constantFrom<unknown>(...knownNames),
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1e308,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    [],
    {},
    [[]],
    { constructor: 1 },
    JSON.parse('{"__proto__": {"polluted": 1}}'),
    '10y',
    '1e9999d',
    '99999999999999999999',
    '*'.repeat(5_000),
    `${'a'.repeat(50)}*`.repeat(50),
    '(('.repeat(2_000),
    '* * * * *',
    '0 0 31 2 *',
    'postgresql://[::1',
    'postgresql://a:b@c:99999/d',
    '../../../etc/passwd',
    '/dev/zero\0',
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

/** The same document with a few of its values, or keys, replaced. */
const changedTree = (text: string): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(fc.nat(), fc.constantFrom('value', 'key', 'remove', 'repeat'), strange), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) => {
      const tree: unknown = parse(text);
      for (const [dice, how, value] of changes) {
        const places = placesIn(tree);
        const place = places[dice % places.length];
        if (place === undefined) break;
        const [holder, key] = place;
        if (Array.isArray(holder)) {
          if (how === 'remove') holder.splice(Number(key), 1);
          else if (how === 'repeat') holder.push(structuredClone(holder[Number(key)]));
          else holder[Number(key)] = value;
        } else if (how === 'value') holder[key] = value;
        else {
          const former = holder[key];
          delete holder[key];
          if (how !== 'remove')
            Object.defineProperty(holder, String(value), {
              value: former,
              enumerable: true,
              configurable: true,
              writable: true,
            });
        }
      }
      return stringify(tree);
    });

type Holder = Record<string, unknown> | unknown[];

function placesIn(tree: unknown): (readonly [Holder & Record<string, unknown>, string])[] {
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree).flatMap(([key, value]) => [
    [tree as Holder & Record<string, unknown>, key] as const,
    ...placesIn(value),
  ]);
}

/** The same text with pieces cut out, doubled, moved or replaced. */
const changedText = (text: string): fc.Arbitrary<string> =>
  fc
    .array(
      fc.tuple(
        fc.nat(text.length),
        fc.nat(60),
        fc.oneof(
          fc.constantFrom(
            '',
            '\0',
            '\t',
            '\n',
            '  ',
            '&a ',
            '*a',
            '<<: ',
            '!!binary ',
            '? ',
            '- ',
            '---\n',
            '...\n',
            '%YAML 9.9\n',
            '{',
            '[',
            '"',
            "'",
            '|',
            '>',
            '#',
            '\ufeff',
            '\u2028',
            '\ud800',
          ),
          fc.string({ unit: 'binary', maxLength: 20 }),
          fc.nat(text.length).map((from) => text.slice(from, from + 80)),
        ),
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((edits) =>
      edits.reduce((now, [at, length, put]) => now.slice(0, at) + put + now.slice(at + length), text),
    );

test.each(readers)('any %s is accepted or refused with reasons', (what, read, samples) => {
  Object.assign(counts, { read: 0, accepted: 0, problems: 0 });
  for (const sample of samples) {
    judge(read, sample);
    // Reading a configuration makes its whole schema anew.
    const numRuns = what === 'configuration' ? times(40, 1_000) : times(150, 3_000);
    fc.assert(
      fc.property(changedTree(sample), (text) => judge(read, text)),
      { numRuns },
    );
    fc.assert(
      fc.property(changedText(sample), (text) => judge(read, text)),
      { numRuns },
    );
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => judge(read, text)),
    { numRuns: times(50, 1_000) },
  );
  noteFault({
    area: 'input',
    fault: `Any ${what}: values, keys and pieces of text replaced, bytes at random`,
    did: `${counts.read} texts read, ${counts.accepted} accepted, ${counts.read - counts.accepted} refused`,
    said: `${counts.problems} problems with path and reason, nothing thrown`,
    recoveryMs: null,
  });
});

const bomb = (levels: number): string =>
  ['a: &a0 [x, x, x, x, x, x, x, x, x]']
    .concat(
      Array.from({ length: levels }, (_, n) => `b${n}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`),
    )
    .join('\n');

const bombs: readonly (readonly [string, string])[] = [
  ['aliases of aliases', bomb(9)],
  [
    'merges of merges',
    ['a0: &a0 {x: 1}']
      .concat(
        Array.from({ length: 60 }, (_, n) => `a${n + 1}: &a${n + 1} {<<: [*a${n}, *a${n}], y${n}: *a${n}}`),
      )
      .join('\n'),
  ],
  ['an alias of itself', 'servers: &a [*a]'],
  ['brackets without end', '['.repeat(50_000)],
  ['braces without end', '{a: '.repeat(50_000)],
  ['lists in lists', `${'- '.repeat(20_000)}x`],
  ['groups in groups', Array.from({ length: 1_800 }, (_, n) => `${' '.repeat(n)}a:`).join('\n')],
  ['a line of a megabyte', `servers: ${'x'.repeat(1_000_000)}`],
  ['a hundred thousand keys', Array.from({ length: 100_000 }, (_, n) => `k${n}: 1`).join('\n')],
];

test.each(bombs)(
  '%s are refused in time',
  (what, text) => {
    for (const [, read] of readers) {
      const problems = read(text);
      expect([what, problems === undefined ? 'accepted' : 'refused']).toEqual([what, 'refused']);
    }
  },
  60_000,
);
