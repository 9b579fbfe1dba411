import { hash } from 'node:crypto';
import type { Catalogue, IndexView } from '../analysis/catalogue.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { DiaryEvent, EventKind } from '../model/event.ts';
import type { Evidence } from '../model/finding.ts';
import { atOnce, type Sliced, slicedSet } from '../model/sliced.ts';
import { counted } from '../model/units.ts';

/** What is remembered of an index to notice that it changed. JSON. */
export interface KnownIndex {
  readonly oid: number;
  readonly schemaname: string;
  readonly relname: string;
  readonly indexrelname: string;
  /** Digest of everything that `CREATE INDEX` would say; null while parts of it are behind a lock. */
  readonly definition: string | null;
  readonly isValid: boolean;
  /** Whether it was ever valid: one that never was is being built, or failed, and is not said to be created or dropped. */
  readonly wasValid: boolean;
  /** Whether it is a partition's share of a partitioned index, which comes and goes with its partition. */
  readonly isPart: boolean;
}

/** The indexes of one target as they were last seen. */
export interface KnownIndexes {
  /** By {@link indexKey}. */
  readonly indexes: ReadonlyMap<string, KnownIndex>;
  /** Schemas that were there but not watched: what is in them is seen for the first time when they are. */
  readonly unwatched: ReadonlySet<string>;
}

export const indexKey = (schemaname: string, indexrelname: string): string =>
  JSON.stringify([schemaname, indexrelname]);

export interface IndexChanges {
  readonly known: KnownIndexes;
  readonly events: readonly DiaryEvent[];
}

/** Above this many changes of a kind in one look, one event tells of them: a migration, a restore, a dropped schema. */
const togetherAbove = 20;
const namedMax = 5;

/**
 * The indexes of a catalogue by their keys, one at a time: digests of a hundred thousand definitions take most of a second, which
 * whoever takes them may spread. Of one that is locked the definition stays as it was known.
 */
export function* knownIndexes(
  catalogue: Pick<Catalogue, 'indexes'>,
  before: KnownIndexes | undefined,
): Generator<readonly [string, KnownIndex]> {
  for (const index of catalogue.indexes) {
    const key = indexKey(index.table.schemaname, index.name);
    yield [key, knownIndex(index, before?.indexes.get(key))];
  }
}

/** Whether all facts are there that comparing takes: otherwise nothing is known to have changed. */
export function isInventoryWhole({ outcomes }: Snapshot): boolean {
  const needed = [outcomes.tables, outcomes.columns, outcomes.indexes, outcomes['operator-classes']];
  return needed.every((outcome) => outcome?.kind === 'collected');
}

/**
 * Compares a whole inventory with the one before it: which indexes came, went, or changed in definition, validity or name. Without
 * a `before` it is the first look, which has no events. An index counts as created when it is first seen valid, so that a build
 * under way, and the copies that a concurrent rebuild leaves for a moment, are no news; partitions' shares of a partitioned index
 * are not said to come or go. Pure.
 */
export function* indexChangesInSlices(
  before: KnownIndexes | undefined,
  indexes: KnownIndexes['indexes'],
  snapshot: Snapshot,
  isWatched: (schemaname: string) => boolean,
): Sliced<IndexChanges> {
  const { tables } = snapshot.outcomes;
  const present = yield* slicedSet(
    tables?.kind === 'collected' ? tables.facts : [],
    ({ schemaname }) => schemaname,
  );
  const unwatched = new Set([...present].filter((schemaname) => !isWatched(schemaname)));
  if (before === undefined) return { known: { indexes, unwatched }, events: [] };
  const renamed = yield* renamedIndexes(before.indexes, indexes);
  const onceValid = new Map<string, KnownIndex>();
  const turns: Turn[] = [];
  for (const [key, index] of indexes) {
    yield;
    const old = before.indexes.get(key) ?? renamed.get(key);
    const turn = old === undefined ? arrival(index, before) : alteration(old, index);
    if (turn !== undefined) turns.push(turn);
    // What a renamed one was stays known of it.
    if (old?.wasValid === true && !index.wasValid) onceValid.set(key, { ...index, wasValid: true });
  }
  const gone = new Set([...renamed.values()]);
  for (const [key, old] of before.indexes) {
    yield;
    if (indexes.has(key) || gone.has(old) || !isWatched(old.schemaname)) continue;
    if (!old.wasValid || old.isPart) continue;
    turns.push({ kind: 'index-dropped', index: old, title: `${nameOf(old)} was dropped`, evidence: {} });
  }
  const now = onceValid.size === 0 ? indexes : new Map([...indexes, ...onceValid]);
  return { known: { indexes: now, unwatched }, events: told(turns, snapshot) };
}

