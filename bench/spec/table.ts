import { assertNever } from '../../src/model/result.ts';
import {
  type Measurement,
  type Row,
  type SpecDocument,
  specTitles,
  type Timing,
  type Verdict,
} from './model.ts';
import { gainPercent, times, timingOf, tolerance } from './verdict.ts';

/** What a run was made on: nothing of the machine. */
export interface RunFacts {
  readonly postgresVersion: string;
  readonly runs: number;
  /** Of the statement that was asked least often, where time ran out. */
  readonly fewestRuns: number;
  readonly scale: number;
  /** Rows of what was asked: `assignments` and the like, in order. */
  readonly rows: readonly (readonly [what: string, rows: number])[];
  /** Settings that differ from PostgreSQL's own. */
  readonly settings: readonly (readonly [name: string, value: string])[];
}

/** One line of a table: a claim takes as many as it has measurements. */
export interface Line {
  /** Empty on the second and further lines of a claim, as are claim and verdict. */
  readonly id: string;
  readonly claim: string;
  /** What was measured, where a claim has several. */
  readonly label: string;
  /** Independent of the machine: a ratio, a count, a share of the bound. */
  readonly ratio: string;
  /** Blocks that one run touched: what does not depend on the machine either. */
  readonly blocks: string;
  readonly medianMs: string;
  readonly p95Ms: string;
  readonly plan: string;
  readonly verdict: string;
}

/** More lines than this become one, with the range: each is told in a row of its own as well. */
const linesMax = 14;

export function linesOf({ claim, measurements, verdict }: Row): readonly Line[] {
  const head = { id: claim.id, claim: claim.claim, verdict: verdictText(verdict) };
  const blank = { label: '', ratio: '', blocks: '', medianMs: '', p95Ms: '', plan: '' };
  if (measurements.length === 0) return [{ ...head, ...blank }];
  if (measurements.length > linesMax) return [{ ...head, ...blank, ...rangeOf(measurements) }];
  return measurements.map((measurement, place) => ({
    ...(place === 0 ? head : { id: '', claim: '', verdict: '' }),
    label: measurement.label,
    ...figuresOf(measurement, claim.answer),
  }));
}

function rangeOf(measurements: readonly Measurement[]): Partial<Line> {
  const gains = measurements
    .flatMap((one) => (one.kind === 'compared' ? [gainPercent(one.ratio)] : []))
    .sort((a, b) => a - b);
  const [least, middle, most] = [gains.at(0), gains[Math.floor(gains.length / 2)], gains.at(-1)];
  return {
    label: `${gains.length} queries`,
    ratio: `${change(most ?? 0)} to ${change(least ?? 0)}, in the middle ${change(middle ?? 0)}`,
  };
}

function figuresOf(
  measurement: Measurement,
  answer: Row['claim']['answer'],
): Pick<Line, 'ratio' | 'blocks' | 'medianMs' | 'p95Ms' | 'plan'> {
  const none = { ratio: '', blocks: '', medianMs: '', p95Ms: '', plan: '' };
  if (answer.kind === 'no-claim') return none;
  switch (measurement.kind) {
    case 'refused':
      return { ...none, ratio: 'refused' };
    case 'done':
      return { ...none, ratio: 'possible' };
    case 'figure':
      return {
        ...none,
        ratio: `${significant(measurement.value)} ${measurement.unit}`,
        plan: measurement.plan ?? '',
      };
    case 'timed':
    case 'compared': {
      const { expects } = answer;
      const side = 'side' in expects ? expects.side : undefined;
      if (side === undefined) {
        if (measurement.kind !== 'compared') return none;
        const { before, after, ratio } = measurement;
        return {
          ratio: expects.kind === 'speedup' ? times(1 / ratio) : change(gainPercent(ratio)),
          blocks:
            before.blocks === undefined || after.blocks === undefined
              ? ''
              : `${significant(before.blocks)} → ${significant(after.blocks)}`,
          medianMs: `${milliseconds(before.medianMs)} → ${milliseconds(after.medianMs)}`,
          p95Ms: `${milliseconds(before.p95Ms)} → ${milliseconds(after.p95Ms)}`,
          plan: before.plan === after.plan ? after.plan : `${before.plan} → ${after.plan}`,
        };
      }
      const timing = timingOf(measurement, side);
      if (timing === undefined) return none;
      const bound = 'ms' in expects ? expects.ms : 'toMs' in expects ? expects.toMs : undefined;
      return {
        ratio: bound === undefined ? '' : `${significant(timing.medianMs / bound)} of ${bound} ms`,
        ...timesOf(timing),
      };
    }
    default:
      return assertNever(measurement);
  }
}

const timesOf = ({
  medianMs,
  p95Ms,
  plan,
  blocks,
}: Timing): Pick<Line, 'blocks' | 'medianMs' | 'p95Ms' | 'plan'> => ({
  blocks: blocks === undefined ? '' : significant(blocks),
  medianMs: milliseconds(medianMs),
  p95Ms: milliseconds(p95Ms),
  plan,
});

