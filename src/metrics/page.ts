import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type TargetId, targetKey } from '../model/ids.ts';
import type { DaemonMetrics } from './daemon.ts';
import { buildPage, contentTypes, type ExpositionFormat, measureOf } from './exposition.ts';
import type { RenderedTarget } from './render.ts';

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
}

/** Resolves when there is something to serve: before the first generation, the daemon's own metrics. */
export async function createMetricsPage(daemon: Pick<DaemonMetrics, 'render'>): Promise<MetricsPage> {
  const targets = new Map<string, RenderedTarget>();
  const build = () => prepare(daemon, targets);
  let served = await build();
  let running: Promise<void> | undefined;
  let following: Promise<void> | undefined;

  const rebuild = async (): Promise<void> => {
    const pages = await build();
    served = pages;
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
  };
}

type Pages = Readonly<
  Record<ExpositionFormat, { readonly plain: PreparedPage; readonly gzipped: PreparedPage }>
>;

/** In the threads of zlib; one call makes one gzip member, and clients that stop after the first miss nothing. */
const compress = promisify(gzip);

async function prepare(
  daemon: Pick<DaemonMetrics, 'render'>,
  targets: ReadonlyMap<string, RenderedTarget>,
): Promise<Pages> {
  const ordered = [...targets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
  const parts = [...ordered, await daemon.render()];
  const measured = [...parts, measureOf(parts)];
  const [text, openmetrics] = await Promise.all([
    prepareFormat(measured, 'text'),
    prepareFormat(measured, 'openmetrics'),
  ]);
  return { text, openmetrics };
}

async function prepareFormat(parts: Parameters<typeof buildPage>[0], format: ExpositionFormat) {
  const body = Buffer.from(buildPage(parts, format), 'utf8');
  const contentType = contentTypes[format];
  return {
    plain: { body, contentType, contentEncoding: undefined },
    gzipped: { body: await compress(body), contentType, contentEncoding: 'gzip' as const },
  };
}
