import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding, FindingKind } from '../../src/model/finding.ts';
import { childrenOf, eventually, isRunning, processesMentioning } from '../support/processes.ts';
import { isMissing } from '../support/tools.ts';
import { answerOf, findingsOf, listed, samplesOf, upByDatabase } from './daemon-client.ts';
import { programs, type Running, until } from './program.ts';

/*
 * `indexwarden demo` as somebody tries it, at a tenth of its size and on a free port: what it prints and serves, what it finds, and
 * that nothing is left of it. Each demo has a temporary folder of its own, so that "nothing" can be seen.
 */

const { start, endAll } = programs();
const folders: string[] = [];

afterAll(async () => {
  await endAll();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Open to everybody, as /tmp is: for root the server runs as somebody else. */
function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'demo-'));
  chmodSync(folder, 0o1777);
  folders.push(folder);
  return folder;
}

function startDemo(folder: string, scale: string): Running {
  return start(['demo', '--scale', scale, '--listen', '127.0.0.1:0'], { env: { TMPDIR: folder } });
}

const serverProcesses = (folder: string) => processesMentioning(path.join(folder, 'indexwarden-'));

/** Process ids; the children are there by their parent alone, since they change how they are listed. */
async function serverWithChildren(folder: string): Promise<readonly number[]> {
  const parents = [...(await serverProcesses(folder)).keys()];
  const children = (await Promise.all(parents.map(childrenOf))).flat();
  expect(children.length).toBeGreaterThan(3);
  return [...parents, ...children];
}

/** Servers' folders; the copy of the binaries that root's demo makes is kept for the next demo. */
const dataLeftIn = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => name.startsWith('indexwarden-server-'));

/** Foreign keys that the residency specification wants an index for, and those of backtest. */
const wantedForeignKeys = [
  'assignments(rotation_template_id)',
  'swap_approvals(swap_id)',
  'swap_approvals(faculty_id)',
  'resilience_events(related_health_check_id)',
  'sacrifice_decisions(related_event_id)',
  'fallback_activations(related_event_id)',
  'vulnerability_records(related_health_check_id)',
  'zone_faculty_assignments(zone_id)',
  'zone_faculty_assignments(faculty_id)',
  'backtest_runs(original_run_id)',
];

const duplicates = {
  idx_block_date: 'idx_blocks_date',
  idx_assignment_person_id: 'idx_assignments_person',
  idx_assignment_block_id: 'idx_assignments_block',
};

