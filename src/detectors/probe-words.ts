import type { Catalogue, TableView } from '../analysis/catalogue.ts';
import type { ProbeState } from '../history/probes/memory.ts';
import { relationText } from '../model/probe.ts';
import type { Unjudged } from './draft.ts';

/** The table that findings about a probe are listed under; undefined where it is not there, or not watched. */
export const tableOfProbe = ({ tables }: Catalogue, { probe }: ProbeState): TableView | undefined =>
  tables.find(
    ({ schemaname, relname }) => schemaname === probe.table.schemaname && relname === probe.table.relname,
  );

/** That a probe could not be judged, and why. */
export const unjudgedProbe = ({ probe }: ProbeState, reason: string): Unjudged => ({
  relation: relationText(probe.table),
  reason: `probe ${probe.name} ${reason}`,
});

/** Why nothing can be said of a probe now; undefined where something can. */
export function whyUnknown(state: ProbeState, table: TableView | undefined): string | undefined {
  const { problem, memory } = state;
  if (problem !== undefined)
    return `could not be planned: ${problem.reason}${problem.grant === undefined ? '' : `; run: ${problem.grant}`}`;
  if (memory?.current === undefined) return 'has not been planned yet';
  return table === undefined
    ? 'belongs to a table that is not there, or whose schema is not watched'
    : undefined;
}

/** What every verdict about a probe rests on. */
export const probeCaveat = (roleName: string): string =>
  `Planned as role ${roleName} and for the values in the manifest: row security, settings of other roles and other values may give other plans.`;
