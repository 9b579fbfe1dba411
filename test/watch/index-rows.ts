import { withConnection } from '../support/postgres.ts';

/** Everything that is to be the same again after a fix and its rollback, by `schema.index`, in a form that prints well. */
export async function indexRows(url: string): Promise<Readonly<Record<string, string>>> {
  return withConnection(url, async (client) => {
    const { rows } = await client.query<{ name: string; row: string }>(`
      select
        n.nspname || '.' || ic.relname as name,
        concat_ws(' | ',
          tc.relname, pg_get_indexdef(i.indexrelid), pg_get_constraintdef(k.oid), k.conname, k.condeferred,
          'unique ' || i.indisunique, 'primary ' || i.indisprimary, 'exclusion ' || i.indisexclusion,
          'immediate ' || i.indimmediate, 'valid ' || i.indisvalid, 'ready ' || i.indisready, 'live ' || i.indislive,
          'clustered ' || i.indisclustered, 'identity ' || i.indisreplident,
          'part of ' || parent.inhparent::regclass, obj_description(i.indexrelid, 'pg_class'), ic.reloptions::text
        ) as row
      from pg_index i
      join pg_class ic on ic.oid = i.indexrelid
      join pg_class tc on tc.oid = i.indrelid
      join pg_namespace n on n.oid = ic.relnamespace
      left join pg_inherits parent on parent.inhrelid = i.indexrelid
      left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
      where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      order by 1`);
    return Object.fromEntries(rows.map(({ name, row }) => [name, row]));
  });
}

/** Names that are in the one and not in the other. */
export const missingFrom = (
  after: Readonly<Record<string, string>>,
  before: Readonly<Record<string, string>>,
): readonly string[] => Object.keys(before).filter((name) => !(name in after));

/** What a person does with a statement that is printed commented out: takes the marks off, without the sentence above it. */
export const uncommented = (sql: string): string => {
  const text = sql.replace(/^-- /gm, '');
  return text.slice(text.indexOf('SET lock_timeout'));
};
