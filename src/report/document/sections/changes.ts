import { z } from 'zod';
import { eventKinds, type KeptEvent } from '../../../model/event.ts';
import { targetKey } from '../../../model/ids.ts';
import { counted, dayMs, humaneDuration } from '../../../model/units.ts';
import { chart, foldedTable, list, paragraph } from '../blocks.ts';
import { instant, isoOf, timeInWords } from '../facts.ts';
import { type DatabaseInput, defineSection } from '../section.ts';

const shownMax = 40;
const chartDaysMax = 31;

const ChangesFacts = z.strictObject({
  windowSeconds: z.number(),
  unknown: z.string().nullable().meta({ description: 'Why nothing is known of the past; null where it is.' }),
  isCut: z.boolean().meta({ description: 'Whether there were more events than were read.' }),
  byKind: z.array(z.strictObject({ kind: z.enum(eventKinds), events: z.number() })),
  byDay: z.array(z.strictObject({ day: z.string(), opened: z.number(), resolved: z.number() })),
  openSince: z.array(z.strictObject({ age: z.string(), findings: z.number() })).meta({
    description: 'Open findings by how long they have been known.',
  }),
  events: z.array(
    z.strictObject({
      at: instant,
      kind: z.enum(eventKinds),
      title: z.string(),
      findingId: z.string().nullable(),
    }),
  ),
});
type ChangesFacts = z.infer<typeof ChangesFacts>;

export const changes = defineSection<DatabaseInput, ChangesFacts>({
  id: 'changes',
  title: 'What happened',
  schema: ChangesFacts,
  gather({ report, generation }) {
    const { history, windowMs, nowMs } = report;
    const key = targetKey(generation.target);
    const events = history.kind === 'kept' ? history.events.filter((event) => targetKey(event) === key) : [];
    return {
      windowSeconds: windowMs / 1000,
      unknown: history.kind === 'kept' ? null : history.reason,
      isCut: history.kind === 'kept' && history.isCut,
      byKind: eventKinds
        .map((kind) => ({ kind, events: events.filter((event) => event.kind === kind).length }))
        .filter((one) => one.events > 0),
      byDay: byDay(events),
      openSince:
        history.kind === 'kept'
          ? openSince(
              generation.findings.filter(({ state }) => state === 'open'),
              nowMs,
            )
          : [],
      events: events.map(({ atMs, kind, title, findingId }) => ({ at: isoOf(atMs), kind, title, findingId })),
    };
  },
  tell({ windowSeconds, unknown, isCut, byKind, byDay: days, openSince: ages, events }) {
    const span = humaneDuration(windowSeconds * 1000);
    if (unknown !== null) return [paragraph(`What happened in the last ${span} is not known: ${unknown}.`)];
    return [
      ...(ages.length === 0
        ? []
        : [
            paragraph('Open findings by how long they have been known:'),
            list(ages.map(({ age, findings }) => `${age}: ${counted(findings, 'finding')}`)),
          ]),
      ...(events.length === 0
        ? [paragraph(`Nothing happened in the last ${span}.`)]
        : [
            paragraph(
              `In the last ${span}: ${byKind.map(({ kind, events: some }) => `${some} × ${kind}`).join(', ')}.${isCut ? ' There were more, which are left out.' : ''}`,
            ),
          ]),
      ...chart({
        title: 'Findings opened, by day (UTC)',
        bars: days.slice(0, chartDaysMax).map(({ day, opened, resolved }) => ({
          label: day,
          value: opened,
          text: `${opened} opened, ${resolved} resolved`,
        })),
      }),
      ...foldedTable(
        'The newest events',
        ['When (UTC)', 'What', 'In words'],
        events,
        (event) => [timeInWords(event.at, ''), event.kind, event.title],
        { what: 'events', max: shownMax },
      ),
    ];
  },
});

function byDay(events: readonly KeptEvent[]): ChangesFacts['byDay'] {
  const days = new Map<string, { opened: number; resolved: number }>();
  for (const { kind, atMs } of events) {
    const change =
      kind === 'finding-opened' || kind === 'finding-reopened'
        ? ('opened' as const)
        : kind === 'finding-resolved'
          ? ('resolved' as const)
          : undefined;
    if (change === undefined) continue;
    const day = new Date(atMs).toISOString().slice(0, 10);
    const known = days.get(day) ?? { opened: 0, resolved: 0 };
    days.set(day, { ...known, [change]: known[change] + 1 });
  }
  return [...days].map(([day, counts]) => ({ day, ...counts })).sort((a, b) => (a.day < b.day ? 1 : -1));
}

const ages = [
  ['a day or less', dayMs],
  ['a week or less', 7 * dayMs],
  ['a month or less', 30 * dayMs],
  ['longer', Number.POSITIVE_INFINITY],
] as const;

function openSince(
  open: readonly { readonly firstSeen: string }[],
  nowMs: number,
): ChangesFacts['openSince'] {
  const ageOf = ({ firstSeen }: { readonly firstSeen: string }): number => nowMs - Date.parse(firstSeen);
  return ages
    .map(([age, mostMs], place) => ({
      age,
      findings: open.filter(
        (one) => ageOf(one) <= mostMs && ageOf(one) > (ages[place - 1]?.[1] ?? Number.NEGATIVE_INFINITY),
      ).length,
    }))
    .filter(({ findings }) => findings > 0);
}
