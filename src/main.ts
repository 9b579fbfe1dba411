import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { CommandContext, CommandError, Commands, ConfigRequest } from './cli/commands.ts';
import { layoutFor, processEnvironment } from './cli/environment.ts';
import { exitCodes } from './cli/exit-codes.ts';
import { runCli } from './cli/run.ts';
import { effectiveConfigYaml } from './config/effective.ts';
import { exampleConfigYaml } from './config/example.ts';
import { type LoadedConfig, loadConfig } from './config/load.ts';
import { formatConfigError } from './config/problems.ts';
import { configFileSchema } from './config/schema.ts';
import { settingsOf } from './config/settings-tree.ts';
import { neededCollectors } from './detectors/evaluate.ts';
import { detectors } from './detectors/index.ts';
import { ListenError } from './http/listen-error.ts';
import type { Finding, FindingKind } from './model/finding.ts';
import { err, ok, type Result } from './model/result.ts';
import { bloatReportOf } from './report/bloat/result.ts';
import { checkResultOf } from './report/check/result.ts';
import type { KindInfo } from './report/kinds.ts';
import { safeLine } from './report/text.ts';
import { StoreOpenError } from './store/open-error.ts';
import { bloatOnce, indexFilter } from './watch/bloat/once.ts';
import { checkOnce, misconfiguredNodes } from './watch/check.ts';
import type { Daemon } from './watch/daemon.ts';
import { declarations } from './watch/declarations.ts';
import { createLog } from './watch/log.ts';
import { planOnce } from './watch/plan.ts';
import { reportOnce } from './watch/report.ts';

/** The package's own folder, whether this runs from `src` or `dist`. */
const packageFile = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Where findings of the command line point for their documentation, until a configuration says otherwise: this package's own. */
const docsBaseUrl = pathToFileURL(packageFile('docs')).href;

const schema = configFileSchema(declarations);

const kinds: readonly KindInfo[] = detectors.map(({ id, title }) => ({
  id,
  title,
  docs: `${docsBaseUrl}/detectors/${id}.md`,
}));

function load(request: ConfigRequest, context: CommandContext): Result<LoadedConfig, CommandError> {
  const { file, flags, command } = request;
  const loaded = loadConfig({
    ...declarations,
    schema,
    ...(file === undefined ? {} : { file }),
    flags,
    command,
    env: context.env,
    readFile: context.readFile,
  });
  if (loaded.ok) for (const warning of loaded.value.warnings) context.warn(warning);
  return loaded;
}

/** Findings by one look at the configured databases. */
async function check(
  request: Parameters<Commands['check']>[0],
  context: CommandContext,
): ReturnType<Commands['check']> {
  const [remembering] = detectors.filter(({ id, needsHistory }) => needsHistory && request.only.includes(id));
  if (remembering !== undefined)
    return err({
      kind: 'usage',
      message: `${remembering.id} is judged by what a daemon remembers, which a single look does not`,
      hint: `ask a running daemon: /api/v1/findings?kind=${remembering.id}`,
    });
  const loaded = load(request, context);
  if (!loaded.ok) return loaded;
  const { config } = loaded.value;
  const generations = await checkOnce({
    config,
    detectors,
    only: request.only,
    docsBaseUrl: config.http.docsBaseUrl ?? docsBaseUrl,
    // What happens to targets stands in the result; lines of log would only get between it and the reader.
    log: createLog({ ...config, log: { ...config.log, level: 'error' } }),
    signal: context.signal,
  });
  const misconfigured = misconfiguredNodes(generations);
  if (misconfigured.length > 0)
    return err({
      kind: 'ConfigError',
      ...(request.file === undefined ? {} : { file: request.file }),
      problems: misconfigured,
    });
  const isAsked = ({ id }: { readonly id: FindingKind }): boolean =>
    request.only.length === 0 || request.only.includes(id);
  return ok(checkResultOf(generations, kinds.filter(isAsked), neededCollectors(detectors.filter(isAsked))));
}

