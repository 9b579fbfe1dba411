import { z } from 'zod';
import { findingKinds } from '../model/finding.ts';
import { glob, oneOf, setting, text } from './fields.ts';
import { notAnObject } from './schema-connection.ts';

/** What a mute can be narrowed by; all that are given must fit. */
const matchers = ['kind', 'server', 'database', 'schema', 'table', 'index', 'findingId'] as const;

/** A finding that is known and accepted: it stays in the lists with state `muted`, and nobody is told of it. */
export const MuteSettings = z
  .strictObject(
    {
      kind: setting(oneOf(findingKinds), 'Kind of finding; all kinds if left out.').optional(),
      server: setting(glob(), 'Servers it holds for; all if left out.').optional(),
      database: setting(glob(), 'Databases it holds for; all if left out.').optional(),
      schema: setting(glob(), 'Schemas it holds for; all if left out.').optional(),
      table: setting(glob(), 'Tables it holds for; all if left out.').optional(),
      index: setting(
        glob(),
        'Indexes it holds for; if left out, all findings of the tables, those about no index too.',
      ).optional(),
      findingId: setting(
        text().regex(/^[0-9a-f]{16}$/, { error: 'is not the id of a finding: 16 hexadecimal digits' }),
        'One finding, by its id.',
      ).optional(),
      reason: setting(text(), 'Why; shown wherever the finding is.'),
      author: setting(text(), 'Who decided so.').optional(),
      until: setting(
        text().refine(isDay, { error: 'is not a day like 2027-06-30' }).meta({ title: 'day' }),
        'Last day (UTC) on which it holds; then the finding is open again. Without it, as long as it stands here.',
      ).optional(),
    },
    notAnObject,
  )
  .refine((mute) => matchers.some((name) => mute[name] !== undefined), {
    error: `names nothing to mute: give at least one of ${matchers.join(', ')} ("*" stands for all)`,
  })
  .meta({ title: 'mute' });
export type MuteSettings = z.output<typeof MuteSettings>;

function isDay(day: string): boolean {
  const atMs = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().slice(0, 10) === day;
}
