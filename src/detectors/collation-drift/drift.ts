import type { Catalogue, IndexKey, IndexView } from '../../analysis/catalogue.ts';
import { quoted } from '../../analysis/index-identity.ts';
import type { CollationFact } from '../../collectors/inventory.ts';
import type { NodeName } from '../../model/ids.ts';

/** The collations of one database as one node sees them: recorded versions are replicated, actual ones come from its own libraries. */
export interface CollationsOfNode {
  readonly node: NodeName;
  readonly collations: Catalogue['collations'];
  /** Whether the server records a version of a database's default collation, as 15 and later do. */
  readonly recordsDefaultVersion: boolean;
}

export interface DriftOfIndex {
  readonly node: NodeName;
  /** Collations that the index was sorted by and that this node now provides in another version; each once, in key order. */
  readonly drifted: readonly CollationFact[];
  /** Why nothing can be said of others that it is sorted by; whole clauses that name no index. */
  readonly unknown: readonly string[];
}

/** Whether what the index stores in an order of texts is still in order by the rules that the node provides now. */
export function driftOf(index: IndexView, { node, ...known }: CollationsOfNode): DriftOfIndex {
  const drifted = new Set<CollationFact>();
  const unknown = new Set<string>();
  for (const [place, key] of index.keys.entries()) {
    const oid = index.fact.collations[place];
    if (oid === undefined || oid === 0) continue;
    const collation = known.collations.get(oid);
    const use = useOf(index, key, collation);
    if (use === 'bytes') continue;
    if (collation === undefined) unknown.add('a collation of its keys has not been read yet');
    else if (use === 'unknown') unknown.add('how one of its operator classes compares is not known');
    else look(collation);
  }
  for (const collation of namedCollations(index, known.collations)) look(collation);

  function look(collation: CollationFact): void {
    const state = stateOf(collation);
    if (state === 'drifted') drifted.add(collation);
    else if (state === 'half-known') unknown.add(whyHalfKnown(collation));
    else if (state === 'unversioned' && collation.isDatabaseDefault && !known.recordsDefaultVersion)
      unknown.add('no version of the database’s default collation is recorded before 15');
  }
  return { node, drifted: [...drifted], unknown: [...unknown] };
}

/** How a collation is called in a sentence. */
export const collationName = (collation: CollationFact): string =>
  collation.isDatabaseDefault ? 'the database’s default collation' : `collation ${collation.collationName}`;

/** The collation as SQL refers to it. */
export const collationSql = ({ schemaname, collationName: name }: CollationFact): string =>
  `${quoted(schemaname)}.${quoted(name)}`;

type State = 'steady' | 'unversioned' | 'half-known' | 'drifted';

/**
 * `unversioned` is a provider without versions, which says nothing about drift: C and POSIX, which compare bytes and never drift,
 * and C libraries that tell no version.
 */
function stateOf({ provider, recordedVersion, actualVersion }: CollationFact): State {
  // PostgreSQL's own collations compare code points, in every version.
  if (provider === 'b') return 'steady';
  if (recordedVersion === null && actualVersion === null) return 'unversioned';
  if (recordedVersion === null || actualVersion === null) return 'half-known';
  return recordedVersion === actualVersion ? 'steady' : 'drifted';
}

const whyHalfKnown = (collation: CollationFact): string =>
  collation.recordedVersion === null
    ? `no version of ${collationName(collation)} was recorded, though there is one now`
    : `the server provides no version of ${collationName(collation)} any more`;

/**
 * What an index does with a key's texts: keeps them, or bounds of them, in the collation's order; hashes them by the collation's
 * equality; or looks at nothing but bytes, so that no version matters. `unknown` where the operator class was not read.
 *
 * A hash of texts that a deterministic collation compares is one of their bytes, since only equal bytes are equal. The radix tree of
 * SP-GiST descends by bytes and compares by collation only what it has found. Trigrams are sets of bytes. Sources: hashtext,
 * spgtextproc.c, trgm_op.c.
 */
function useOf(
  { fact: { accessMethod } }: IndexView,
  { operatorClass }: IndexKey,
  collation: CollationFact | undefined,
): 'order' | 'bytes' | 'unknown' {
  if (operatorClass === undefined) return 'unknown';
  const { operatorClassName: name } = operatorClass;
  if (bytewiseClasses.has(name) || (accessMethod === 'spgist' && name === 'text_ops')) return 'bytes';
  const isHash = accessMethod === 'hash' || accessMethod === 'bloom' || name.endsWith('_bloom_ops');
  return isHash && collation?.isDeterministic === true ? 'bytes' : 'order';
}

const bytewiseClasses: ReadonlySet<string> = new Set([
  'text_pattern_ops',
  'varchar_pattern_ops',
  'bpchar_pattern_ops',
  'gin_trgm_ops',
  'gist_trgm_ops',
]);

const name = String.raw`(?:"(?:[^"]|"")*"|[a-z_][\w$]*)`;
const collateClause = new RegExp(String.raw`\bCOLLATE (?:(${name})\.)?(${name})`, 'g');
const literalOrName = /E?'(?:[^']|'')*'|"(?:[^"]|"")*"/g;

/**
 * Collations that expressions and predicate name with COLLATE: what they select or store was decided by them. Those that a column
 * brings along are not printed there, and not seen.
 */
function namedCollations({ fact }: IndexView, collations: Catalogue['collations']): readonly CollationFact[] {
  const found = [fact.expressions, fact.predicate].flatMap((sql) => {
    const withoutLiterals = (sql ?? '').replace(literalOrName, (token) =>
      token.startsWith('"') ? token : "''",
    );
    return [...withoutLiterals.matchAll(collateClause)].map(([, schema, collation]) => [schema, collation]);
  });
  // Most indexes name none, and a server has some eight hundred.
  if (found.length === 0) return [];
  return [...collations.values()].filter((collation) =>
    found.some(
      ([schema, called]) =>
        unquoted(called) === collation.collationName &&
        (schema === undefined || unquoted(schema) === collation.schemaname),
    ),
  );
}

const unquoted = (written: string | undefined): string | undefined =>
  written?.startsWith('"') === true ? written.slice(1, -1).replaceAll('""', '"') : written;
