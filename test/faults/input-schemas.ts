import fc from 'fast-check';
import pg from 'pg';
import { isSchemaName, names } from './input-colliding-names.ts';

/** What is made of one schema, as statements, in an order that runs. */
export interface RandomSchema {
  readonly schemaname: string;
  readonly statements: readonly string[];
  /** Tables that are read once, so that an index without scans says something. */
  readonly tables: readonly string[];
}

const q = (name: string): string => pg.escapeIdentifier(name);

/** How many relations, columns and constraints a schema takes names for. */
const namesOfSchema = 15;

/** Random schemas with names that collide within each, and from one to the next. */
export const randomSchemas = (count: number): fc.Arbitrary<readonly RandomSchema[]> =>
  fc
    .tuple(
      names(count * 2),
      fc.array(
        fc.tuple(names(namesOfSchema), names(6), fc.array(fc.boolean(), { minLength: 8, maxLength: 8 })),
        { minLength: count, maxLength: count },
      ),
    )
    .map(([schemas, parts]) => {
      const own = schemas.filter(isSchemaName).slice(0, count);
      return parts.slice(0, own.length).map(([relations, columns, flags], place) => {
        // A foreign key leads into the schema before, which has a table of a name much like ours.
        const [parent] = parts[place === 0 ? 0 : place - 1] ?? parts[0] ?? [];
        return describe({
          schemaname: own[place] ?? '',
          relations,
          columns,
          flags,
          parent: `${q(own[place === 0 ? 0 : place - 1] ?? '')}.${q(parent?.[0] ?? '')}`,
          parentColumn: parts[place === 0 ? 0 : place - 1]?.[1][0] ?? '',
        });
      });
    });

interface Parts {
  readonly schemaname: string;
  readonly relations: readonly string[];
  readonly columns: readonly string[];
  readonly flags: readonly boolean[];
  readonly parent: string;
  readonly parentColumn: string;
}

function describe({ schemaname, relations, columns, flags, parent, parentColumn }: Parts): RandomSchema {
  const relation = (place: number): string => q(relations[place] ?? '');
  const on = (place: number): string => `${q(schemaname)}.${relation(place)}`;
  const column = (place: number): string => q(columns[place] ?? '');
  const [a, b, c, d] = [column(0), column(1), column(2), column(3)];
  const [hasConstraints, isUniqueFirst, isPartial, isClustered, isCommented, isWide, isTree, isHash] = flags;
  const text = pg.escapeLiteral(relations[14] ?? '');
  return {
    schemaname,
    tables: [on(0), on(1), ...(isTree ? [on(9)] : [])],
    statements: [
      `create schema ${q(schemaname)}`,
      `create table ${on(0)} (${a} int primary key, ${b} int)`,
      `insert into ${on(0)} select g, g from generate_series(1, 1500) g`,
      `create table ${on(1)} (${a} int, ${b} int references ${parent} (${q(parentColumn)}), ${c} text, ${d} int)`,
      `insert into ${on(1)} select g, g, 's' || g, g from generate_series(1, 1500) g`,
      `create ${isUniqueFirst ? 'unique ' : ''}index ${relation(2)} on ${on(1)} (${a})`,
      `create index ${relation(3)} on ${on(1)} (${a})${isWide ? ' with (fillfactor = 80)' : ''}`,
      `create index ${relation(4)} on ${on(1)} (lower(${c}), ${d} desc nulls last)${isPartial ? ` where ${c} <> ${text} and ${d} is not null` : ''}`,
      `create index ${relation(5)} on ${on(1)} using ${isHash ? 'hash' : 'btree'} (${d})`,
      ...(isCommented ? [`comment on index ${on(3)} is ${text}`] : []),
      ...(isClustered ? [`alter table ${on(1)} cluster on ${relation(3)}`] : []),
      ...(hasConstraints
        ? [
            `alter table ${on(0)} add constraint ${relation(6)} unique (${b}) deferrable`,
            `alter table ${on(0)} add constraint ${relation(7)} unique (${b}) with (fillfactor = 70) deferrable`,
          ]
        : []),
      ...(isTree
        ? [
            `create table ${on(9)} (${a} int, ${b} int references ${on(0)}) partition by range (${a})`,
            `create table ${on(10)} partition of ${on(9)} for values from (0) to (1000)`,
            `create table ${on(11)} partition of ${on(9)} for values from (1000) to (3000)`,
            `insert into ${on(9)} select g, g from generate_series(1, 1500) g`,
            `create index ${relation(12)} on ${on(9)} (${a})`,
          ]
        : []),
    ],
  };
}
