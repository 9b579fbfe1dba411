import { z } from 'zod';
import { duration, labelName, listOf, onOff, schedule, setting, text } from './fields.ts';
import { notAnObject } from './schema-connection.ts';

/** A value as YAML has it; what it is in SQL the type says. */
const Scalar = z
  .union([z.string(), z.number(), z.boolean(), z.null()], {
    error: 'is neither text, number, true, false nor null',
  })
  .meta({ title: 'value' });

const Value = z
  .union([Scalar, z.array(Scalar), z.record(z.string(), z.unknown())], { error: 'is no value' })
  .meta({ title: 'value, list of values, or group for JSON' });

const Parameter = z
  .strictObject(
    {
      type: setting(
        text(),
        'The SQL type that the application sends: `uuid`, `integer`, `uuid[]`, `timestamptz`. An index is only used for the type it was made for, hence no default.',
      ),
      value: setting(
        Value,
        'What is sent: text, number, `true`, `false`, `null`, a list for an array, a group or list for `json` and `jsonb`. Either this or `ago`.',
      ).optional(),
      ago: setting(duration({ max: '36500d' }), {
        description: 'The moment this long before the probe runs, for date and time types: `30d`.',
        reason: 'A century.',
      }).optional(),
    },
    notAnObject,
  )
  .meta({ title: 'parameter' });
export type ParameterEntry = z.output<typeof Parameter>;

const IndexChoice = z
  .union([text(), z.array(text()).min(1, { error: 'is an empty list' })], {
    error: 'is neither the name of an index nor a list of names',
  })
  .meta({ title: 'index, or list of indexes of which any will do' });

/** One entry, for finding what is wrong with the others beside one that is malformed. */
export const ProbeEntry = z
  .strictObject(
    {
      name: setting(
        labelName(),
        'What it is called in findings and metrics, where it is a label. Unique in a database.',
      ),
      description: setting(text(), 'What the application needs it for.').optional(),
      sql: setting(
        text(),
        'The query as the application sends it, with `$1`, `$2` … for its parameters. Only queries that read: anything else is refused here.',
      ),
      parameters: setting(
        listOf(Parameter),
        'One for each `$n`, in order. Choose values as they usually come: the plan is made for them.',
      ).prefault([]),
      table: setting(
        text(),
        'The table that findings are listed under, with its schema unless that is the manifest’s. Default: the first that the query names after FROM.',
      ).optional(),
      expectIndex: setting(
        z
          .union([text(), listOf(IndexChoice)], {
            error: 'is neither the name of an index nor a list of names',
          })
          .meta({ title: 'index, or list of indexes' }),
        'Indexes that the plan must use, each of them; where an entry is a list itself, one of it. A copy under another name will do, and so will whatever satisfies an expectation of that name.',
      ).prefault([]),
      noSequentialScanOn: setting(
        listOf(text()),
        'Tables that the plan must not read from end to end.',
      ).prefault([]),
      target: setting(duration({ min: '1ms', max: '5s' }), {
        description: 'How long it may take. Needs `analyze: true`: a cost is no time.',
        reason: 'No probe runs longer than five seconds.',
      }).optional(),
      page: setting(
        z
          .union([onOff(), duration({ min: '1ms', max: '5s' })], { error: 'is neither true nor a duration' })
          .meta({ title: '`true`, or a duration' }),
        'Above this, three times in a row and for 15 minutes, `slow-probe` is critical. `true` is twice the target.',
      ).optional(),
      schedule: setting(
        schedule(),
        'When it is planned, or run: cron expression in UTC, seconds allowed. It is also done once at start.',
      ).prefault('*/5 * * * *'),
      analyze: setting(
        onOff(),
        'Whether it is run with `EXPLAIN ANALYZE`, within the bounds of the configuration’s `probes`. Otherwise it is only planned: nothing of it is executed.',
      ).prefault(false),
      acceptPlan: setting(
        z
          .string({ error: 'is no hash of a plan' })
          .regex(/^[0-9a-f]{16}$/, { error: 'is no hash of a plan: 16 digits and letters from a to f' })
          .meta({ title: 'hash of a plan' }),
        'The hash of a plan that is right, whatever it looks like: the finding about it names it.',
      ).optional(),
    },
    notAnObject,
  )
  .meta({ title: 'probe' });
export type ProbeEntry = z.output<typeof ProbeEntry>;

/** A manifest of probes as written. */
export const ProbesSchema = z
  .strictObject(
    {
      description: setting(text(), 'What the manifest is for.').optional(),
      schema: setting(
        text(),
        'Schema in which the queries look for tables and functions that they name without one.',
      ).prefault('public'),
      probes: setting(listOf(ProbeEntry), 'The queries that are watched.'),
    },
    { error: 'is not a group of settings' },
  )
  .meta({ title: 'probes' });
