import type { Catalogue } from '../analysis/catalogue.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import {
  type BuildRates,
  type BuildSettings,
  ratesFrom,
  recordOf,
  withBuild,
} from '../history/builds/rates.ts';
import { type BuildsWatch, nothingWatched, watchBuilds } from '../history/builds/watched.ts';
import { type TargetId, targetKey } from '../model/ids.ts';
import type { Store } from '../store/store.ts';
import type { WatchLog } from './target-watcher.ts';

export interface BuildMemoryOptions {
  readonly target: TargetId;
  readonly store: Store;
  readonly settings: BuildSettings;
  readonly log: WatchLog;
}

/** The kind of the store's records that speeds of builds are kept in, by access method. */
export const buildRecordKind = 'builds';

/** How fast indexes of one target are built, learned from the builds that are seen running; kept in the store. */
export class BuildMemory {
  readonly #options: BuildMemoryOptions;
  #watch: BuildsWatch = nothingWatched;
  #rates: BuildRates | undefined;
  /** Access methods whose record is not written yet. */
  readonly #unwritten = new Set<string>();
  /** Of the store, when everything was read from it or written to it. */
  #openings = 0;

  constructor(options: BuildMemoryOptions) {
    this.#options = options;
  }

  /** Empty until the store was read. */
  get rates(): BuildRates {
    return this.#rates ?? new Map();
  }

  /** Takes in what a pass saw. A store that fails costs a warning and is asked again in the next pass. */
  async observe(catalogue: Catalogue, snapshot: Snapshot): Promise<void> {
    const { settings, target, log } = this.#options;
    const { watch, learned } = watchBuilds(this.#watch, catalogue, snapshot, settings);
    try {
      let rates = await this.#load();
      this.#watch = watch;
      for (const { accessMethod, build } of learned) {
        rates = withBuild(rates, accessMethod, build, settings);
        this.#unwritten.add(accessMethod);
      }
      this.#rates = rates;
      const openings = this.#options.store.openings();
      // A file that was opened anew may have begun anew.
      if (openings !== this.#openings)
        for (const accessMethod of rates.keys()) this.#unwritten.add(accessMethod);
      await this.#keep(rates);
      this.#openings = openings;
    } catch (caught) {
      const fields = { event: 'build-records', target: targetKey(target), error: String(caught) };
      log.warn(fields, 'how long index builds take could not be read or kept');
    }
  }

  async #load(): Promise<BuildRates> {
    if (this.#rates !== undefined) return this.#rates;
    const { store, target, log } = this.#options;
    this.#openings = store.openings();
    const { rates, dropped } = ratesFrom(await store.recordsOf(target, buildRecordKind));
    if (dropped.length > 0)
      log.warn(
        { event: 'build-records', target: targetKey(target), accessMethods: dropped },
        'records about index builds do not fit this version and are forgotten',
      );
    for (const accessMethod of dropped) this.#unwritten.add(accessMethod);
    return rates;
  }

  async #keep(rates: BuildRates): Promise<void> {
    if (this.#unwritten.size === 0) return;
    const { store, target } = this.#options;
    const changes = [...this.#unwritten].map((accessMethod) => {
      const builds = rates.get(accessMethod);
      return [accessMethod, builds === undefined ? undefined : recordOf(builds)] as const;
    });
    await store.keepRecords(target, buildRecordKind, new Map(changes));
    this.#unwritten.clear();
  }
}
