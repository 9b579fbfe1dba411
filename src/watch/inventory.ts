import {
  type FingerprintsFact,
  fingerprintOf,
  type InventoryName,
  inventoryNames,
} from '../collectors/fingerprints.ts';
import type { CollectorName } from '../collectors/index.ts';
import type { IndexFact, TableFact } from '../collectors/inventory.ts';
import type { ServerFact } from '../collectors/server.ts';
import type { RelationSizeFact } from '../collectors/sizes.ts';
import type { InventoryReading, Snapshot } from '../collectors/snapshot.ts';
import type { Outcome } from '../model/outcome.ts';

/** Collectors whose facts carry counts of VACUUM and ANALYZE, which no fingerprint shows: `relation-sizes` has the new ones. */
export const countedNames = ['tables', 'indexes'] as const;

const isInventory = (name: CollectorName): name is InventoryName =>
  (inventoryNames as readonly CollectorName[]).includes(name);

/** Whether fingerprints are worth reading: an inventory is due, and may be kept for some time. */
export const wantsFingerprints = (names: ReadonlySet<CollectorName>, rereadAfterMs: number): boolean =>
  rereadAfterMs > 0 && inventoryNames.some((name) => names.has(name));

/**
 * What one pass knows of its inventory: what of the last one still holds, and what is to be remembered for the next. Fingerprints
 * are read before the facts, so that what changes in between is seen by the next pass at the latest.
 */
export class Inventory {
  readonly #previous: Snapshot;
  readonly #names: ReadonlySet<CollectorName>;
  readonly #rereadAfterMs: number;
  readonly #server: ServerFact;
  readonly #read: Extract<Outcome<FingerprintsFact>, { kind: 'collected' }> | undefined;
  readonly #again = new Set<CollectorName>();
  readonly #readings: Partial<Record<InventoryName, InventoryReading>>;

  /** `read` is what came of reading the fingerprints; whatever it is but collected, nothing is taken for what it was. */
  constructor(options: {
    readonly previous: Snapshot;
    readonly names: ReadonlySet<CollectorName>;
    readonly rereadAfterMs: number;
    readonly server: ServerFact;
    readonly read: Outcome<FingerprintsFact> | undefined;
  }) {
    this.#previous = options.previous;
    this.#names = options.names;
    this.#rereadAfterMs = options.rereadAfterMs;
    this.#server = options.server;
    this.#read = options.read?.kind === 'collected' ? options.read : undefined;
    this.#readings = { ...options.previous.readings };
  }

  get readings(): Snapshot['readings'] {
    return this.#readings;
  }

  /** The previous outcome with its very facts, as seen just now; undefined where they have to be read. */
  again(name: CollectorName): Outcome<unknown> | undefined {
    if (!isInventory(name) || this.#read === undefined) return undefined;
    // Without new counts the old ones would be passed off as new.
    if ((name === 'tables' || name === 'indexes') && !this.#names.has('relation-sizes')) return undefined;
    const reading = this.#previous.readings?.[name];
    const outcome: Outcome<unknown> | undefined = this.#previous.outcomes[name];
    const { collectedAtMs, durationMs } = this.#read;
    if (outcome?.kind !== 'collected' || reading === undefined) return undefined;
    const ageMs = collectedAtMs - reading.readAtMs;
    // Below zero the clock was set back, and how old it is nobody knows.
    if (ageMs < 0 || ageMs >= this.#rereadAfterMs) return undefined;
    if (reading.fingerprint !== this.#fingerprint(name)) return undefined;
    this.#again.add(name);
    return { ...outcome, collectedAtMs, durationMs };
  }

  /** Of which the last facts were taken, whose counts are old. */
  get uncounted(): readonly ('tables' | 'indexes')[] {
    return countedNames.filter((name) => this.#again.has(name));
  }

  /** Notes what was read. Only what is complete may be kept: behind a lock definitions are unknown. */
  note(name: CollectorName, outcome: Outcome<unknown>): void {
    if (!isInventory(name)) return;
    const fingerprint = this.#fingerprint(name);
    const isComplete = outcome.kind === 'collected' && outcome.skippedRelations.length === 0;
    if (isComplete && fingerprint !== undefined)
      this.#readings[name] = { fingerprint, readAtMs: outcome.collectedAtMs };
    else delete this.#readings[name];
  }

  #fingerprint(name: InventoryName): string | undefined {
    const [facts] = this.#read?.facts ?? [];
    return facts === undefined ? undefined : fingerprintOf(name, facts, this.#server);
  }
}

/** The outcome of a pass with the counts that its `relation-sizes` has; undefined where that has none. */
export function withNewCounts(
  name: 'tables' | 'indexes',
  outcomes: Partial<Record<CollectorName, Outcome<unknown>>>,
): Outcome<unknown> | undefined {
  // The facts under these names are those collectors' own.
  const { tables, indexes, 'relation-sizes': sizes } = outcomes as Snapshot['outcomes'];
  if (sizes?.kind !== 'collected') return undefined;
  if (name === 'tables')
    return tables?.kind === 'collected'
      ? { ...tables, facts: recountTables(tables.facts, sizes.facts) }
      : tables;
  return indexes?.kind === 'collected'
    ? { ...indexes, facts: recountIndexes(indexes.facts, sizes.facts) }
    : indexes;
}

/**
 * The facts with the counts that `relation-sizes` has read: the same array where none is another, else copies in the place of those
 * that changed. Both are in the order of their oids, as their queries have them; what has no size keeps its counts.
 */
export function recountTables(
  facts: readonly TableFact[],
  sizes: readonly RelationSizeFact[],
): readonly TableFact[] {
  return recounted(
    facts,
    (fact) => fact.tableOid,
    sizes,
    (fact, { estimatedEntries, relpages }) => {
      // As tables.sql has it: -1 from 14 on, and on 13 no rows on no pages, are unknown.
      const isUnknown = estimatedEntries < 0 || (estimatedEntries === 0 && relpages === 0);
      const estimatedRows = isUnknown ? null : estimatedEntries;
      const isSame = fact.estimatedRows === estimatedRows && fact.relpages === relpages;
      return isSame ? fact : { ...fact, estimatedRows, relpages };
    },
  );
}

/** The same for indexes. */
export function recountIndexes(
  facts: readonly IndexFact[],
  sizes: readonly RelationSizeFact[],
): readonly IndexFact[] {
  return recounted(
    facts,
    (fact) => fact.indexOid,
    sizes,
    (fact, { estimatedEntries, relpages }) => {
      const isSame = fact.estimatedEntries === estimatedEntries && fact.relpages === relpages;
      return isSame ? fact : { ...fact, estimatedEntries, relpages };
    },
  );
}

function recounted<Fact>(
  facts: readonly Fact[],
  oidOf: (fact: Fact) => number,
  sizes: readonly RelationSizeFact[],
  recount: (fact: Fact, size: RelationSizeFact) => Fact,
): readonly Fact[] {
  let changed: Fact[] | undefined;
  let at = 0;
  for (const [place, fact] of facts.entries()) {
    const oid = oidOf(fact);
    while ((sizes[at]?.relationOid ?? oid) < oid) at += 1;
    const size = sizes[at];
    if (size?.relationOid !== oid) continue;
    const now = recount(fact, size);
    if (now === fact) continue;
    changed ??= [...facts];
    changed[place] = now;
  }
  return changed ?? facts;
}
