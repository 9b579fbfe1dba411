import type pg from 'pg';
import { withConnection } from '../support/postgres.ts';

/*
 * The catalogue as far as it is to be the same again after a script and its way back: by names and definitions, without oids, file
 * names, sizes and counters.
 */

const own = (namespace: string): string => `${namespace} !~ '^pg_' and ${namespace} <> 'information_schema'`;

const parts: readonly string[] = [
  `select 'relation', n.nspname, c.relname, c.relkind, c.relpersistence, a.amname, t.spcname, c.reloptions, c.relreplident,
     pg_get_userbyid(c.relowner), c.relacl::text, obj_description(c.oid, 'pg_class'), pg_get_partkeydef(c.oid)
   from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_am a on a.oid = c.relam
   left join pg_tablespace t on t.oid = c.reltablespace where ${own('n.nspname')}`,
  `select 'column', n.nspname, c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
     nullif(a.attstattarget, -1), a.attoptions
   from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
   where a.attnum > 0 and ${own('n.nspname')}`,
  `select 'index', n.nspname, c.relname, pg_get_indexdef(i.indexrelid), i.indisunique, i.indisprimary, i.indisexclusion, i.indimmediate,
     i.indisclustered, i.indisvalid, i.indisready, i.indislive, i.indisreplident
   from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where ${own('n.nspname')}`,
  `select 'constraint', n.nspname, k.conrelid::regclass::text, k.conname, k.contype, pg_get_constraintdef(k.oid),
     k.conindid::regclass::text, k.convalidated, obj_description(k.oid, 'pg_constraint')
   from pg_constraint k join pg_namespace n on n.oid = k.connamespace where ${own('n.nspname')}`,
  `select 'statistics', n.nspname, s.stxname, pg_get_statisticsobjdef(s.oid)
   from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace`,
  // Whatever else hangs on an object: views, sequences, foreign keys on the index they were made with.
  `select 'dependency', pg_describe_object(classid, objid, objsubid), pg_describe_object(refclassid, refobjid, refobjsubid), deptype
   from pg_depend where objid >= 16384 and classid <> 0`,
];

/** One line of JSON for each fact, in order. */
export async function catalogueDump(url: string): Promise<readonly string[]> {
  return withConnection(url, async (client) => {
    await client.query('set search_path = pg_catalog');
    const lines: string[] = [];
    for (const text of parts) {
      const { rows } = await client.query<unknown[]>({ text, rowMode: 'array' });
      // Triggers of deferrable constraints are called by their oid.
      lines.push(...rows.map((row) => JSON.stringify(row).replace(/(ConstraintTrigger\w*_)\d+/g, '$1N')));
    }
    return lines.sort();
  });
}

/** Lines of the one that the other has not, for a message that can be read. */
export const differences = (before: readonly string[], after: readonly string[]): readonly string[] => {
  const [was, is] = [new Set(before), new Set(after)];
  return [
    ...before.filter((line) => !is.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !was.has(line)).map((line) => `+ ${line}`),
  ];
};

export interface RelationRow {
  readonly oid: number;
  readonly schemaname: string;
  readonly name: string;
  readonly relkind: string;
  /** Of an index: its table's oid and the names of its key columns. */
  readonly tableOid: number | null;
  readonly keys: readonly (string | null)[] | null;
}

/** Tables and indexes by oid, which is what tells whether the very object was meant. */
export async function relationsByOid(client: pg.Client): Promise<ReadonlyMap<number, RelationRow>> {
  const { rows } = await client.query<{
    oid: number;
    schemaname: string;
    name: string;
    relkind: string;
    table_oid: number | null;
    keys: (string | null)[] | null;
  }>(`
    select c.oid, n.nspname as schemaname, c.relname as name, c.relkind, i.indrelid as table_oid,
      (select array_agg(a.attname::text order by k.place)
       from unnest(i.indkey::int2[]) with ordinality as k (number, place)
       left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number) as keys
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_index i on i.indexrelid = c.oid
    where c.relkind in ('r', 'p', 'i', 'I') and ${own('n.nspname')}`);
  return new Map(
    rows.map(({ oid, schemaname, name, relkind, table_oid, keys }) => [
      oid,
      { oid, schemaname, name, relkind, tableOid: table_oid, keys },
    ]),
  );
}
