import { z } from 'zod';
import { eventSchema } from './diary.ts';
import { bytes, count, objectId, ofTable, unknownable } from './values.ts';

const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/)
  .meta({ description: 'A day in UTC.' });
const observedSeconds = unknownable(count).meta({
  description: 'How much of the day was watched, on the node that was watched least; null where one was not.',
});
const isCut = z.boolean().meta({
  description:
    'Whether more is kept than was read (`history.chartBytes`), so that older days or events are missing.',
});
const events = z.array(eventSchema).meta({
  description: 'Newest first; what happened to all counters of a node is among them.',
});

export const indexHistorySchema = z
  .strictObject({
    id: objectId,
    ...ofTable,
    indexrelname: z.string(),
    fromDay: day,
    toDay: day,
    days: z.array(
      z.strictObject({
        day,
        sizeBytes: unknownable(bytes),
        bloatRatio: unknownable(z.number()).meta({
          description: 'Share that a rebuild would have freed, 0 to 1; null where it was only estimated.',
        }),
        bloatMethod: unknownable(z.enum(['measured', 'calibrated'])),
        scans: unknownable(z.number()).meta({
          description:
            'Uses on all nodes; null unless all are known. The first day after a gap holds those of the gap.',
        }),
        observedSeconds,
      }),
    ),
    nodes: z
      .array(z.strictObject({ node: z.string(), scans: z.array(unknownable(z.number())) }))
      .meta({ description: 'Uses per node, in the order of the days.' }),
    events,
    isCut,
  })
  .meta({ id: 'IndexHistory', description: 'What is known of an index, day by day. Unknown days are null.' });

export const tableHistorySchema = z
  .strictObject({
    id: objectId,
    ...ofTable,
    fromDay: day,
    toDay: day,
    days: z.array(
      z.strictObject({
        day,
        sizeBytes: unknownable(bytes),
        indexBytes: unknownable(bytes),
        rows: unknownable(z.number()),
        reads: unknownable(z.number()).meta({
          description: 'Scans of the table and of its indexes on all nodes; null unless all are known.',
        }),
        sequentialScans: unknownable(z.number()),
        rowsInserted: unknownable(z.number()),
        rowsUpdatedNotHot: unknownable(z.number()),
        rowsDeleted: unknownable(z.number()),
        observedSeconds,
      }),
    ),
    nodes: z
      .array(z.strictObject({ node: z.string(), reads: z.array(unknownable(z.number())) }))
      .meta({ description: 'Reads per node, in the order of the days.' }),
    events,
    isCut,
  })
  .meta({ id: 'TableHistory', description: 'What is known of a table, day by day. Unknown days are null.' });