/** {@link indexChangesInSlices} in one go. */
export const indexChanges = (
  before: KnownIndexes | undefined,
  indexes: KnownIndexes['indexes'],
  snapshot: Snapshot,
  isWatched: (schemaname: string) => boolean,
): IndexChanges => atOnce(indexChangesInSlices(before, indexes, snapshot, isWatched));

/** What has to be written to remember `now` where `before` is remembered: undefined for what is to be forgotten. */
export function* changedIndexes(
  before: KnownIndexes['indexes'] | undefined,
  now: KnownIndexes['indexes'],
): Sliced<Map<string, KnownIndex | undefined>> {
  const changed = new Map<string, KnownIndex | undefined>();
  for (const [key, index] of now) {
    yield;
    if (!isSame(before?.get(key), index)) changed.set(key, index);
  }
  for (const key of before?.keys() ?? []) {
    yield;
    if (!now.has(key)) changed.set(key, undefined);
  }
  return changed;
}

/** The names are in the key, but for the table's. */
const isSame = (a: KnownIndex | undefined, b: KnownIndex): boolean =>
  a !== undefined &&
  a.oid === b.oid &&
  a.relname === b.relname &&
  a.definition === b.definition &&
  a.isValid === b.isValid &&
  a.wasValid === b.wasValid &&
  a.isPart === b.isPart;

interface Turn {
  readonly kind: Extract<EventKind, 'index-created' | 'index-dropped' | 'index-changed'>;
  readonly index: KnownIndex;
  readonly title: string;
  readonly evidence: Evidence;
}

const nameOf = ({ schemaname, relname, indexrelname }: KnownIndex): string =>
  `${schemaname}.${indexrelname} on ${relname}`;

function knownIndex(index: IndexView, before: KnownIndex | undefined): KnownIndex {
  const { fact, table } = index;
  const isValid = fact.isValid && fact.isReady && fact.isLive;
  return {
    oid: index.oid,
    schemaname: table.schemaname,
    relname: table.relname,
    indexrelname: index.name,
    definition: isDefined(index) ? definitionDigest(index) : (before?.definition ?? null),
    isValid,
    wasValid: isValid || before?.wasValid === true,
    isPart: fact.parentIndexOid !== null,
  };
}

/** Whether all that its definition names could be read: a column that came after the columns were read could not. */
const isDefined = ({ fact, keys, table }: IndexView): boolean =>
  fact.isDefinitionKnown &&
  fact.columnNumbers.every((number) => number === 0 || table.columns.has(number)) &&
  keys.every((key) => key.operatorClass !== undefined);

/** 16 hex digits over what makes the index what it is, names of columns included; names of index, table and schema left out. */
function definitionDigest({ fact, keys, included, predicate }: IndexView): string {
  const parts = [
    fact.accessMethod,
    [fact.isUnique, fact.isPrimary, fact.isExclusion, fact.nullsNotDistinct, fact.isDeferrable],
    keys.map((key) => [
      key.text,
      key.operatorClass?.schemaname,
      key.operatorClass?.operatorClassName,
      key.collation,
      key.isDescending,
      key.isNullsFirst,
    ]),
    fact.operatorClassOptions,
    included,
    predicate ?? null,
    fact.options,
    fact.constraintType,
  ];
  // Not cut from the whole digest, which a part of it would hold on to.
  return hash('sha256', JSON.stringify(parts), 'buffer').toString('hex', 0, 8);
}

