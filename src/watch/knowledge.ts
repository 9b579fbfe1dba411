import { setImmediate as nextTurn } from 'node:timers/promises';
import { detectorSettingsOf } from '../config/config.ts';
import { effectiveConfigYaml } from '../config/effective.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Detector } from '../detectors/define.ts';
import { neededCollectors } from '../detectors/evaluate.ts';
import type { Generation } from '../findings/generation.ts';
import type { Knowledge, NotNow } from '../http/knowledge.ts';
import { targetKey } from '../model/ids.ts';
import { err, ok, type Result } from '../model/result.ts';
import { type ReportDocument, reportSteps } from '../report/document/document.ts';
import type { Clock } from '../scheduler/clock.ts';
import type { Store } from '../store/store.ts';
import { createPast } from './past.ts';
import { planFrom } from './plan.ts';
import { historyOf } from './report.ts';

export interface KnowledgeOptions {
  readonly loaded: LoadedConfig;
  readonly detectors: readonly Detector[];
  readonly store: Pick<Store, 'usageDaysOf' | 'eventsOf' | 'status'>;
  /** The newest generation of each target. */
  readonly generations: () => readonly Generation[];
  readonly clock: Pick<Clock, 'now'>;
  readonly version: string;
  readonly nodeVersion: string;
  readonly startedAtMs: number;
}

/** Reports that are under way or wait; a report of a large fleet takes seconds of work. */
const reportsMax = 4;

/** What pages and API ask for beside generations, for one configuration. */
export function createKnowledge(options: KnowledgeOptions): Knowledge {
  const { loaded, detectors, store, generations, clock } = options;
  const { config, sources } = loaded;
  return {
    past: createPast({
      store,
      daysMax: config.history.chartDays,
      bytesMax: config.history.chartBytes.bytes,
    }),
    plan: ({ request, target }) => planFrom(generations(), { request, target, detectors, config }),
    report: reporter(options),
    about: async () => {
      const { path, sizeBytes, lastWriteAtMs, lastError, schemaVersion, movedAside } = await store.status();
      return {
        version: options.version,
        nodeVersion: options.nodeVersion,
        startedAtMs: options.startedAtMs,
        configFile: sources.file ?? null,
        configuration: effectiveConfigYaml(config),
        storage: { path, sizeBytes, lastWriteAtMs, lastError, schemaVersion, movedAside },
      };
    },
  };

  function reporter({ version: toolVersion }: KnowledgeOptions): Knowledge['report'] {
    const needed = neededCollectors(detectors);
    const judging = new Set(
      detectors.map(({ id }) => id).filter((id) => detectorSettingsOf(config, id).enabled),
    );
    let last: Promise<unknown> = Promise.resolve();
    let waiting = 0;
    /** The newest report: several formats of it are asked for one after the other. */
    let newest: { readonly of: string; readonly document: ReportDocument } | undefined;

    const build = async (windowMs: number): Promise<ReportDocument> => {
      const published = generations();
      const of = JSON.stringify([
        windowMs,
        published.map(({ target, publishedAtMs }) => [targetKey(target), publishedAtMs]),
      ]);
      if (newest?.of === of) return newest.document;
      const nowMs = clock.now();
      const history = await historyOf({ store, path: '' }, published, nowMs - windowMs);
      const steps = reportSteps({
        generations: published,
        nowMs,
        toolVersion,
        windowMs,
        needed,
        history,
        judging,
        redactLiterals: config.privacy.redactLiterals,
      });
      let step = steps.next();
      while (step.done !== true) {
        await nextTurn();
        step = steps.next();
      }
      newest = { of, document: step.value };
      return step.value;
    };

    return async (windowMs): Promise<Result<ReportDocument, NotNow>> => {
      if (waiting >= reportsMax)
        return err({ kind: 'busy', message: 'too many reports are asked for at once' });
      waiting += 1;
      const result = last.then(() => build(windowMs));
      last = result.catch(() => {});
      try {
        return ok(await result);
      } finally {
        waiting -= 1;
      }
    };
  }
}
