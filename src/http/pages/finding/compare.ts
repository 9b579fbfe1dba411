import type { IndexView } from '../../../analysis/catalogue.ts';
import type { Generation } from '../../../findings/generation.ts';
import { shownIndex } from '../../../findings/redact-literals.ts';
import type { Finding } from '../../../model/finding.ts';
import { safeLine } from '../../../report/text.ts';
import { type Html, nothing, template } from '../html.ts';
import { bytesHtml, countHtml, nameHtml, sentenceHtml, timeHtml } from '../words.ts';

/** An index beside the one that the finding is about. */
interface Compared {
  readonly index: IndexView;
  readonly role: string;
  readonly why: string;
}

const roleWords = {
  keep: 'stays',
  drop: 'can go',
  supports: 'supports this',
  overlaps: 'overlaps',
} as const satisfies Readonly<Record<Finding['related'][number]['role'], string>>;

/** More beside one another nobody compares. */
const comparedMax = 8;

/** The finding's index and those it names, side by side, what differs from the first marked. Empty where none of them is known. */
export function comparisonHtml(
  finding: Finding,
  { catalogue }: Pick<Generation, 'catalogue'>,
  { redactLiterals }: { readonly redactLiterals: boolean },
): Html {
  const find = (schemaname: string, name: string): IndexView | undefined => {
    const index = catalogue.indexes.find(
      (candidate) => candidate.name === name && candidate.table.schemaname === schemaname,
    );
    return index === undefined || !redactLiterals ? index : shownIndex(index);
  };
  const own = finding.indexrelname === null ? undefined : find(finding.schemaname, finding.indexrelname);
  const compared: readonly Compared[] = [
    ...(own === undefined ? [] : [{ index: own, role: 'this finding', why: '' }]),
    ...finding.related.slice(0, comparedMax).flatMap(({ schemaname, indexrelname, role, why }) => {
      const index = find(schemaname, indexrelname);
      return index === undefined ? [] : [{ index, role: roleWords[role], why }];
    }),
  ];
  if (compared.length === 0) return nothing;
  const isMarked = own !== undefined && compared.length > 1;
  return tableOf({
    heads: compared.map(({ index, role, why }) => ({
      name: nameHtml(index.name),
      role,
      why: why === '' ? undefined : sentenceHtml(why),
    })),
    rows: [
      ...rows.map(({ title, parts }) => ({
        title,
        cells: markDifferences(
          compared.map(({ index }) => parts(index)),
          isMarked,
        ),
      })),
      {
        title: 'Size',
        cells: compared.map(({ index }) => ({
          parts: [{ text: bytesHtml(index.sizeBytes), differs: false }],
        })),
      },
      {
        title: 'Scans',
        cells: compared.map(({ index }) => ({
          parts: [{ text: countHtml(index.usage?.scansTotal), differs: false }],
        })),
      },
      {
        title: 'Last scan',
        cells: compared.map(({ index }) => ({
          parts: [{ text: timeHtml(index.usage?.lastScanAtMs), differs: false }],
        })),
      },
    ],
  });
}

const none = '–';

/** Each row is what two indexes have to have in common to do the same work; parts are compared by their place. */
const rows: readonly { readonly title: string; readonly parts: (index: IndexView) => readonly string[] }[] = [
  { title: 'Access method', parts: ({ fact }) => [fact.accessMethod] },
  { title: 'Keys', parts: ({ keys }) => keys.map(({ text }) => text) },
  {
    title: 'Order',
    parts: ({ keys }) =>
      keys.map(
        ({ isDescending, isNullsFirst }) =>
          `${isDescending ? 'DESC' : 'ASC'} ${isNullsFirst ? 'NULLS FIRST' : 'NULLS LAST'}`,
      ),
  },
  {
    title: 'Operator classes',
    parts: ({ keys }) => keys.map(({ operatorClass }) => operatorClass?.operatorClassName ?? 'unknown'),
  },
  { title: 'INCLUDE', parts: ({ included }) => (included.length === 0 ? [none] : included) },
  { title: 'WHERE', parts: ({ predicate }) => [predicate ?? none] },
  { title: 'Uniqueness', parts: ({ fact }) => [uniquenessOf(fact)] },
  { title: 'Constraint', parts: ({ fact }) => [fact.constraintName ?? none] },
  { title: 'State', parts: ({ fact }) => [fact.isValid ? 'valid' : 'invalid'] },
];

function uniquenessOf(fact: IndexView['fact']): string {
  if (fact.isPrimary) return 'primary key';
  if (fact.isExclusion) return 'exclusion constraint';
  if (!fact.isUnique) return 'not unique';
  return fact.nullsNotDistinct ? 'unique, nulls not distinct' : 'unique';
}

interface Cell {
  readonly parts: readonly { readonly text: Html | string; readonly differs: boolean }[];
}

/** Against the first, part by part; a part that only one side has differs. */
function markDifferences(values: readonly (readonly string[])[], isMarked: boolean): readonly Cell[] {
  const [first = []] = values;
  return values.map((parts, place) => {
    const length = place === 0 || !isMarked ? parts.length : Math.max(parts.length, first.length);
    return {
      parts: Array.from({ length }, (_, at) => {
        const text = parts[at];
        return {
          text: text === undefined ? 'nothing' : safeLine(text),
          differs: isMarked && place > 0 && text !== first[at],
        };
      }),
    };
  });
}

const tableOf = template<{
  readonly heads: readonly { readonly name: Html; readonly role: string; readonly why: Html | undefined }[];
  readonly rows: readonly { readonly title: string; readonly cells: readonly Cell[] }[];
}>(`<div class="scroll" role="region" aria-label="Comparison, part by part" tabindex="0"><table class="compared">
<thead><tr><th scope="col">Index</th><% for (const head of it.heads) { %><th scope="col"><%= head.name %><br><span class="dim"><%= head.role %><% if (head.why) { %>: <%= head.why %><% } %></span></th><% } %></tr></thead>
<tbody>
<% for (const row of it.rows) { %>
<tr><th scope="row"><%= row.title %></th><% for (const cell of row.cells) { %><td><% cell.parts.forEach((part, place) => { %><% if (place > 0) { %>, <% } %><% if (part.differs) { %><mark><bdi><%= part.text %></bdi><span class="hidden-text"> (differs)</span></mark><% } else { %><bdi><%= part.text %></bdi><% } %><% }) %></td><% } %></tr>
<% } %>
</tbody>
</table></div>`);
