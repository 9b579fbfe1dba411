import { z } from 'zod';
import { eventKinds } from '../../../model/event.ts';
import { count, facts, findingId, instant, ofTarget, unknownable } from './values.ts';

export const eventSchema = z
  .strictObject({
    id: count.meta({ description: 'Grows by the order of writing.' }),
    kind: z.enum(eventKinds),
    at: instant,
    ...ofTarget,
    schemaname: unknownable(z.string()),
    relname: unknownable(z.string()),
    indexrelname: unknownable(z.string()),
    node: unknownable(z.string()),
    findingId: unknownable(findingId),
    title: z.string(),
    evidence: facts,
  })
  .meta({
    id: 'Event',
    description: 'Something that happened to a finding, an index, statistics or a node.',
  });

export const muteSchema = z
  .strictObject({
    id: z.string(),
    source: z.enum(['api', 'configuration']),
    match: facts.meta({ description: 'What it mutes.' }),
    reason: z.string(),
    author: unknownable(z.string()),
    setAt: unknownable(instant),
    until: unknownable(z.string()),
    isExpired: z.boolean(),
  })
  .meta({ id: 'Mute', description: 'Why some findings are not told of.' });
