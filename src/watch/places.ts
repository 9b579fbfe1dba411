import type { Catalogue } from '../analysis/catalogue.ts';
import { logicalIndex } from '../history/subjects.ts';
import { subjectIn, type UsageAcrossNodes, type UseElsewhere } from '../history/usage/across.ts';
import { usageOfIndex } from '../history/usage/observation.ts';
import { type TargetId, targetKey } from '../model/ids.ts';

interface Place {
  readonly target: TargetId;
  readonly catalogue: Catalogue;
  readonly usage: UsageAcrossNodes;
}

type Uses = ReadonlyMap<string, UseElsewhere>;

/**
 * Where else a logical index lives: tenants and environments keep one schema in many databases, and a use in any of them is a use
 * of the index that their migrations make. One for a fleet; each target puts in what it last knew, and asks about the others.
 */
export class Places {
  readonly #places = new Map<string, Place>();
  /** By what they were computed from: looked for only once somebody asks. */
  readonly #uses = new WeakMap<Place, Uses>();

  put(place: Place): void {
    this.#places.set(targetKey(place.target), place);
  }

  /** A target that is no longer watched has no say. */
  remove(target: TargetId): void {
    this.#places.delete(targetKey(target));
  }

  /** The newest use of a logical index in another database since a moment; undefined where there was none. */
  useElsewhere(target: TargetId, logical: string, sinceMs: number): UseElsewhere | undefined {
    const own = targetKey(target);
    let newest: UseElsewhere | undefined;
    for (const [key, place] of this.#places) {
      const use = key === own ? undefined : this.#usesOf(place).get(logical);
      if (use === undefined || use.lastUsedAtMs <= sinceMs) continue;
      if (newest === undefined || use.lastUsedAtMs > newest.lastUsedAtMs) newest = use;
    }
    return newest;
  }

  #usesOf(place: Place): Uses {
    const known = this.#uses.get(place);
    if (known !== undefined) return known;
    const uses = new Map<string, UseElsewhere>();
    const { catalogue, usage, target } = place;
    for (const index of catalogue.indexes) {
      const subject = subjectIn(usage, index);
      if (subject === undefined) continue;
      let lastUsedAtMs = 0;
      for (const { history } of usage.nodes)
        lastUsedAtMs = Math.max(lastUsedAtMs, (history && usageOfIndex(history, subject)?.lastUsedAtMs) ?? 0);
      const logical = logicalIndex(subject);
      if (lastUsedAtMs <= (uses.get(logical)?.lastUsedAtMs ?? 0)) continue;
      uses.set(logical, { datname: target.datname, schemaname: index.table.schemaname, lastUsedAtMs });
    }
    this.#uses.set(place, uses);
    return uses;
  }
}
