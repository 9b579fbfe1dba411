import type { Catalogue, TableView } from '../analysis/catalogue.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import { inventoryWholeAtMs } from '../history/bloat/observe.ts';
import {
  type DailyTableSizes,
  observeTableSizes,
  type TableSizePoint,
  type TableSizesMemory,
  tableSizesFrom,
  tableSizesKey,
  tableSizesOf,
} from '../history/tables/sizes.ts';
import { type TargetId, targetKey } from '../model/ids.ts';
import { inSlices } from '../store/in-slices.ts';
import type { Store } from '../store/store.ts';
import type { WatchLog } from './target-watcher.ts';

/** The kind of the store's records that sizes of tables are kept in. */
const recordKind = 'table-sizes';

/** How large the tables of one target were, one point a day: read from the store once, kept there from then on. */
export class TableSizes {
  readonly #options: { readonly target: TargetId; readonly store: Store; readonly log: WatchLog };
  #memory: TableSizesMemory | undefined;
  /** Written with the next change, when writing failed. */
  readonly #unwritten = new Map<string, DailyTableSizes | undefined>();
  /** Of the store, when everything was read from it or is to be written to it. */
  #openings = 0;

  constructor(options: { readonly target: TargetId; readonly store: Store; readonly log: WatchLog }) {
    this.#options = options;
  }

  /** Notes the day's sizes. A store that fails costs nothing but a line of log. */
  async observe(catalogue: Catalogue, snapshot: Snapshot): Promise<void> {
    const before = await this.#load();
    const isWhole = inventoryWholeAtMs(snapshot) !== undefined;
    const { memory, changes } = await inSlices(
      observeTableSizes(before, catalogue, snapshot.takenAtMs, isWhole),
    );
    this.#memory = memory;
    for (const [key, sizes] of changes) this.#unwritten.set(key, sizes);
    const { target, store, log } = this.#options;
    const openings = store.openings();
    // A file that was opened anew may have begun anew.
    if (openings !== this.#openings) for (const [key, sizes] of memory) this.#unwritten.set(key, sizes);
    this.#openings = openings;
    if (this.#unwritten.size === 0) return;
    try {
      await store.keepRecords(target, recordKind, new Map(this.#unwritten));
      this.#unwritten.clear();
    } catch (caught) {
      const fields = { event: 'sizes-not-kept', target: targetKey(target), error: String(caught) };
      log.debug(fields, 'sizes of tables were not kept');
    }
  }

  /** Oldest first; none where nothing is remembered. */
  of(table: TableView): readonly TableSizePoint[] {
    return this.#memory?.get(tableSizesKey(table))?.all() ?? [];
  }

  async #load(): Promise<TableSizesMemory> {
    if (this.#memory !== undefined) return this.#memory;
    const { target, store } = this.#options;
    this.#openings = store.openings();
    const { memory, dropped } = tableSizesFrom(await store.recordsOf(target, recordKind, tableSizesOf));
    for (const key of dropped) this.#unwritten.set(key, undefined);
    return memory;
  }
}
