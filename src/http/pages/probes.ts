import type { Generation } from '../../findings/generation.ts';
import { type TargetId, targetKey } from '../../model/ids.ts';
import { counted } from '../../model/units.ts';
import type { Line } from '../../report/chart/lines.ts';
import { inWords as valueInWords } from '../../report/chart/scale.ts';
import { objectId } from '../api/listings.ts';
import { probeItem, probesListing } from '../api/probes.ts';
import {
  factsHtml,
  joined,
  linkHtml,
  listHtml,
  noticeHtml,
  paragraphHtml,
  statementsHtml,
  tableHtml,
} from './components.ts';
import { type Html, nothing, template } from './html.ts';
import { chartHtml } from './relation/charts.ts';
import { aPage, type PageHandler, type PageSources } from './serve.ts';
import { badgeHtml, codeHtml, findingPath, nameHtml, sentenceHtml, targetHtml, timeHtml } from './words.ts';

type Probe = ReturnType<typeof probeItem>;

/** Told in full on one page; the API has them all. */
const shownMax = 100;

/** `/probes`: each declared query, what it must do, how it is planned, and how long it took. */
export function probesPage({ generations, options }: PageSources): PageHandler {
  const listing = probesListing(options);
  return () => {
    const sorted = generations().toSorted((a, b) => (targetKey(a.target) < targetKey(b.target) ? -1 : 1));
    const probes = sorted.flatMap((generation) =>
      listing.views(generation).map((entry) => ({ generation, probe: probeItem(entry, options) })),
    );
    return aPage({
      title: 'Probes',
      place: '/probes',
      content: joined([heading({}), probes.length === 0 ? noProbes : contentOf(probes)]),
    });
  };
}

const heading = template<object>(
  '<h1>Probes</h1>\n<p>Queries that matter, declared in files, planned on a schedule and, where that is allowed, run and measured. <a href="/docs/probes.md">How to declare them</a>.</p>\n',
);

const noProbes = noticeHtml(
  'info',
  'No probe is declared: whether queries still use their indexes is not watched here.',
);

interface Shown {
  readonly generation: Generation;
  readonly probe: Probe;
}

function contentOf(probes: readonly Shown[]): Html {
  const shown = probes.slice(0, shownMax);
  return joined([
    tableHtml({
      label: 'Probes',
      columns: [
        { title: 'State' },
        { title: 'Probe', isWide: true },
        { title: 'Database' },
        { title: 'Last time', isNumber: true },
        { title: 'Target', isNumber: true },
        { title: 'Last run' },
      ],
      rows: probes.map(({ probe }, place) => [
        stateHtml(probe),
        place < shownMax ? linkHtml(`#probe-${place + 1}`, nameHtml(probe.name)) : nameHtml(probe.name),
        targetHtml(probe),
        secondsText(probe.runs.at(-1)?.seconds ?? null, probe),
        probe.targetSeconds === null ? 'none' : inWords(probe.targetSeconds),
        timeHtml(probe.lastRunAt),
      ]),
    }),
    ...shown.map((one, place) => probeSection(one, place + 1)),
    probes.length > shownMax
      ? paragraphHtml(linkHtml('/api/v1/probes', `All ${counted(probes.length, 'probe')} as JSON`))
      : nothing,
  ]);
}

const inWords = (seconds: number): string => valueInWords(seconds, 'seconds');

const secondsText = (seconds: number | null, { isAnalyzed }: Probe): string =>
  seconds === null ? (isAnalyzed ? 'unknown' : 'only planned') : inWords(seconds);

function stateHtml({ state }: Probe): Html {
  switch (state) {
    case 'ok':
      return badgeHtml('good', '✓', 'as declared');
    case 'missed':
      return badgeHtml('warning', '▲', 'too slow');
    case 'regressed':
      return badgeHtml('warning', '▲', 'plan not as wanted');
    default:
      return badgeHtml('plain', '?', 'unknown');
  }
}