/** What is known of the bloat of each index, after measuring if asked to. */
async function bloat(
  request: Parameters<Commands['bloat']>[0],
  context: CommandContext,
): ReturnType<Commands['bloat']> {
  const loaded = load(request, context);
  if (!loaded.ok) return loaded;
  const { config } = loaded.value;
  const isAsked = indexFilter(request.indexes);
  // Only on a terminal: a line for each of thousands of indexes is of no use in a log.
  const progress =
    context.stderr.isTTY === true
      ? (await import('./demo/progress.ts')).stderrProgress('measuring')
      : undefined;
  try {
    const generations = await bloatOnce({
      config,
      isMeasured: request.isMeasured,
      isAsked,
      onProgress: (done, total, indexrelname) => progress?.step(done, total, safeLine(indexrelname)),
      // What could not be measured stands in the result, with the reason.
      log: createLog({ ...config, log: { ...config.log, level: 'error' } }),
      signal: context.signal,
    });
    return ok(bloatReportOf(generations, isAsked));
  } finally {
    progress?.stop();
  }
}

/** A plan from one look at one database. */
async function plan(
  request: Parameters<Commands['plan']>[0],
  context: CommandContext,
): ReturnType<Commands['plan']> {
  const loaded = load(request, context);
  if (!loaded.ok) return loaded;
  const { config } = loaded.value;
  return planOnce({
    config,
    detectors,
    request: request.plan,
    target: request.target,
    docsBaseUrl: config.http.docsBaseUrl ?? docsBaseUrl,
    // What went wrong stands in the answer.
    log: createLog({ ...config, log: { ...config.log, level: 'error' } }),
    signal: context.signal,
  });
}

/** The report, from one look and what was kept. */
async function report(
  request: Parameters<Commands['report']>[0],
  context: CommandContext,
): ReturnType<Commands['report']> {
  const loaded = load(request, context);
  if (!loaded.ok) return loaded;
  const { config } = loaded.value;
  const made = await reportOnce({
    loaded: loaded.value,
    detectors,
    kinds,
    windowMs: request.windowMs,
    toolVersion: await version(),
    docsBaseUrl: config.http.docsBaseUrl ?? docsBaseUrl,
    // What went wrong stands in the report.
    log: createLog({ ...config, log: { ...config.log, level: 'error' } }),
    signal: context.signal,
  });
  return made.ok
    ? made
    : err({
        kind: 'ConfigError',
        ...(request.file === undefined ? {} : { file: request.file }),
        problems: made.error,
      });
}

async function serve(request: ConfigRequest, context: CommandContext): Promise<Result<void, CommandError>> {
  const loaded = load(request, context);
  if (!loaded.ok) return loaded;
  const log = createLog(loaded.value.config);
  let daemon: Daemon | undefined;
  // Listened to from the first moment: a SIGHUP that nobody listens to ends the process.
  const reload = (): void => {
    if (daemon === undefined) isReloadDue = true;
    else void daemon.reload();
  };
  let isReloadDue = false;
  // Work that nobody waited for has failed, and only that; a scrape or a pass waits for what it needs.
  const survive = (caught: unknown): void =>
    log.error({ event: 'bug', stack: stackOf(caught) }, 'unhandled rejection');
  // Something stopped in the middle of its turn, and nobody knows what it left half done: whoever starts the daemon starts it again.
  const giveUp = (caught: unknown): void => {
    log.fatal({ event: 'bug', stack: stackOf(caught) }, 'uncaught exception: the daemon ends');
    process.exit(exitCodes.unreadable);
  };
  process.on('SIGHUP', reload);
  process.on('unhandledRejection', survive);
  process.on('uncaughtException', giveUp);
  try {
    // The web server and all it needs are loaded where they are wanted: other commands start sooner without.
    const { startDaemon } = await import('./watch/daemon.ts');
    daemon = await startDaemon({
      loaded: loaded.value,
      loadAgain: () => {
        const again = load(request, context);
        if (!again.ok)
          return err(
            again.error.kind === 'ConfigError' ? formatConfigError(again.error) : again.error.message,
          );
        log.follow(again.value.config);
        return again;
      },
      detectors,
      version: await version(),
      docsDirectory: packageFile('docs'),
      log,
    });
    if (isReloadDue) void daemon.reload();
    await aborted(context.signal);
    log.info({ event: 'stopping' }, 'stopping');
    await daemon.stop();
    log.info({ event: 'stopped' }, 'stopped');
    return ok(undefined);
  } catch (caught) {
    if (caught instanceof ListenError || caught instanceof StoreOpenError)
      return err({ kind: 'usage', message: caught.message });
    throw caught;
  } finally {
    process.off('SIGHUP', reload);
    process.off('unhandledRejection', survive);
    process.off('uncaughtException', giveUp);
  }
}

