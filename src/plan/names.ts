import { createHash } from 'node:crypto';

/** Names for what the SQL of one report creates: none is taken already, and none is given out twice. */
export interface NewNames {
  /** The wanted name or, where that is not free or too long, one like it; from now on it is taken in the schema. */
  readonly reserve: (schemaname: string, wanted: string) => string;
}

/**
 * Starts with the names of relations that each schema has. Which name a finding gets depends on who asked before it: for the same
 * name in every report, ask in the same order.
 */
export function newNames(taken: ReadonlyMap<string, ReadonlySet<string>>): NewNames {
  const reserved = new Map<string, Set<string>>();
  return {
    reserve: (schemaname, wanted) => {
      const given = reserved.get(schemaname) ?? new Set<string>();
      reserved.set(schemaname, given);
      const name = freeName(wanted, (candidate) => {
        return given.has(candidate) || taken.get(schemaname)?.has(candidate) === true;
      });
      given.add(name);
      return name;
    },
  };
}

/** What a new index would be called if the name were free: `ix_<table>_<columns>`. */
export const wantedIndexName = (relname: string, columns: readonly string[]): string =>
  `ix_${relname}_${columns.join('_')}`;

/** PostgreSQL cuts longer names silently, and two that differ only behind the cut would then collide. */
const nameBytesMax = 63;

/** Cut with a hash where it would be too long, numbered where it is taken. */
function freeName(wanted: string, isTaken: (name: string) => boolean): string {
  for (let number = 1; ; number += 1) {
    const name = fitted(wanted, number === 1 ? '' : `_${number}`);
    if (!isTaken(name)) return name;
  }
}

function fitted(name: string, suffix: string): string {
  if (Buffer.byteLength(name + suffix) <= nameBytesMax) return name + suffix;
  const hash = `_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
  let cut = name;
  while (Buffer.byteLength(cut + hash + suffix) > nameBytesMax) cut = [...cut].slice(0, -1).join('');
  return cut + hash + suffix;
}