/** `−67 %`: how the time changes. */
const change = (gain: number): string => {
  const rounded = Math.round(gain);
  if (rounded === 0) return '±0 %';
  return rounded > 0 ? `−${rounded} %` : `+${-rounded} %`;
};

const milliseconds = (ms: number): string => significant(ms);

/** Three digits, without an exponent. */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return 'unknown';
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}

export function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'holds':
    case 'does not hold':
      return verdict.note === undefined ? verdict.kind : `${verdict.kind}: ${verdict.note}`;
    case 'depends':
      return `depends: ${verdict.on}`;
    case 'no claim':
      return `no claim: ${verdict.why}`;
    case 'not measured':
      return `NOT MEASURED: ${verdict.why}`;
    default:
      return assertNever(verdict);
  }
}

const verdictKinds = ['holds', 'depends', 'does not hold', 'no claim'] as const;

/** The page `docs/spec-results.md`. The same results give the same page. */
export function resultsPage(rows: readonly Row[], facts: RunFacts): string {
  const documents = [...new Set(rows.map(({ claim }) => claim.document))];
  return [
    '<!-- Generated by `npm run bench:spec`; changes here are lost. -->',
    '',
    '# What the two specifications say, and what was measured',
    '',
    'Every number of both documents, beside one run on an embedded PostgreSQL. Where each requirement of theirs lives is in',
    '[specs.md](specs.md).',
    '',
    '## The run',
    '',
    ...tableOf(
      ['What', 'Value'],
      [
        ['PostgreSQL', facts.postgresVersion],
        [
          'runs of each statement',
          facts.fewestRuns < facts.runs ? `${facts.runs}, at least ${facts.fewestRuns}` : String(facts.runs),
        ],
        ['scale', String(facts.scale)],
        ...facts.rows.map(([what, count]) => [what, count.toLocaleString('en-US')]),
        ...facts.settings.map(([name, value]) => [`\`${name}\``, value]),
      ],
    ),
    '',
    '## How to read it',
    '',
    'Schemas and data are the demo’s, with fixed seeds; indexes are built by the statements of `indexwarden plan` from `expectations/`. What is compared lies in',
    'databases that are copies of one another, vacuumed and analysed, and is asked in turn with the same parameters, after three runs that are not counted. Times are in',
    'milliseconds, from sending to the last row, as a client on the same machine sees them, with everything in memory: they are better than most machines would give, and say less than the ratios.',
    'The 95th percentile is by nearest rank, so it is one of the times. A ratio is the median of the ratios of pairs that ran one behind the other, so that load which comes and goes is in both;',
    '*blocks* are what one run touched, in memory or not, and the same on every machine.',
    '',
    `A gain holds from ${tolerance.points} points below the claim, a factor from ${100 * tolerance.share} % below, so that what scatters does not decide; where the plan is the same in both states nothing is gained, whatever the clock says.`,
    `A time holds where median and 95th percentile are below the upper bound. How long something took elsewhere can only be compared: beyond a factor of ${tolerance.times} it *depends*. What is no measurable claim is listed with what it is.`,
    'A query on a few hundred rows is mostly the way to the server and back, of which no index takes anything away.',
    '',
    'To repeat it:',
    '',
    '```sh',
    'npm run bench:spec                      # some minutes; writes this page',
    'npm run bench:spec -- --only pagination # some claims, printed only',
    'npm run bench:spec -- --short           # under a minute; exit code 1 when a row is missing',
    '```',
    '',
    '## Summary',
    '',
    ...tableOf(
      ['Document', ...verdictKinds, 'all'],
      documents.map((document) => {
        const own = rows.filter(({ claim }) => claim.document === document);
        const count = (kind: Verdict['kind']): string =>
          String(own.filter(({ verdict }) => verdict.kind === kind).length);
        return [specTitles[document], ...verdictKinds.map(count), String(own.length)];
      }),
    ),
    ...documents.flatMap((document) => documentPart(rows, document)),
    '',
  ].join('\n');
}

function documentPart(rows: readonly Row[], document: SpecDocument): readonly string[] {
  const own = rows.filter(({ claim }) => claim.document === document);
  const sections = [...new Set(own.map(({ claim }) => claim.section))];
  return [
    '',
    `## ${specTitles[document]}`,
    ...sections.flatMap((section) => [
      '',
      `### ${section}`,
      '',
      ...tableOf(
        [
          'Id',
          'Claim',
          'Measured',
          'Ratio or count',
          'Blocks',
          'Median, ms',
          '95th percentile, ms',
          'Plan',
          'Verdict',
        ],
        own
          .filter(({ claim }) => claim.section === section)
          .flatMap(linesOf)
          .map((line) => [
            line.id === '' ? '' : `\`${line.id}\``,
            line.claim,
            line.label,
            line.ratio,
            line.blocks,
            line.medianMs,
            line.p95Ms,
            line.plan,
            line.verdict,
          ]),
      ),
    ]),
  ];
}

const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] => [
  rowOf(head),
  rowOf(head.map(() => '---')),
  ...rows.map(rowOf),
];

const rowOf = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
