import { emptyLedger, type Ledger } from '../findings/ledger.ts';
import type { DiaryEvent } from '../model/event.ts';
import { type TargetId, targetKey } from '../model/ids.ts';
import type { Mute } from '../model/mute.ts';
import { err, ok, type Result } from '../model/result.ts';
import { ledgerOfRows } from './ledger-json.ts';
import type { ReadOnlyFile } from './read-only-file.ts';
import { asItIs, readRecords } from './records.ts';
import { memoryStore, type Store } from './store.ts';

/**
 * What a daemon has kept in a file, for a single look that changes nothing: reads come from the file, and what the look would keep is
 * known to itself alone and gone with it. The error says why the file cannot be read.
 */
export async function openReadingStore(path: string): Promise<Result<Store, string>> {
  try {
    // The binding of SQLite is loaded only here, since there may be none for this machine.
    const { openReadOnlyFile } = await import('./read-only-file.ts');
    return ok(readingStore(openReadOnlyFile(path), path));
  } catch (caught) {
    return err(caught instanceof Error ? caught.message : String(caught));
  }
}

function readingStore(file: ReadOnlyFile, path: string): Store {
  const ledgers = new Map<string, Ledger>();
  const changedRecords = new Map<string, Map<string, unknown>>();
  const { status } = memoryStore();
  const recordsKey = (target: TargetId, kind: string): string => `${targetKey(target)}\n${kind}`;
  const refused = (): Promise<never> => Promise.reject(new Error(`${path} was opened to be read`));

  return {
    ledgerOf: async (target) => {
      const known = ledgers.get(targetKey(target));
      if (known !== undefined) return known;
      const rows = file.call('ledgerOf', { target });
      return rows === undefined ? emptyLedger : ledgerOfRows(rows);
    },
    keepLedger: async (target, ledger) => {
      ledgers.set(targetKey(target), ledger);
    },
    eventsOf: async ({ target, kinds, before, limit }) =>
      file
        .call('eventsOf', { target, kinds, before, limit })
        .map(({ id, body }) => ({ ...(JSON.parse(body) as DiaryEvent), id })),
    mutes: async () => file.call('mutes', null).map((body) => JSON.parse(body) as Mute),
    keepMute: refused,
    liftMute: refused,
    recordsOf: async (target, kind, read = asItIs) => {
      const records = await readRecords((page) => file.call('recordsOf', { target, kind, ...page }), read);
      for (const [key, value] of changedRecords.get(recordsKey(target, kind)) ?? []) {
        if (value === undefined) records.delete(key);
        else records.set(key, read(value));
      }
      return records;
    },
    keepRecords: async (target, kind, changes) => {
      const known = changedRecords.get(recordsKey(target, kind)) ?? new Map<string, unknown>();
      for (const [key, value] of changes) known.set(key, value);
      changedRecords.set(recordsKey(target, kind), known);
    },
    usageOf: async (target, node) => {
      const { checkpoint, collections, forgottenBeforeDay } = file.call('usageOf', { target, node });
      return { checkpoint, collections, ...(forgottenBeforeDay === null ? {} : { forgottenBeforeDay }) };
    },
    // The history that was opened goes on in memory.
    appendUsage: async () => {},
    foldUsage: async () => {},
    usageDaysOf: async (target, node, fromDay, toDay) =>
      file.call('usageDaysOf', { target, node, fromDay, toDay }),
    openings: () => 1,
    status: async () => ({ ...(await status()), path }),
    close: async () => file.close(),
  };
}
