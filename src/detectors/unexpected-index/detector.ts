import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import { alternativesOf, type ExpectationState } from '../../analysis/expectation.ts';
import { isUsable, supportsForeignKey, whyKept } from '../../analysis/index-identity.ts';
import { humaneBytes } from '../../model/units.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft } from '../draft.ts';
import { isJudgedAlone, keyTexts, shapeOf, tableName } from '../words.ts';

const UnexpectedIndexSettings = z.strictObject({
  unnamed: z.boolean().default(false).meta({
    description:
      'Whether an index is reported because no manifest names it. Off, only a second member of a group of alternatives is: manifests rarely list every index that a schema has.',
  }),
});
type UnexpectedIndexSettings = z.output<typeof UnexpectedIndexSettings>;

/**
 * Opens for an index that does the work of an alternative where another member of its group is there already; and, if `unnamed`
 * asks for it, for every index in the schemas that manifests name that no expectation is satisfied by or named after. Closes when the
 * index is gone, or named.
 *
 * Silent on: keys, unique indexes and everything else that enforces something or that a constraint, a foreign key's reference, the
 * replica identity or CLUSTER depends on; partitions' indexes, which are judged at their parent; unusable ones.
 *
 * False alarms accepted: indexes that somebody made on purpose and nobody wrote down, which is what it is there to show.
 */
export const unexpectedIndex = defineDetector<UnexpectedIndexSettings>({
  id: 'unexpected-index',
  title: 'No manifest names this index, or only as an alternative',
  needs: ['tables', 'columns', 'indexes', 'operator-classes', 'expected-columns'],
  uses: ['constraints', 'index-usage'],
  settings: UnexpectedIndexSettings,
  *evaluate(input) {
    const superfluous = superfluousAlternatives(input.expectations);
    const unnamed = input.settings.unnamed ? unnamedIndexes(input) : [];
    return {
      findings: [...superfluous, ...unnamed.map((index) => ({ index, because: undefined }))].map((one) =>
        toDraft(one, input),
      ),
    };
  },
});

interface Unexpected {
  readonly index: IndexView;
  /** The alternative that is there as well; undefined where nothing names the index. */
  readonly because: { readonly group: string; readonly keep: IndexView } | undefined;
}

/** Of each group the member of the highest priority stays; what it is satisfied by and another one is, too, is not superfluous. */
function superfluousAlternatives(states: readonly ExpectationState[]): readonly Unexpected[] {
  const found = new Map<IndexView, Unexpected>();
  for (const [key, members] of alternativesOf(states)) {
    const there = members
      .flatMap((state) => (state.kind === 'satisfied' ? [state] : []))
      .toSorted((a, b) => a.expectation.priority - b.expectation.priority);
    const keep = there[0]?.by[0];
    if (keep === undefined) continue;
    const needed = new Set(
      states.flatMap((state) =>
        state.kind === 'satisfied' && (state === there[0] || state.expectation.alternatives.length === 0)
          ? state.by
          : [],
      ),
    );
    const group = key.slice(key.indexOf('\0') + 1);
    for (const index of there.slice(1).flatMap((state) => state.by)) {
      if (!needed.has(index) && isCandidate(index)) found.set(index, { index, because: { group, keep } });
    }
  }
  return [...found.values()];
}

const isCandidate = (index: IndexView): boolean =>
  isJudgedAlone(index) && isUsable(index) && whyKept(index) === undefined;

function unnamedIndexes({ catalogue, expectations }: DetectorInput<unknown>): readonly IndexView[] {
  const schemas = new Set(expectations.map(({ expectation }) => expectation.schemaname));
  const names = new Set(
    expectations.map(({ expectation }) => `${expectation.schemaname}\0${expectation.name}`),
  );
  const satisfying = new Set(expectations.flatMap((state) => (state.kind === 'satisfied' ? state.by : [])));
  return catalogue.indexes.filter(
    (index) =>
      schemas.has(index.table.schemaname) &&
      !satisfying.has(index) &&
      !names.has(`${index.table.schemaname}\0${index.name}`) &&
      isCandidate(index),
  );
}

function toDraft({ index, because }: Unexpected, input: DetectorInput<UnexpectedIndexSettings>): Draft {
  const { table } = index;
  const size = index.sizeBytes === undefined ? '' : `, ${humaneBytes(index.sizeBytes)}`;
  const name = `${index.name} on ${tableName(table)} ${shapeOf(index)}${size}`;
  const supported = table.foreignKeys.filter((key) => key.fact.isEnforced && supportsForeignKey(index, key));
  return {
    kind: 'unexpected-index',
    severity: 'info',
    confidence: 'proven',
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related:
      because === undefined
        ? []
        : [
            {
              schemaname: table.schemaname,
              indexrelname: because.keep.name,
              role: 'overlaps',
              why: `it is the member of the group ${because.group} that comes first`,
            },
          ],
    title:
      because === undefined
        ? `${name} is in no manifest`
        : `${name} is an alternative to ${because.keep.name}, which is there as well (group ${because.group})`,
    evidence: {
      shape: shapeOf(index),
      group: because?.group ?? null,
      manifests: [...new Set(input.expectations.map(({ expectation }) => expectation.manifest))],
      sizeBytes: index.sizeBytes ?? null,
      scansTotal: index.usage?.scansTotal ?? null,
      supportsForeignKeys: supported.map((key) => key.name),
    },
    caveats: supported.map((key) => `It supports the foreign key ${key.name}.`),
    impact: { reclaimableBytes: 0 },
    remedy: {
      kind: 'review',
      notes:
        because === undefined
          ? 'Write it into the manifest, with its reason, or find out who made it and whether it can go.'
          : `One of the group is enough: see by their scans which one the queries use, and drop the other, or take it out of the group.`,
    },
  };
}