describe('the demo', () => {
  const folder = temporaryFolder();
  let demo: Running;
  let banner: string;
  let address: string;
  let findings: readonly Finding[];
  let scansAtFirst: ReadonlyMap<string, number>;

  beforeAll(async () => {
    demo = startDemo(folder, '0.1');
    await demo.printed(/Ctrl-C/);
    banner = demo.stdout();
    address = /page\s+(http:\S+)\//.exec(banner)?.[1] ?? '';
    findings = await findingsOf(address);
    scansAtFirst = await scansByIndex();
  });

  const scansByIndex = async (): Promise<ReadonlyMap<string, number>> => {
    const samples = await samplesOf(address, 'pgindex_scans_total');
    return new Map(
      samples.map(({ labels, value }) => [`${labels.get('datname')}.${labels.get('indexrelname')}`, value]),
    );
  };
  const ofKind = (kind: FindingKind): readonly Finding[] =>
    findings.filter((finding) => finding.kind === kind && finding.state === 'open');

  test('prints where to look, what holds, and the ten most important findings', () => {
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(banner).toContain(`metrics   ${address}/metrics`);
    expect(banner).toContain(`API       ${address}/api/v1/findings`);
    expect(banner).toMatch(/demo policy: an index counts as unused after 2m/);
    expect(banner).toMatch(new RegExp(`the 10 most important of ${findings.length} findings`));
    const rows = banner.match(/^│ (?:critical|warning|info) +│ \S+/gm) ?? [];
    expect(rows).toHaveLength(10);
    expect(rows[0]).toContain('invalid-index');
    expect(
      rows
        .slice(1, 4)
        .join('\n')
        .match(/duplicate-index/g),
    ).toHaveLength(3);
  });

  test('serves every address that it prints', async () => {
    for (const [place] of banner.matchAll(/http:\/\/\S+/g)) {
      expect((await answerOf(place, place)).status, place).toBe(200);
    }
  });

  test('both databases are there, up, and watched by a role with pg_monitor alone', async () => {
    const targets = await listed(address, 'targets');
    expect(targets.map(({ id, up, role, roleName }) => ({ id, up, role, roleName }))).toEqual([
      { id: 'demo/backtest', up: true, role: 'primary', roleName: 'indexwarden' },
      { id: 'demo/residency', up: true, role: 'primary', roleName: 'indexwarden' },
    ]);
    expect(await upByDatabase(address)).toEqual({ backtest: 1, residency: 1 });
  });

  test('the three duplicates are found, and which of the two stays', () => {
    const found = ofKind('duplicate-index').map(({ datname, indexrelname, related }) => [
      `${datname}.${indexrelname}`,
      related.filter(({ role }) => role === 'keep').map((one) => one.indexrelname),
    ]);
    expect(Object.fromEntries(found)).toEqual(
      Object.fromEntries(
        Object.entries(duplicates).map(([dropped, kept]) => [`residency.${dropped}`, [kept]]),
      ),
    );
  });

  test('what one finding keeps no finding drops', () => {
    const key = (one: { readonly schemaname: string; readonly indexrelname: string | null }): string =>
      `${one.schemaname}.${one.indexrelname}`;
    const kept = new Set(
      findings.flatMap(({ datname, related }) =>
        related.filter(({ role }) => role === 'keep').map((one) => `${datname}.${key(one)}`),
      ),
    );
    expect(kept.size).toBeGreaterThan(2);
    const dropped = findings.filter(
      (finding) =>
        kept.has(`${finding.datname}.${key(finding)}`) && /^\s*drop index/im.test(finding.fix.sql ?? ''),
    );
    expect(dropped.map(({ kind, indexrelname }) => `${kind} ${indexrelname}`)).toEqual([]);
  });

  test('the foreign keys without an index are found, large ones as warnings', () => {
    const found = new Map(
      ofKind('unindexed-foreign-key').map((finding) => [
        `${finding.relname}(${finding.columns.join(', ')})`,
        finding,
      ]),
    );
    expect([...found.keys()]).toEqual(expect.arrayContaining(wantedForeignKeys));
    expect(found.get('assignments(rotation_template_id)')).toMatchObject({
      // The manifest has an index for it of the first priority: the warning and the SQL stand there.
      severity: 'info',
      confidence: 'proven',
      datname: 'residency',
      fix: { sql: null, notes: expect.stringContaining('idx_assignments_rotation_template') },
    });
    expect(found.get('backtest_runs(original_run_id)')?.fix.sql).toMatch(/create index concurrently/i);
    // With an index of its own.
    expect(found.has('assignments(block_id)')).toBe(false);
  });

  test('what the manifests expect is missing in residency and there in backtest', async () => {
    const missing = ofKind('missing-expected-index');
    expect(missing.map(({ datname }) => datname)).toEqual(missing.map(() => 'residency'));
    expect(missing).toHaveLength(28);
    const found = missing.find(
      ({ evidence }) => evidence.expectedIndex === 'idx_assignments_rotation_template',
    );
    expect(found).toMatchObject({
      severity: 'warning',
      confidence: 'proven',
      relname: 'assignments',
      fix: {
        sql: 'CREATE INDEX CONCURRENTLY idx_assignments_rotation_template ON public.assignments (rotation_template_id);',
      },
    });
    const targets = await listed<{ id: string; inconclusive: { kind: string }[] }>(address, 'targets');
    const kinds = targets.flatMap(({ inconclusive }) => inconclusive.map(({ kind }) => kind));
    expect(kinds).not.toContain('missing-expected-index');
    expect(kinds).not.toContain('unexpected-index');
  });

  test('the invalid index is found', () => {
    expect(ofKind('invalid-index')).toMatchObject([
      { datname: 'residency', relname: 'people', indexrelname: 'uq_people_email', severity: 'warning' },
    ]);
  });

  test('unused-index is inconclusive until its window has passed, and says when that is', async () => {
    const targets = await listed<{
      id: string;
      inconclusive: { kind: string; reason: string; relations: string[] | null }[];
    }>(address, 'targets');
    for (const target of targets) {
      const verdicts = target.inconclusive.filter(({ kind }) => kind === 'unused-index');
      expect(verdicts, target.id).not.toEqual([]);
      for (const { reason, relations } of verdicts) {
        expect(reason).toMatch(/window is 2 min: verdict after \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
        expect(relations).not.toEqual([]);
      }
    }
    expect(ofKind('unused-index')).toEqual([]);
  });

  test('findings are metrics, too', async () => {
    let samples = await samplesOf(address, 'pgindex_finding');
    // Asked for one after the other, page and list may be of different generations: probes run meanwhile.
    await eventually('as many on the page as in the list', async () => {
      const open = await listed<{ id: string }>(address, 'findings?state=open');
      samples = await samplesOf(address, 'pgindex_finding');
      return samples.length === open.length;
    });
    const asText = samples.map(
      ({ labels }) =>
        `${labels.get('kind')} ${labels.get('datname')} ${labels.get('relname')} ${labels.get('indexrelname') ?? ''}`,
    );
    expect(asText).toEqual(
      expect.arrayContaining([
        'duplicate-index residency blocks idx_block_date',
        'duplicate-index residency assignments idx_assignment_person_id',
        'duplicate-index residency assignments idx_assignment_block_id',
        'invalid-index residency people uq_people_email',
      ]),
    );
    expect(
      asText.filter((text) => text.startsWith('unindexed-foreign-key residency')).length,
    ).toBeGreaterThan(8);
  });

  test.skipIf(isMissing('promtool', 'apt-get install prometheus'))(
    'promtool accepts the metrics',
    async () => {
      const { body } = await answerOf(address, '/metrics');
      const checked = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
      expect(checked).toMatchObject({ status: 0, stdout: '', stderr: '' });
    },
  );

  test('the server does not run as root', async () => {
    for (const pid of await serverWithChildren(folder)) {
      const owner = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      expect(owner, `owner of process ${pid}`).not.toBe('0');
    }
  });

  test('counters move while somebody looks', async () => {
    const grown = await until('a scan count that grew in each database', async () => {
      const now = await scansByIndex();
      const moved = [...now].filter(([name, scans]) => scans > (scansAtFirst.get(name) ?? scans));
      const databases = new Set(moved.map(([name]) => name.split('.')[0]));
      return databases.size === 2 && moved;
    });
    expect(grown.length).toBeGreaterThan(1);
  });

  test('SIGTERM ends it, and nothing is left', async () => {
    const processes = await serverWithChildren(folder);
    demo.kill('SIGTERM');
    expect(await demo.ended).toMatchObject({ code: 0, signal: null });
    await eventually('no process of the server is left', async () => {
      const left = await Promise.all(processes.map(isRunning));
      return !left.includes(true) && (await serverProcesses(folder)).size === 0;
    });
    expect(dataLeftIn(folder)).toEqual([]);
  });

  test('said nothing about its work but what a person wants to know', () => {
    expect(demo.stderr()).not.toMatch(/workload:|bug|warn|error/i);
  });
});

describe('a demo that is interrupted', () => {
  test('while it starts the server, and by a Ctrl-C that npm passes on a second time', async () => {
    const folder = temporaryFolder();
    const demo = startDemo(folder, '0.02');
    await until('initdb', async () => (await serverProcesses(folder)).size > 0);
    demo.kill('SIGINT');
    demo.kill('SIGINT');
    expect(await demo.ended).toMatchObject({ code: 0, stdout: '' });
    expect(demo.stderr()).not.toContain('bug');
    await eventually(
      'no process of the server is left',
      async () => (await serverProcesses(folder)).size === 0,
    );
    expect(dataLeftIn(folder)).toEqual([]);
  });

  test('while it loads the data', async () => {
    const folder = temporaryFolder();
    const demo = startDemo(folder, '0.02');
    await demo.printed(/loading the demo: 8\/\d+/, 'stderr');
    demo.kill('SIGINT');
    expect(await demo.ended).toMatchObject({ code: 0, stdout: '' });
    await eventually(
      'no process of the server is left',
      async () => (await serverProcesses(folder)).size === 0,
    );
    expect(dataLeftIn(folder)).toEqual([]);
  });
});

describe('a demo that cannot be', () => {
  test('says at once that its port is taken, and what to do', async () => {
    const folder = temporaryFolder();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const taken = other.address();
    const port = typeof taken === 'object' ? taken?.port : undefined;
    const demo = start(['demo', '--listen', `127.0.0.1:${port}`], { env: { TMPDIR: folder } });
    const { code, stdout, stderr } = await demo.ended;
    other.close();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/the port is taken; .* choose another port with --listen/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('says what is wrong with its folder', async () => {
    const folder = temporaryFolder();
    const demo = start(['demo', '--data', import.meta.dirname], {
      env: { TMPDIR: folder },
    });
    const { code, stderr } = await demo.ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/is not empty and holds no PostgreSQL cluster[\s\S]*Name an empty folder/);
    expect(dataLeftIn(folder)).toEqual([]);
  });
});
