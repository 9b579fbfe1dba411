import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type TargetId, targetKey } from '../model/ids.ts';
import { atOnce, type Sliced } from '../model/sliced.ts';
import type { DaemonMetrics } from './daemon.ts';
import { buildBody, contentTypes, type ExpositionFormat, measureOf } from './exposition.ts';
import type { Scope } from './families/declare.ts';
import { allFamilies, families } from './families.ts';
import type { RenderedTarget } from './render.ts';
import type { RenderedFamilies } from './samples.ts';

/** A page ready to be sent; nothing is computed for a scrape. */
export interface PreparedPage {
  readonly body: Buffer;
  readonly contentType: string;
  readonly contentEncoding: 'gzip' | undefined;
}

/** `/metrics`: whole generations only. What is served is swapped in one step, when all four forms of it are ready. */
export interface MetricsPage {
  /** Shows a target's new generation; resolves once a page with it is being served. */
  publish(target: RenderedTarget): Promise<void>;
  /** Takes all other targets off the page, as after a reload. */
  retain(targets: readonly TargetId[]): Promise<void>;
  /** Makes the page anew, for the daemon's own metrics alone. */
  refresh(): Promise<void>;
  prepared(format: ExpositionFormat, isGzip: boolean): PreparedPage;
  /** A part of the page that {@link prepared} gives; undefined where it names a target that is not on the page. */
  part(selection: Selection, format: ExpositionFormat, isGzip: boolean): Promise<PreparedPage> | undefined;
}

/** What of the page is wanted. */
export interface Selection {
  /** A target, as `server/datname`, or a server, which is all of its targets; without it, everything and the daemon's own. */
  readonly target?: string;
  /** Families by what there is one series for; all of them without it. */
  readonly scopes?: readonly Scope[];
}

/** How long work is done: in one go, unless told otherwise. */
export type Run = <T>(work: Sliced<T>) => Promise<T>;

/** Parts that are kept until the next generation: scrapers ask for the same few again and again. */
const partsKeptMax = 64;

/** Resolves when there is something to serve: before the first generation, the daemon's own metrics. */
export async function createMetricsPage(
  daemon: Pick<DaemonMetrics, 'render'>,
  run: Run = async (work) => atOnce(work),
): Promise<MetricsPage> {
  const targets = new Map<string, RenderedTarget>();
  const build = () => prepare(daemon, targets, run);
  let served = await build();
  let parts = new Map<string, Promise<PreparedPage>>();
  let running: Promise<void> | undefined;
  let following: Promise<void> | undefined;

  const rebuild = async (): Promise<void> => {
    const pages = await build();
    served = pages;
    parts = new Map();
  };

  /** One page is made at a time. Whoever comes while one is being made shares the one after it, which has everything. */
  const refresh = (): Promise<void> => {
    if (running === undefined) {
      running = rebuild().finally(() => {
        running = undefined;
      });
      return running;
    }
    following ??= running
      .catch(() => undefined)
      .then(() => {
        following = undefined;
        return refresh();
      });
    return following;
  };

  return {
    publish: (target) => {
      targets.set(targetKey(target.target), target);
      return refresh();
    },
    retain: (kept) => {
      const keys = new Set(kept.map(targetKey));
      for (const key of [...targets.keys()]) if (!keys.has(key)) targets.delete(key);
      return refresh();
    },
    refresh,
    prepared: (format, isGzip) => served[format][isGzip ? 'gzipped' : 'plain'],
    part: (selection, format, isGzip) => {
      const chosen = select(served, selection);
      if (chosen === undefined) return undefined;
      const key = JSON.stringify([selection.target, selection.scopes?.toSorted(), format, isGzip]);
      const known = parts.get(key);
      if (known !== undefined) return known;
      if (parts.size >= partsKeptMax) parts.clear();
      const page = prepareOne(chosen, format, isGzip, run);
      parts.set(key, page);
      return page;
    },
  };
}

type Pages = Readonly<
  Record<ExpositionFormat, { readonly plain: PreparedPage; readonly gzipped: PreparedPage }>
> & {
  /** What the page was made of, the targets in the order of their names. */
  readonly targets: readonly RenderedTarget[];
  readonly daemon: RenderedFamilies;
};

/** The families of a selection with their own measure, where families of the daemon are wanted; undefined: no such target. */
function select(
  { targets, daemon }: Pages,
  { target: name, scopes }: Selection,
): readonly RenderedFamilies[] | undefined {
  const asked = targets.filter(({ target }) => [targetKey(target), target.server].includes(name ?? ''));
  if (name !== undefined && asked.length === 0) return undefined;
  const everything = name === undefined ? [...targets, daemon] : asked;
  const chosen =
    scopes === undefined ? everything : everything.map((part) => ofScopes(part, new Set(scopes)));
  const isMeasured = scopes === undefined || scopes.includes(families.expositionSeries.per);
  return isMeasured ? [...chosen, measureOf(chosen)] : chosen;
}

function ofScopes({ lines }: RenderedFamilies, scopes: ReadonlySet<Scope>): RenderedFamilies {
  const kept = new Map<string, string>();
  let series = 0;
  for (const { name, per } of allFamilies) {
    const samples = scopes.has(per) ? lines.get(name) : undefined;
    if (samples === undefined) continue;
    kept.set(name, samples);
    series += samples.split('\n').length - 1;
  }
  return { lines: kept, series };
}

/** In the threads of zlib; one call makes one gzip member, and clients that stop after the first miss nothing. */
const compress = promisify(gzip);

async function prepare(
  daemon: Pick<DaemonMetrics, 'render'>,
  targets: ReadonlyMap<string, RenderedTarget>,
  run: Run,
): Promise<Pages> {
  const ordered = [...targets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
  const own = await daemon.render();
  const parts = [...ordered, own];
  const measured = [...parts, measureOf(parts)];
  const [text, openmetrics] = await Promise.all([
    prepareFormat(measured, 'text', run),
    prepareFormat(measured, 'openmetrics', run),
  ]);
  return { text, openmetrics, targets: ordered, daemon: own };
}

async function prepareFormat(parts: readonly RenderedFamilies[], format: ExpositionFormat, run: Run) {
  const body = await run(buildBody(parts, format));
  const contentType = contentTypes[format];
  return {
    plain: { body, contentType, contentEncoding: undefined },
    gzipped: { body: await compress(body), contentType, contentEncoding: 'gzip' as const },
  };
}

async function prepareOne(
  parts: readonly RenderedFamilies[],
  format: ExpositionFormat,
  isGzip: boolean,
  run: Run,
): Promise<PreparedPage> {
  const body = await run(buildBody(parts, format));
  const contentType = contentTypes[format];
  if (!isGzip) return { body, contentType, contentEncoding: undefined };
  return { body: await compress(body), contentType, contentEncoding: 'gzip' };
}
