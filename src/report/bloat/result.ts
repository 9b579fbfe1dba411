import type { BloatConfidence, BloatMethod } from '../../analysis/bloat/bloat.ts';
import type { IndexView } from '../../analysis/catalogue.ts';
import type { Generation } from '../../findings/generation.ts';
import { type Outcome, whyMissing } from '../../model/outcome.ts';

/** One index on disk, with the keys that scripts rely on; what is unknown is null. */
export interface BloatRow {
  readonly server: string;
  readonly datname: string;
  readonly schemaname: string;
  readonly relname: string;
  readonly indexrelname: string;
  readonly access_method: string;
  readonly sizeBytes: number | null;
  readonly expectedSizeBytes: number | null;
  readonly wastedBytes: number | null;
  readonly ratio: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly method: BloatMethod;
  readonly confidence: BloatConfidence;
  readonly reason: string | null;
}

/** What one look, or one round of measuring, says about the indexes of all targets. */
export interface BloatReport {
  /** The most wasteful first, then the largest. */
  readonly rows: readonly BloatRow[];
  /** What would make the answers better, and for how many indexes of which database. */
  readonly improvements: readonly BloatImprovement[];
  /** Databases that were looked at, or should have been. */
  readonly targets: number;
  /** Databases whose indexes could not be listed, and why. */
  readonly unreadable: readonly {
    readonly server: string;
    readonly datname: string;
    readonly reason: string;
  }[];
}

export interface BloatImprovement {
  readonly server: string;
  readonly datname: string;
  readonly what: string;
  readonly indexes: number;
}

/**
 * The report from what was published for each target. A partitioned index has no size of its own: its partitions stand for it.
 */
export function bloatReportOf(
  generations: readonly Generation[],
  isAsked: (index: IndexView) => boolean = () => true,
): BloatReport {
  const rows: BloatRow[] = [];
  const improvements = new Map<string, BloatImprovement>();
  for (const { target, catalogue, bloat } of generations) {
    for (const index of catalogue.indexes) {
      if (index.fact.relkind === 'I' || !isAsked(index)) continue;
      const answer = bloat.get(index.oid);
      rows.push({
        ...target,
        schemaname: index.table.schemaname,
        relname: index.table.relname,
        indexrelname: index.name,
        access_method: index.fact.accessMethod,
        // What the answer is about: a scan may be younger than the sizes, and the index have grown in between.
        sizeBytes: answer?.sizeBytes ?? index.sizeBytes ?? null,
        expectedSizeBytes: answer?.expectedSizeBytes ?? null,
        wastedBytes: answer?.wastedBytes ?? null,
        ratio: answer?.ratio ?? null,
        low: answer?.low ?? null,
        high: answer?.high ?? null,
        method: answer?.method ?? 'unknown',
        confidence: answer?.confidence ?? 'none',
        reason: answer === undefined ? 'nobody estimated it' : answer.reason,
      });
      const what = answer?.improvement;
      if (what === undefined || what === null) continue;
      const key = JSON.stringify([target, what]);
      const known = improvements.get(key);
      improvements.set(key, { ...target, what, indexes: (known?.indexes ?? 0) + 1 });
    }
  }
  return {
    rows: rows.sort(byWaste),
    improvements: [...improvements.values()].sort((a, b) => b.indexes - a.indexes),
    targets: generations.length,
    unreadable: generations.flatMap((generation) => {
      const reason = whyUnreadable(generation);
      return reason === undefined ? [] : [{ ...generation.target, reason }];
    }),
  };
}

function byWaste(a: BloatRow, b: BloatRow): number {
  const name = (row: BloatRow): string =>
    [row.server, row.datname, row.schemaname, row.indexrelname].join('\0');
  return (
    (b.wastedBytes ?? -1) - (a.wastedBytes ?? -1) ||
    (b.sizeBytes ?? -1) - (a.sizeBytes ?? -1) ||
    (name(a) < name(b) ? -1 : 1)
  );
}

/** Facts without which there is no list of indexes with their sizes. */
const needed = ['server', 'tables', 'indexes', 'relation-sizes'] as const;

function whyUnreadable({ isUp, error, snapshot }: Generation): string | undefined {
  if (!isUp) return error ?? 'it could not be reached';
  for (const name of needed) {
    const outcome: Outcome<unknown> | undefined = snapshot.outcomes[name];
    const reason = whyMissing(outcome);
    if (reason !== undefined) return reason.startsWith(`${name}:`) ? reason : `${name}: ${reason}`;
  }
  return undefined;
}
