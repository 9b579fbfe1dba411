import { blockersOf, literalInBlock } from '../preflight.ts';
import { qualified } from '../sql.ts';

/*
 * Checks that most steps share stand in a script once: its first block keeps them in settings of the session, and the blocks of the steps
 * execute them from there. What they are about is handed over in settings, too, as names the way SQL writes them.
 */

const checkNames = ['blockers', 'free_or_made', 'valid'] as const;
export type KeptCheck = (typeof checkNames)[number];

const index = `current_setting('indexwarden.index')`;
const table = `current_setting('indexwarden.table')`;
const definition = `current_setting('indexwarden.definition')`;

/** Whether the index whose oid is in the block's variable `found` can be used and is kept up to date. */
export const isFoundValid =
  'coalesce((select i.indisvalid and i.indisready and i.indislive from pg_index i where i.indexrelid = found), false)';

/** A partition of an index cannot be dropped by itself. */
const recovery = `format(case when exists (select from pg_inherits where inhrelid = found) then 'REINDEX INDEX CONCURRENTLY %s; then run this again from the top'
      else 'DROP INDEX CONCURRENTLY %s; then run this again from the top' end, ${index})`;

const bodies: Readonly<Record<KeptCheck, string>> = {
  // What a concurrent statement would wait for, or would burden.
  blockers: `declare
  blocker record;
begin
${blockersOf(table)}
end`,
  // The name of an index to create is free, or an earlier run has made it, valid.
  free_or_made: `declare
  found oid := to_regclass(${index});
begin
  if found is null then
    return;
  end if;
  if not exists (select from pg_index where indexrelid = found and indrelid = to_regclass(${table})) then
    raise exception '% is there and is no index of %', ${index}, ${table};
  end if;
  if exists (select from pg_stat_progress_create_index p where p.index_relid = found) then
    raise exception '% is being built at this moment: wait for that', ${index};
  end if;
  if (select c.relkind = 'i' from pg_class c where c.oid = found) and not ${isFoundValid} then
    raise exception '% is an invalid leftover, which IF NOT EXISTS would pass over', ${index}
      using hint = ${recovery};
  end if;
  if ${definition} <> '' and replace(pg_get_indexdef(found), '"', '') <> ${definition} then
    raise exception '% is there and is another index than the one to be made: %', ${index}, pg_get_indexdef(found);
  end if;
  raise notice '% is there already', ${index};
end`,
  // An index that was to be created or rebuilt is there, and valid.
  valid: `declare
  found oid := to_regclass(${index});
begin
  if found is null or not ${isFoundValid} then
    raise exception '% is not there, or not valid: the build did not end well', ${index}
      using hint = ${recovery};
  end if;
end`,
};

/** Lines of a block that keep the checks in the session. */
export const keepChecks: readonly string[] = checkNames.flatMap((name) => [
  `  perform set_config('indexwarden.${name}', $kept$DO $check$`,
  bodies[name],
  '$check$$kept$, false);',
]);

export interface Subject {
  readonly schemaname: string;
  readonly name?: string;
  readonly relname?: string;
  readonly definition?: string;
}

/** Lines of a block that run a kept check about an index, a table or both. */
export const runCheck = (
  check: KeptCheck,
  { schemaname, name, relname, definition }: Subject,
): readonly string[] => [
  ...(name === undefined ? [] : [handOver('index', qualified(schemaname, name))]),
  ...(relname === undefined ? [] : [handOver('table', qualified(schemaname, relname))]),
  ...(definition === undefined ? [] : [handOver('definition', definition)]),
  `  execute current_setting('indexwarden.${check}');`,
];

const handOver = (setting: 'index' | 'table' | 'definition', text: string): string =>
  `  perform set_config('indexwarden.${setting}', ${literalInBlock(text)}, true);`;
