import { humaneBytes } from '../model/units.ts';
import { qualified, quoteLiteral } from './sql.ts';

const tag = '$indexwarden$';

/** An anonymous block; `body` holds `begin` and `end`, and names in it stand in {@link literalInBlock}. */
export const doBlock = (body: string): string => `DO ${tag}\n${guarded(body)}\n${tag};`;

/**
 * The body of a block that finds the server's own functions and operators alone. Whoever may create objects in a schema of the search
 * path could otherwise put in an overload that fits better, `oid = regclass` say, and have it run by the owner who runs the script.
 */
export const guarded = (body: string): string =>
  body.replace(/^begin$/m, "begin\n  perform pg_catalog.set_config('search_path', 'pg_catalog', true);");

/** A literal that stands inside the block: a name that holds the block's own tag must not end it. */
export function literalInBlock(text: string): string {
  if (!text.includes(tag)) return quoteLiteral(text);
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('$', '\\x24')}'`;
}

export interface PreflightOptions {
  readonly schemaname: string;
  readonly relname: string;
  /** Bytes of disk that the statement needs while it runs, and of WAL that it writes; undefined where it needs none to speak of. */
  readonly neededBytes: number | undefined;
  /** The index that is about to go, which must still be what the finding was about. */
  readonly indexrelname?: string;
}

/**
 * What protects a concurrent statement instead of a timeout, which would leave an invalid index behind: run before it in the same
 * session, it stops on whatever would make it wait for hours, and warns about what it would burden. Reads only.
 */
export function concurrentPreflight(options: PreflightOptions): string {
  const needs = options.neededBytes === undefined ? '' : `\n${needsLine(options.neededBytes)}`;
  const index =
    options.indexrelname === undefined
      ? ''
      : `
  if to_regclass(${literalInBlock(qualified(options.schemaname, options.indexrelname))}) is null then
    raise exception 'the index is gone: nothing to do';
  end if;`;
  return `${concurrentSettings.join('\n')}
${doBlock(`declare
  blocker record;
begin${index}
${sightLines.join('\n')}
${blockersOf(literalInBlock(qualified(options.schemaname, options.relname)))}${needs}
end`)}`;
}

/** A timeout would leave an invalid index behind. */
export const concurrentSettings: readonly string[] = ['SET lock_timeout = 0;', 'SET statement_timeout = 0;'];

/** The line of a block that says what a statement needs. */
export const needsLine = (bytes: number): string =>
  `  raise notice 'needs about ${humaneBytes(bytes)} of free disk, and as much WAL for each standby and slot: free disk is unknown from here';`;

/**
 * The lines of a block that say so where {@link blockersOf} would see nothing: to whoever may not read all statistics, the server shows
 * the transactions, vacuums and standbys of others without their times and positions, and a comparison with those never holds. A
 * warning, since an owner without that right may well run the script who knows that the database is quiet.
 */
export const sightLines: readonly string[] = [
  "  if not pg_has_role(current_user, 'pg_read_all_stats', 'usage') then",
  "    raise warning 'transactions, vacuums and standbys that would hold this up are not shown to role %: nobody has looked for them', current_user",
  "      using hint = format('Look for them yourself, or GRANT pg_monitor TO %I and run this again.', current_user);",
  '  end if;',
];

/**
 * The lines of a block, with a record named `blocker`, that look for whatever would hold the statement up. `table` is an expression for the
 * table's name as SQL writes it.
 */
export const blockersOf = (table: string): string =>
  `  for blocker in
    select pid, xact_start from pg_stat_activity
    where pid <> pg_backend_pid() and xact_start < now() - interval '15 minutes' and backend_type = 'client backend'
  loop
    raise exception 'process % has been in a transaction since %: it would hold this up', blocker.pid, blocker.xact_start;
  end loop;
  for blocker in select gid, prepared from pg_prepared_xacts where database = current_database() loop
    raise exception 'prepared transaction % of % would hold this up', blocker.gid, blocker.prepared;
  end loop;
  for blocker in
    select a.pid from pg_stat_progress_vacuum v join pg_stat_activity a on a.pid = v.pid
    where v.relid = to_regclass(${table}) and a.query like '%to prevent wraparound%'
  loop
    raise exception 'an autovacuum to prevent wraparound (process %) is at work on the table: let it finish', blocker.pid;
  end loop;
  for blocker in select slot_name from pg_replication_slots where not active loop
    raise exception 'replication slot % is inactive: the WAL of this statement would pile up', blocker.slot_name;
  end loop;
  for blocker in
    select application_name from pg_stat_replication where pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > 1073741824
  loop
    raise exception 'standby % is more than 1 GiB behind', blocker.application_name;
  end loop;`;

/** For statements that take ACCESS EXCLUSIVE: better to give up after two seconds than to queue everybody behind us. */
export const exclusivePreflight = `SET lock_timeout = '2s';
SET statement_timeout = 0;`;

/** True when the index is there and valid. */
export const verifyValid = (schemaname: string, name: string): string =>
  `SELECT ${isValid(schemaname, name)} AS done;`;

/** True when every one of the indexes, given by schema and name, is there and valid. */
export const verifyAllValid = (names: readonly (readonly [string, string])[]): string =>
  `SELECT ${names.map(([schemaname, name]) => isValid(schemaname, name)).join('\n  AND ')} AS done;`;

const isValid = (schemaname: string, name: string): string =>
  `coalesce((SELECT i.indisvalid AND i.indisready AND i.indislive FROM pg_catalog.pg_index i WHERE i.indexrelid = pg_catalog.to_regclass(${quoteLiteral(qualified(schemaname, name))})::oid), false)`;

/** True when no relation has the name. */
export const verifyGone = (schemaname: string, name: string): string =>
  `SELECT pg_catalog.to_regclass(${quoteLiteral(qualified(schemaname, name))}) IS NULL AS done;`;
