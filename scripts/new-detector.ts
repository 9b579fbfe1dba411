import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/*
 * npm run new-detector -- ID [--root DIR]
 *
 * Writes the folder, test and page of a new detector from the templates below, prints what it wrote and what is left to do.
 * It overwrites nothing. The tests that hold the bookkeeping name whatever is forgotten.
 */

const usage =
  'usage: npm run new-detector -- ID   (a noun for the problem in kebab case: unindexed-foreign-key)';
const idPattern = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)+$/;

function main([id, ...more]: readonly string[], folder: string): number {
  if (id === undefined || more.length > 0 || !idPattern.test(id)) {
    console.error(usage);
    return 2;
  }
  const files = filesFor(namesOf(id));
  const present = Object.keys(files).filter((file) => existsSync(path.join(folder, file)));
  if (present.length > 0) {
    console.error(`nothing was written, since there is already: ${present.join(', ')}`);
    return 1;
  }
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), content);
  }
  console.log(`wrote\n${list(Object.keys(files))}\n\nleft to do\n${list(bookkeeping(namesOf(id)))}`);
  return 0;
}

interface Names {
  /** `unindexed-foreign-key` */
  readonly id: string;
  /** `unindexedForeignKey` */
  readonly variable: string;
  /** `UnindexedForeignKey` */
  readonly type: string;
  /** `Unindexed foreign key` */
  readonly heading: string;
}

function namesOf(id: string): Names {
  const words = id.split('-');
  const type = words.map(capitalised).join('');
  return {
    id,
    type,
    variable: type.charAt(0).toLowerCase() + type.slice(1),
    heading: capitalised(words.join(' ')),
  };
}

const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
const list = (items: readonly string[]): string => items.map((item) => `  ${item}`).join('\n');

const filesFor = (names: Names): Readonly<Record<string, string>> => ({
  [`src/detectors/${names.id}/detector.ts`]: detectorTemplate(names),
  [`test/detectors/${names.id}.test.ts`]: testTemplate(names),
  [`docs/detectors/${names.id}.md`]: pageTemplate(names),
});

const bookkeeping = ({ id, variable }: Names): readonly string[] => [
  `src/model/finding.ts: add '${id}' to findingKinds`,
  `src/detectors/index.ts: import ${variable} from './${id}/detector.ts' and add it to the list`,
  'queries/ and src/collectors/: only if no collector gathers the facts yet',
  'npm run generate: configuration reference and schemas',
  'npm run test:unit: names what is missing',
];

const detectorTemplate = ({ id, variable, type, heading }: Names): string => `import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import { MiB } from '../../model/units.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft } from '../draft.ts';
import { isJudgedAlone, keyTexts, severityOn, tableName } from '../words.ts';

const ${type}Settings = z.strictObject({
  indexBytesMin: z
    .number()
    .int()
    .nonnegative()
    .default(1 * MiB)
    .meta({ description: 'Index size in bytes below which nothing is said: there is too little to gain.' }),
});
type ${type}Settings = z.output<typeof ${type}Settings>;

/**
 * Opens when TODO. Closes when TODO.
 *
 * Silent on: TODO.
 *
 * False alarms accepted: TODO.
 */
export const ${variable} = defineDetector<${type}Settings>({
  id: '${id}',
  title: '${heading}',
  needs: ['tables', 'indexes', 'relation-sizes'],
  settings: ${type}Settings,
  *evaluate(input) {
    const findings: Draft[] = [];
    for (const index of input.catalogue.indexes) {
      yield;
      if (isJudgedAlone(index) && isProblem(index, input.settings)) findings.push(toDraft(index, input));
    }
    return { findings };
  },
});

/** TODO: the decision. What is unknown is no problem, and no health either: say so in \`unjudged\`. */
function isProblem(_index: IndexView, _settings: ${type}Settings): boolean {
  return false;
}

function toDraft(index: IndexView, input: DetectorInput<${type}Settings>): Draft {
  const { table } = index;
  return {
    kind: '${id}',
    severity: severityOn(table, input.policyFor(table.schemaname), 'warning'),
    confidence: 'possible',
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    title: \`\${index.name} on \${tableName(table)} TODO\`,
    evidence: { indexBytes: index.sizeBytes ?? null, tableRows: table.rows ?? null },
    caveats: ['TODO: what could make this wrong here'],
    impact: { reclaimableBytes: 0 },
    remedy: { kind: 'review', notes: 'TODO: what a person should look at' },
  };
}
`;

const testTemplate = ({ id, variable }: Names): string => `import { describe, expect, it } from 'vitest';
import { ${variable} } from '../../src/detectors/${id}/detector.ts';
import { type DescribedIndex, type DescribedTable, failed } from '../support/builders.ts';
import { judge, reasonsOf } from './judge.ts';

const orders = (index: Partial<DescribedIndex> = {}): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a', 'b'],
  indexes: [{ name: 'orders_a_idx', keys: ['a'], ...index }],
});

describe('${id}', () => {
  it.todo('opens for TODO: the case it is there for, with evidence and remedy');

  it.each([['an ordinary index', orders()]])('is silent on %s', (_, table) => {
    expect(judge(${variable}, [table])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('is inconclusive where the indexes could not be read', () => {
    const facts = { outcomes: { indexes: failed('the server is gone') } };
    const evaluation = judge(${variable}, [orders()], { facts });
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation)[0]).toContain('the server is gone');
  });
});
`;

const pageTemplate = ({ id, heading }: Names): string => `# ${id}

**${heading}.** Severity: TODO. Confidence: TODO.

## What it means

TODO

## Why it matters

TODO: what it costs whom.

## When it opens

TODO: the rule with its bounds, and what it stays silent on.

## When it closes

TODO

## Evidence

\`indexBytes\`, \`tableRows\`.

## Settings

| Setting | Default | Reason |
|---|---|---|
| \`indexBytesMin\` | 1048576 (1 MiB) | below it there is too little to gain |

## False alarms it accepts

TODO: and how to recognise them.

## What stays unknown

TODO: which facts it cannot do without, and the grant that makes them visible.

## How to confirm

TODO: SQL that a person can run.

## How to fix

TODO: the fix, what it locks, and how to undo it.

## When to ignore

TODO
`;

// Last, since the templates above are constants.
const { positionals, values } = parseArgs({ allowPositionals: true, options: { root: { type: 'string' } } });
const root = values.root ?? path.dirname(path.dirname(fileURLToPath(import.meta.url)));
process.exitCode = main(positionals, root);