/** Indexes under a new name whose oid and definition are those of one whose name is gone: by the new key the old index. */
function* renamedIndexes(
  before: KnownIndexes['indexes'],
  now: KnownIndexes['indexes'],
): Sliced<ReadonlyMap<string, KnownIndex>> {
  const goneByOid = new Map<number, KnownIndex>();
  for (const [key, old] of before) {
    yield;
    if (!now.has(key)) goneByOid.set(old.oid, old);
  }
  const renamed = new Map<string, KnownIndex>();
  for (const [key, index] of now) {
    yield;
    const old = before.has(key) ? undefined : goneByOid.get(index.oid);
    if (old !== undefined && old.definition === index.definition) renamed.set(key, old);
  }
  return renamed;
}

function arrival(index: KnownIndex, before: KnownIndexes): Turn | undefined {
  if (!index.wasValid || index.isPart || before.unwatched.has(index.schemaname)) return undefined;
  return { kind: 'index-created', index, title: `${nameOf(index)} was created`, evidence: {} };
}

function alteration(old: KnownIndex, index: KnownIndex): Turn | undefined {
  if (!old.wasValid) {
    if (!index.isValid || index.isPart) return undefined;
    return { kind: 'index-created', index, title: `${nameOf(index)} was created`, evidence: {} };
  }
  const changes: string[] = [];
  const evidence: Record<string, string | boolean> = {};
  if (old.schemaname !== index.schemaname || old.indexrelname !== index.indexrelname) {
    changes.push(`its name, which was ${old.schemaname}.${old.indexrelname}`);
    evidence.nameBefore = `${old.schemaname}.${old.indexrelname}`;
  }
  if (old.relname !== index.relname && old.oid !== index.oid) {
    changes.push(`its table, which was ${old.relname}`);
    evidence.tableBefore = old.relname;
  }
  if (old.definition !== null && index.definition !== null && old.definition !== index.definition) {
    changes.push('its definition');
    evidence.definitionBefore = old.definition;
    evidence.definitionNow = index.definition;
  }
  if (old.isValid !== index.isValid) {
    changes.push(index.isValid ? 'it is valid again' : 'it is no longer valid');
    evidence.isValidNow = index.isValid;
  }
  if (changes.length === 0) return undefined;
  return {
    kind: 'index-changed',
    index,
    title: `${nameOf(index)} changed: ${changes.join(', ')}`,
    evidence: { ...evidence, oid: index.oid },
  };
}

function told(turns: readonly Turn[], { target, takenAtMs: atMs }: Snapshot): readonly DiaryEvent[] {
  const kinds = ['index-created', 'index-changed', 'index-dropped'] as const;
  return kinds.flatMap((kind): readonly DiaryEvent[] => {
    const alike = turns.filter((turn) => turn.kind === kind);
    const shared = { kind, atMs, ...target, node: null, findingId: null };
    if (alike.length <= togetherAbove) {
      return alike.map(({ index: { schemaname, relname, indexrelname }, title, evidence }) => ({
        ...shared,
        schemaname,
        relname,
        indexrelname,
        title,
        evidence,
      }));
    }
    const verb = { 'index-created': 'created', 'index-changed': 'changed', 'index-dropped': 'dropped' }[kind];
    return [
      {
        ...shared,
        schemaname: null,
        relname: null,
        indexrelname: null,
        title: `${counted(alike.length, 'index', 'indexes')} of ${target.datname} were ${verb} at once`,
        evidence: { count: alike.length, names: alike.slice(0, namedMax).map(({ index }) => nameOf(index)) },
      },
    ];
  });
}