const stackOf = (caught: unknown): string =>
  caught instanceof Error ? (caught.stack ?? caught.message) : String(caught);

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Findings of a running daemon, page by page. */
async function findingsOfDaemon(
  url: string,
  signal: AbortSignal,
): Promise<Result<readonly Finding[], CommandError>> {
  const findings: Finding[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = new URL('/api/v1/findings?limit=1000', url);
    if (cursor !== '') page.searchParams.set('cursor', cursor);
    try {
      const response: Response = await fetch(page, { signal });
      // The daemon is this very program; its contract is tested, not checked again here.
      const body = (await response.json()) as {
        readonly items: readonly Finding[];
        readonly next: string | null;
      };
      if (!response.ok)
        return err({ kind: 'unreadable', message: `${page.origin} answered ${response.status}` });
      findings.push(...body.items);
      cursor = body.next;
    } catch (caught) {
      const why =
        caught instanceof Error && caught.cause instanceof Error ? caught.cause.message : String(caught);
      return err({
        kind: 'unreadable',
        message: `no daemon answered at ${page.origin}: ${why}`,
        hint: 'name one with --api, or look at the database itself with --url',
      });
    }
  }
  return ok(findings);
}

async function version(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(packageFile('package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}

async function commands(): Promise<Commands> {
  const toolVersion = await version();
  return {
    tool: { version: toolVersion, informationUri: docsBaseUrl },
    kinds,
    settings: settingsOf(schema),
    serve,
    check,
    bloat,
    plan,
    report,
    findings: async (source, context) => {
      if (source.kind === 'api') return findingsOfDaemon(source.url, context.signal);
      const result = await check({ ...source.config, only: [] }, context);
      return result.ok ? ok(result.value.findings) : result;
    },
    page: (kind) => readFile(packageFile(`docs/detectors/${kind}.md`), 'utf8').catch(() => undefined),
    configCheck: async (request, context) => {
      const loaded = load(request, context);
      return loaded.ok ? ok(effectiveConfigYaml(loaded.value.config)) : loaded;
    },
    configExample: () => exampleConfigYaml(declarations),
    demo: async (request, context) => {
      const { runDemo } = await import('./demo/command.ts');
      const ended = await runDemo({
        listen: request.listen,
        major: request.pg,
        scale: request.scale,
        dataDirectory: request.data,
        keep: request.keep,
        version: toolVersion,
        docsDirectory: packageFile('docs'),
        expectationsDirectory: packageFile('expectations'),
        probesDirectory: packageFile('probes'),
        env: {},
        width: layoutFor(context.stdout, context).width,
        signal: context.signal,
        print: context.stdout.write,
        say: context.stderr.write,
      }).catch((caught: unknown) => {
        // Here the flag has a shorter name.
        if (caught instanceof ListenError) return err(caught.message.replace('--http.listen', '--listen'));
        throw caught;
      });
      return ended.ok ? ended : err({ kind: 'usage', message: ended.error });
    },
  };
}

/** npm passes on a Ctrl-C that the terminal has sent to us already: what comes so soon after the first is the same. */
const sameRequestMs = 500;

const interrupted = new AbortController();
let interruptedAtMs = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (!interrupted.signal.aborted) {
      interruptedAtMs = performance.now();
      interrupted.abort(new Error(`stopped by ${signal}`));
    } else if (performance.now() - interruptedAtMs > sameRequestMs) {
      // Asked again: whoever asks wants it gone, cleaned up or not.
      process.exit(130);
    }
  });
}
process.exitCode = await runCli(
  process.argv.slice(2),
  processEnvironment(interrupted.signal),
  await commands(),
);
