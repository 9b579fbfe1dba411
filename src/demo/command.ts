import { join } from 'node:path';
import Table from 'cli-table3';
import { parseListenAddress } from '../config/listen-address.ts';
import { loadConfig } from '../config/load.ts';
import { formatConfigError } from '../config/problems.ts';
import { detectors } from '../detectors/index.ts';
import type { Generation } from '../findings/generation.ts';
import { startServer } from '../http/server.ts';
import { type Finding, findingKinds, severities } from '../model/finding.ts';
import { err, ok, type Result } from '../model/result.ts';
import { startDaemon } from '../watch/daemon.ts';
import { declarations } from '../watch/declarations.ts';
import { createLog } from '../watch/log.ts';
import { defaultMajor, installBinaries } from './binaries.ts';
import { buildDemoDatabases, demoDatabases, demoServerSettings } from './databases.ts';
import { EmbeddedServerError, startEmbeddedServer } from './embedded-server.ts';
import { stderrProgress } from './progress.ts';
import { startWorkload } from './workload.ts';

export interface DemoOptions {
  readonly listen: string;
  readonly major?: number | undefined;
  readonly scale: number;
  readonly dataDirectory?: string | undefined;
  readonly keep: boolean;
  readonly version: string;
  readonly docsDirectory: string;
  /** Where the manifests of both databases are. */
  readonly expectationsDirectory: string;
  readonly probesDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly width: number;
  readonly signal: AbortSignal;
  /** Where the banner goes: results on stdout, the rest on stderr. */
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
}

/** How long unused indexes are watched here before they are called so: somebody who tries a tool has no month. */
const demoUnusedAfter = '2m';
/** Counters move while somebody looks. */
const demoUsage = '*/10 * * * * *';
const findingsShown = 10;

/**
 * The main job on a server of its own: starts it, fills both databases, runs their workload, watches them as a role with only
 * pg_monitor and what its probes read, says where to look, and stays until `signal`. Everything it started is gone when it returns.
 */
export async function runDemo(options: DemoOptions): Promise<Result<void, string>> {
  try {
    return await demonstrate(options);
  } catch (caught) {
    // Whatever was under way when the signal came fails in its own words.
    if (options.signal.aborted) return ok(undefined);
    if (caught instanceof EmbeddedServerError) return err(caught.message);
    throw caught;
  }
}

async function demonstrate(options: DemoOptions): Promise<Result<void, string>> {
  const { signal, say } = options;
  await ensureCanListen(options.listen);
  const binaries = await installBinaries(options.major ?? defaultMajor, {
    signal,
    log: (message) => say(`${message}\n`),
  });
  if (binaries.kind === 'missing') return err(binaries.remedy);
  const server = await startEmbeddedServer({
    binaries,
    settings: demoServerSettings,
    signal,
    keep: options.keep,
    ...(options.dataDirectory === undefined ? {} : { dataDirectory: options.dataDirectory }),
  });
  try {
    say(
      `PostgreSQL ${binaries.version} is running on 127.0.0.1:${server.port}, data in ${server.dataDirectory}\n`,
    );
    const progress = stderrProgress('loading the demo');
    const databases = await buildDemoDatabases({ server, scale: options.scale, progress, signal }).finally(
      () => progress.stop(),
    );
    say('running the workload of both applications for a few seconds …\n');
    const watched = new AbortController();
    const workload = await startWorkload({
      server,
      signal: AbortSignal.any([signal, watched.signal]),
      log: (message) => say(`workload: ${message}\n`),
    });
    try {
      return await watch(options, databases.monitorUrl('residency'), server.superuserUrl('residency'));
    } finally {
      watched.abort();
      await workload.finished;
    }
  } finally {
    await server.close();
  }
}

/** Nobody should wait for the data only to hear that the port is taken. Rejects with `ListenError`. */
async function ensureCanListen(address: string): Promise<void> {
  const listen = parseListenAddress(address);
  if (!listen.ok) return;
  const probe = await startServer({ app: (_request, response) => response.end(), listen: listen.value });
  await probe.close(0);
}

async function watch(
  options: DemoOptions,
  monitorUrl: string,
  superuserUrl: string,
): Promise<Result<void, string>> {
  const { signal } = options;
  const loaded = loadConfig({
    ...declarations,
    env: options.env,
    document: {
      servers: [
        {
          name: 'demo',
          primary: { url: monitorUrl },
          databases: [...demoDatabases],
          expectations: demoDatabases.map((database) => ({
            databases: database,
            file: join(options.expectationsDirectory, `${database}.yaml`),
          })),
          probes: demoDatabases.map((database) => ({
            databases: database,
            file: join(options.probesDirectory, `${database}.yaml`),
          })),
        },
      ],
      policy: { unusedAfter: demoUnusedAfter },
      collectors: { 'index-usage': { schedule: demoUsage }, 'table-usage': { schedule: demoUsage } },
      // At once rather than after five minutes: somebody is watching.
      bloat: { schedule: '*/10 * * * * *', maxRandomDelay: '0s' },
      // That nothing is kept over restarts needs no warning here.
      log: { level: 'error' },
    },
    flags: { 'http.listen': options.listen },
  });
  if (!loaded.ok) return err(formatConfigError(loaded.error));
  const daemon = await startDaemon({
    loaded: loaded.value,
    loadAgain: () => ok(loaded.value),
    detectors,
    version: options.version,
    docsDirectory: options.docsDirectory,
    log: createLog(loaded.value.config),
    onGeneration: () => announce(),
  });
  let isAnnounced = false;
  const announce = (): void => {
    const generations = daemon.generations();
    if (isAnnounced || generations.length < demoDatabases.length) return;
    isAnnounced = true;
    options.print(banner(generations, { ...options, address: daemon.address, monitorUrl, superuserUrl }));
  };
  announce();
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await daemon.stop();
  return ok(undefined);
}

interface Banner {
  readonly address: string;
  readonly monitorUrl: string;
  readonly superuserUrl: string;
  readonly width: number;
}

function banner(
  generations: readonly Generation[],
  { address, monitorUrl, superuserUrl, width }: Banner,
): string {
  const findings = generations.flatMap((generation) => generation.findings).sort(byImportance);
  const shown = findings.slice(0, findingsShown);
  return `
${table(shown, width)}
the ${shown.length} most important of ${findings.length} findings in ${demoDatabases.join(' and ')}

  page      ${address}/
  metrics   ${address}/metrics
  API       ${address}/api/v1/findings and /api/v1/probes

  check     indexwarden check --url '${monitorUrl}'
  psql      psql '${superuserUrl}'

This is a demo policy: an index counts as unused after ${demoUnusedAfter}in (30d outside the demo), so that the first of these
verdicts come two minutes after the start. The workload goes on gently. Ctrl-C ends everything and removes the data.
`;
}

/** The gravest first; within a severity in the order in which kinds matter, then by bytes. */
function byImportance(a: Finding, b: Finding): number {
  return (
    severities.indexOf(b.severity) - severities.indexOf(a.severity) ||
    findingKinds.indexOf(a.kind) - findingKinds.indexOf(b.kind) ||
    b.impact.reclaimableBytes - a.impact.reclaimableBytes ||
    (a.id < b.id ? -1 : 1)
  );
}

function table(findings: readonly Finding[], width: number): string {
  const titleWidth = Math.max(40, Math.min(width, 160) - 36);
  const rows = new Table({
    head: ['severity', 'kind', 'finding'],
    colWidths: [10, 24, titleWidth],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const { severity, kind, title } of findings) rows.push([severity, kind, title]);
  return rows.toString();
}
