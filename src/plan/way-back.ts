import type { IndexView } from '../analysis/catalogue.ts';
import type { DefinitionFact } from '../collectors/definitions.ts';
import type { FixContext } from './context.ts';
import { portableSql, qualified, quoteIdentifier, quoteLiteral } from './sql.ts';

/*
 * What brings a dropped index back: the server's own definition, and what that leaves out.
 */

/** One index that is no parent: built concurrently, then given back to its constraint. */
export function rebuildOne(index: IndexView, definition: DefinitionFact): readonly string[] {
  const { constraintName, constraintDefinition } = definition;
  const { predicate } = index.fact;
  const text = withTablespace(definition.definition ?? '', 'TABLESPACE', definition, predicate);
  const build = `${portableSql(concurrently(text))};`;
  if (index.fact.constraintOid === null || constraintName === null || constraintDefinition === null)
    return [build];
  const add = `ALTER TABLE ${qualified(index.table.schemaname, index.table.relname)} ADD CONSTRAINT ${quoteIdentifier(constraintName)}`;
  const type =
    index.fact.accessMethod === 'btree' ? constraintTypes.get(index.fact.constraintType) : undefined;
  const deferral = deferralOf(constraintDefinition);
  // Exclusion constraints and WITHOUT OVERLAPS keys cannot take over an index: they build their own, under an exclusive lock.
  if (type === undefined)
    return [`${add} ${portableSql(constraintInTablespace(constraintDefinition, definition, predicate))};`];
  return [build, `${add} ${type} USING INDEX ${quoteIdentifier(index.name)}${deferral};`];
}

const constraintTypes: ReadonlyMap<string | null, string> = new Map([
  ['p', 'PRIMARY KEY'],
  ['u', 'UNIQUE'],
]);

const deferralOf = (constraint: string): string =>
  / DEFERRABLE(?: INITIALLY DEFERRED)?$/.exec(constraint)?.[0] ?? '';

/** The definition with the tablespace, which the server leaves out; it stands before the condition, the last of a definition. */
function withTablespace(
  text: string,
  clause: 'TABLESPACE' | 'USING INDEX TABLESPACE',
  { tablespaceName }: DefinitionFact,
  predicate: string | null,
): string {
  if (tablespaceName === null) return text;
  const condition =
    predicate === null
      ? ''
      : [` WHERE ${predicate}`, ` WHERE (${predicate})`].find((end) => text.endsWith(end));
  // A column was renamed between the two readings: better in the usual place than not at all.
  if (condition === undefined) return text;
  const before = text.slice(0, text.length - condition.length);
  return `${before} ${clause} ${quoteIdentifier(tablespaceName)}${condition}`;
}

function constraintInTablespace(
  constraint: string,
  definition: DefinitionFact,
  predicate: string | null,
): string {
  const deferral = deferralOf(constraint);
  const text = constraint.slice(0, constraint.length - deferral.length);
  return `${withTablespace(text, 'USING INDEX TABLESPACE', definition, predicate)}${deferral}`;
}

/** What definitions do not say: comments, statistics targets, and that the table is clustered on it. */
export function restoreRest(index: IndexView, definition: DefinitionFact): readonly string[] {
  const { fact, table } = index;
  const { constraintName, constraintComment, targetedColumns, statisticsTargets } = definition;
  const name = qualified(table.schemaname, index.name);
  const target = qualified(table.schemaname, table.relname);
  return [
    ...(fact.comment === null ? [] : [`COMMENT ON INDEX ${name} IS ${quoteLiteral(fact.comment)};`]),
    ...(constraintName === null || constraintComment === null
      ? []
      : [
          `COMMENT ON CONSTRAINT ${quoteIdentifier(constraintName)} ON ${target} IS ${quoteLiteral(constraintComment)};`,
        ]),
    ...targetedColumns.map(
      (column, place) =>
        `ALTER INDEX ${name} ALTER COLUMN ${column} SET STATISTICS ${statisticsTargets[place]};`,
    ),
    ...(fact.isClustered ? [`ALTER TABLE ${target} CLUSTER ON ${quoteIdentifier(index.name)};`] : []),
  ];
}

/** The whole tree again without a long lock: parents ON ONLY, leaves concurrently, then attached from the bottom up. */
export function rebuildTree(index: IndexView, definitions: FixContext['definitions']): string | null {
  const lines: string[] = [];
  const build = (member: IndexView): boolean => {
    const known = definitions.get(member.oid);
    if (known?.definition === null || known?.definition === undefined) return false;
    lines.push(...(member.fact.relkind === 'I' ? rebuildParent(member, known) : rebuildOne(member, known)));
    lines.push(...restoreRest(member, known));
    for (const child of member.children) {
      if (!build(child)) return false;
      lines.push(
        `ALTER INDEX ${qualified(member.table.schemaname, member.name)} ATTACH PARTITION ${qualified(child.table.schemaname, child.name)};`,
      );
    }
    return true;
  };
  return build(index) ? lines.join('\n') : null;
}

/** A parent alone, without its partitions: the server's own definition says ON ONLY, a constraint does not. */
function rebuildParent(index: IndexView, definition: DefinitionFact): readonly string[] {
  const { constraintName, constraintDefinition } = definition;
  if (index.fact.constraintOid === null || constraintName === null || constraintDefinition === null)
    return [
      `${portableSql(withTablespace(definition.definition ?? '', 'TABLESPACE', definition, index.fact.predicate))};`,
    ];
  const target = qualified(index.table.schemaname, index.table.relname);
  return [
    `ALTER TABLE ONLY ${target} ADD CONSTRAINT ${quoteIdentifier(constraintName)} ${portableSql(constraintInTablespace(constraintDefinition, definition, index.fact.predicate))};`,
  ];
}

/** `CREATE INDEX …` as the server prints it, built without blocking writes. */
const concurrently = (definition: string): string =>
  definition.replace(
    /^CREATE (UNIQUE )?INDEX /,
    (_, unique: string | undefined) => `CREATE ${unique ?? ''}INDEX CONCURRENTLY `,
  );
