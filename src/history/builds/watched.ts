import type { Catalogue, IndexView } from '../../analysis/catalogue.ts';
import { isUsable } from '../../analysis/index-identity.ts';
import type { IndexBuildFact } from '../../collectors/builds.ts';
import type { Snapshot } from '../../collectors/snapshot.ts';
import { hourMs } from '../../model/units.ts';
import { type BuildSettings, isTelling, type WatchedBuild } from './rates.ts';

/**
 * How far a build has come. It works in the odd stages and waits for other transactions in the even ones. Source: manual,
 * "CREATE INDEX Phases"; before the colon, since what follows it differs by access method.
 */
const stages: ReadonlyMap<string, number> = new Map([
  ['initializing', 0],
  ['waiting for writers before build', 0],
  ['building index', 1],
  ['waiting for writers before validation', 2],
  ['index validation', 3],
  ['waiting for old snapshots', 4],
  ['waiting for readers before marking dead', 4],
  ['waiting for readers before dropping', 4],
]);
const beforeWork = 0;
const afterWork = 4;
const isWork = (stage: number): boolean => stage % 2 === 1;

/** A build that was seen running, or was and is over. */
interface SeenBuild {
  readonly backendPid: number;
  readonly tableOid: number;
  readonly command: string;
  /** The index that is made: under REINDEX CONCURRENTLY the new one, which takes over name and place of the old. Null: not told. */
  readonly indexOid: number | null;
  /** Of that index when the build was first seen; null where it was not known. */
  readonly fileBefore: number | null;
  /** What the table had when the build was first seen. */
  readonly indexesBefore: ReadonlySet<number>;
  /** False where something else was seen under its name, or nobody knows when it began. */
  readonly isClear: boolean;
  readonly stage: number;
  readonly atMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

interface EndedBuild extends SeenBuild {
  readonly endedAtMs: number;
}

/** Builds under watch. Not kept: what was under way when the daemon stopped has a beginning or an end that nobody saw. */
export interface BuildsWatch {
  /** When builds were last listed; undefined before the first time. */
  readonly lookedAtMs: number | undefined;
  readonly running: readonly SeenBuild[];
  /** Over, but how large the index is has not been seen since. */
  readonly ended: readonly EndedBuild[];
}

export const nothingWatched: BuildsWatch = { lookedAtMs: undefined, running: [], ended: [] };

export interface LearnedBuild {
  readonly accessMethod: string;
  readonly build: WatchedBuild;
}

/** An index whose size could not be read for so long has changed since its build. */
const sizeWithinMs = hourMs;

/**
 * Folds a snapshot into what is watched; builds whose end and size have been seen are returned. How long one worked is told between
 * bounds: the time between two looks at the same stage at least, and at most also the time to the looks before and after. An index
 * counts when it is usable, has another file than before and, where the server does not tell which one was built (plain CREATE INDEX), is
 * the only new one of its table. A build that failed, or one of several that cannot be told apart, teaches nothing. Pure.
 */
export function watchBuilds(
  before: BuildsWatch,
  catalogue: Catalogue,
  snapshot: Snapshot,
  settings: BuildSettings,
): { readonly watch: BuildsWatch; readonly learned: readonly LearnedBuild[] } {
  const looked = look(before, catalogue, snapshot);
  const learned: LearnedBuild[] = [];
  const waiting: EndedBuild[] = [];
  for (const build of looked.ended) {
    const found = outcomeOf(build, looked, catalogue, snapshot);
    if (found === 'unseen') waiting.push(build);
    else if (found !== 'nothing') {
      const { endedAtMs: atMs, leastMs, mostMs, command } = build;
      const watched = { atMs, bytes: found.sizeBytes, leastMs, mostMs, isConcurrent: isConcurrent(command) };
      if (isTelling(watched, settings))
        learned.push({ accessMethod: found.index.fact.accessMethod, build: watched });
    }
  }
  return { watch: { ...looked, ended: waiting }, learned };
}

const isConcurrent = (command: string): boolean => command.endsWith('CONCURRENTLY');

/** The running builds as of this look, and those that are over by it. */
function look(before: BuildsWatch, catalogue: Catalogue, { outcomes }: Snapshot): BuildsWatch {
  const outcome = outcomes['index-builds'];
  if (outcome?.kind !== 'collected') return before;
  const { facts, collectedAtMs: atMs } = outcome;
  if (before.lookedAtMs !== undefined && atMs <= before.lookedAtMs) return before;
  const left = new Set(before.running);
  const running: SeenBuild[] = [];
  for (const fact of facts) {
    if (fact.tableOid === null) continue;
    const known = before.running.find((build) => left.has(build) && isSame(build, fact));
    if (known !== undefined) left.delete(known);
    running.push(
      known === undefined ? begun(fact, fact.tableOid, before, catalogue, atMs) : goneOn(known, fact, atMs),
    );
  }
  const ended = [...left].map((build) => ({
    ...build,
    mostMs: build.mostMs + (build.stage === afterWork ? 0 : Math.max(0, atMs - build.atMs)),
    endedAtMs: atMs,
  }));
  return { lookedAtMs: atMs, running, ended: [...before.ended, ...ended] };
}

/** REINDEX of a table shows one index after the other, concurrently also one beside the other: those stay one build that is not clear. */
const isSame = (build: SeenBuild, fact: IndexBuildFact): boolean =>
  build.backendPid === fact.backendPid &&
  build.tableOid === fact.tableOid &&
  build.command === fact.command &&
  (isConcurrent(build.command) || build.indexOid === fact.indexOid);

const stageOf = ({ phase }: IndexBuildFact): number | undefined => stages.get(phase.split(':', 1)[0] ?? '');

function begun(
  fact: IndexBuildFact,
  tableOid: number,
  { lookedAtMs }: BuildsWatch,
  { indexes }: Catalogue,
  atMs: number,
): SeenBuild {
  const stage = stageOf(fact);
  return {
    backendPid: fact.backendPid,
    tableOid,
    command: fact.command,
    indexOid: fact.indexOid,
    fileBefore: indexes.find(({ oid }) => oid === fact.indexOid)?.fact.relfilenode ?? null,
    indexesBefore: new Set(indexes.filter(({ table }) => table.oid === tableOid).map(({ oid }) => oid)),
    isClear: stage !== undefined && lookedAtMs !== undefined,
    stage: stage ?? beforeWork,
    atMs,
    leastMs: 0,
    mostMs: stage === beforeWork ? 0 : Math.max(0, atMs - (lookedAtMs ?? atMs)),
  };
}

function goneOn(build: SeenBuild, fact: IndexBuildFact, atMs: number): SeenBuild {
  const stage = stageOf(fact);
  const elapsedMs = Math.max(0, atMs - build.atMs);
  const isStill = stage === build.stage;
  const isAnother = build.indexOid !== null && fact.indexOid !== null && fact.indexOid !== build.indexOid;
  return {
    ...build,
    indexOid: fact.indexOid ?? build.indexOid,
    isClear: build.isClear && !isAnother && stage !== undefined && stage >= build.stage,
    stage: stage ?? build.stage,
    atMs,
    leastMs: build.leastMs + (isStill && isWork(build.stage) ? elapsedMs : 0),
    mostMs: build.mostMs + (isStill && !isWork(build.stage) ? 0 : elapsedMs),
  };
}

type BuildOutcome = 'unseen' | 'nothing' | { readonly index: IndexView; readonly sizeBytes: number };

/** The index that came out of it with its size, as far as catalogue and sizes have been read since. */
function outcomeOf(
  build: EndedBuild,
  watch: BuildsWatch,
  { indexes: all }: Catalogue,
  { outcomes, takenAtMs }: Snapshot,
): BuildOutcome {
  if (!build.isClear || takenAtMs - build.endedAtMs > sizeWithinMs) return 'nothing';
  const { indexes, 'relation-sizes': sizes } = outcomes;
  for (const outcome of [indexes, sizes])
    if (outcome?.kind !== 'collected' || outcome.collectedAtMs <= build.endedAtMs) return 'unseen';
  const index = build.indexOid === null ? onlyNew(build, watch, all) : indexOf(build, all);
  if (index === undefined || !isUsable(index) || index.fact.relkind !== 'i') return 'nothing';
  return index.sizeBytes === undefined ? 'unseen' : { index, sizeBytes: index.sizeBytes };
}

/** The index that was told. A plain REINDEX that failed leaves the file it had; concurrently, the index is another one to begin with. */
function indexOf(build: EndedBuild, all: readonly IndexView[]): IndexView | undefined {
  const index = all.find(({ oid }) => oid === build.indexOid);
  if (isConcurrent(build.command)) return index;
  const isAnotherFile = build.fileBefore !== null && index?.fact.relfilenode !== build.fileBefore;
  return isAnotherFile ? index : undefined;
}

/** The index that the table has more than before, if it is one, and one build that it can be from. */
function onlyNew(build: EndedBuild, watch: BuildsWatch, all: readonly IndexView[]): IndexView | undefined {
  const builds = [...watch.running, ...watch.ended].filter(
    ({ tableOid, indexOid }) => tableOid === build.tableOid && indexOid === null,
  );
  const found = all.filter(({ table, oid }) => table.oid === build.tableOid && !build.indexesBefore.has(oid));
  return builds.length === 1 && found.length === 1 ? found[0] : undefined;
}