function probeSection({ generation, probe }: Shown, number: number): Html {
  const target: TargetId = generation.target;
  const findings = generation.findings.filter(
    ({ kind, state, evidence }) =>
      (kind === 'slow-probe' || kind === 'probe-plan-regression') &&
      state !== 'resolved' &&
      evidence.probe === probe.name,
  );
  return section({
    id: `probe-${number}`,
    name: nameHtml(probe.name),
    content: joined([
      badges({ badges: [stateHtml(probe)] }),
      probe.description === null ? nothing : paragraphHtml(sentenceHtml(probe.description)),
      probe.reason === null
        ? nothing
        : noticeHtml('warning', joined(['Nothing is known of it now: ', sentenceHtml(probe.reason)])),
      probe.grant === null
        ? nothing
        : statementsHtml(`grant-${number}`, `Grant for probe ${number}`, probe.grant),
      factsHtml([
        ['Database', targetHtml(target)],
        [
          'Table',
          linkHtml(
            `/tables/${objectId('table', target, probe.schemaname, probe.relname)}`,
            nameHtml(`${probe.schemaname}.${probe.relname}`),
          ),
        ],
        ['Schedule (UTC)', codeHtml(probe.schedule)],
        [
          'Measured',
          probe.unmeasured === null
            ? probe.isAnalyzed
              ? 'yes'
              : 'no, only planned'
            : sentenceHtml(probe.unmeasured),
        ],
        ['Target', probe.targetSeconds === null ? 'none' : inWords(probe.targetSeconds)],
        ...(probe.pageSeconds === null
          ? []
          : [['Calls somebody above', inWords(probe.pageSeconds)] as const]),
        [
          'Must use',
          probe.expectIndexes.length === 0
            ? 'nothing in particular'
            : nameHtml(probe.expectIndexes.map((group) => group.join(' or ')).join('; ')),
        ],
        ...(probe.noSequentialScanOn.length === 0
          ? []
          : [['Must not read whole', nameHtml(probe.noSequentialScanOn.join(', '))] as const]),
        ['Last run', timeHtml(probe.lastRunAt)],
        [
          'Plan changed',
          probe.planChangedAt === null ? 'not since it is watched' : timeHtml(probe.planChangedAt),
        ],
        ['Declared in', nameHtml(probe.manifest)],
      ]),
      findings.length === 0
        ? nothing
        : listHtml(findings.map((finding) => linkHtml(findingPath(finding), sentenceHtml(finding.title)))),
      runsChart(probe, number),
      planHtml(probe, number),
      queryHtml({
        id: number,
        sql: statementsHtml(`query-${number}`, `Query of probe ${number}`, probe.sql),
      }),
    ]),
  });
}

const section = template<{ readonly id: string; readonly name: Html; readonly content: Html }>(
  '<section aria-labelledby="<%= it.id %>"><h2 id="<%= it.id %>"><%= it.name %></h2>\n<%= it.content %></section>\n',
);
const badges = template<{ readonly badges: readonly Html[] }>(
  '<div class="badges"><% for (const badge of it.badges) { %><%= badge %> <% } %></div>\n',
);
const queryHtml = template<{ readonly id: number; readonly sql: Html }>(
  '<details><summary>The query<span class="hidden-text"> of probe <%= it.id %></span></summary><%= it.sql %></details>\n',
);

/** The last runs, at equal distances; one that was ended took at least as long as it was given. */
function runsChart(probe: Probe, number: number): Html {
  if (!probe.isAnalyzed || probe.runs.length === 0) return nothing;
  const line: Line = { label: 'time', values: probe.runs.map(({ seconds }) => seconds) };
  const ended = probe.runs.filter(({ wasEnded }) => wasEnded).length;
  return joined([
    chartHtml(
      {
        title: probe.runs.length === 1 ? 'The first run' : `The last ${counted(probe.runs.length, 'run')}`,
        unit: 'seconds',
        places: probe.runs.map(({ at }) =>
          at === null ? 'unknown' : `${at.slice(0, 16).replace('T', ' ')} UTC`,
        ),
        lines: [line],
        ...(probe.targetSeconds === null
          ? {}
          : { limit: { value: probe.targetSeconds, label: `Target: ${inWords(probe.targetSeconds)}` } }),
      },
      `chart-probe-${number}`,
      'It was not measured yet.',
    ),
    ended === 0
      ? nothing
      : paragraphHtml(
          `${counted(ended, 'run was', 'runs were')} ended by a limit: the time shown is the limit, not what it would have taken.`,
        ),
  ]);
}

function planHtml({ plan, baselinePlan }: Probe, number: number): Html {
  if (plan === null) return paragraphHtml('No plan of it is known yet.');
  const flags = plan.redFlags.map(({ text }) => sentenceHtml(text));
  return joined([
    flags.length === 0
      ? nothing
      : noticeHtml('warning', joined(['What stands out in its plan:', listHtml(flags)])),
    plan.waived.length === 0
      ? nothing
      : paragraphHtml(joined(['Not held against it: ', sentenceHtml(plan.waived.join('; '))])),
    planDetails({
      title: 'Its plan now',
      number,
      isOpen: baselinePlan !== null,
      sql: statementsHtml(`plan-${number}`, `Plan of probe ${number}`, plan.lines.join('\n')),
      about: joined(['Planned for ', nameHtml(plan.roleName), ' since ', timeHtml(plan.since), '.']),
    }),
    baselinePlan === null
      ? nothing
      : planDetails({
          title: 'The last good plan',
          number,
          isOpen: true,
          sql: statementsHtml(
            `baseline-${number}`,
            `Last good plan of probe ${number}`,
            baselinePlan.lines.join('\n'),
          ),
          about: joined(['From ', timeHtml(baselinePlan.since), '.']),
        }),
  ]);
}
const planDetails = template<{
  readonly title: string;
  readonly number: number;
  readonly isOpen: boolean;
  readonly sql: Html;
  readonly about: Html;
}>(
  '<details<% if (it.isOpen) { %> open<% } %>><summary><%= it.title %><span class="hidden-text"> of probe <%= it.number %></span></summary><p class="dim"><%= it.about %></p><%= it.sql %></details>\n',
);
