import { z } from 'zod';
import { planScopes } from '../../plan/script/actions.ts';
import type { Operation, Parameter } from './operations.ts';
import { planFormats } from './plan.ts';
import { reportFormats } from './report.ts';
import { aboutSchema, configSchema } from './schemas/about.ts';
import { indexHistorySchema, tableHistorySchema } from './schemas/history.ts';
import { indexDetailSchema, tableDetailSchema } from './schemas/relations.ts';
import { objectId } from './schemas/values.ts';

const idOf = (what: 'index' | 'table'): Parameter => ({
  name: 'id',
  in: 'path',
  description: what === 'index' ? 'Id of an index.' : 'Id of a table.',
  schema: objectId,
});

/** The configuration may allow fewer: then there are fewer. */
const days: Parameter = {
  name: 'days',
  in: 'query',
  description:
    'Days to look back, today included; as many as `history.chartDays` allows by default and at most.',
  schema: z.number().int().min(1).max(400),
};

const download: Parameter = {
  name: 'download',
  in: 'query',
  description: 'Whether a browser saves the answer instead of showing it.',
  schema: z.enum(['true', 'false']),
};

export const planParameters: readonly Parameter[] = [
  {
    name: 'finding',
    in: 'query',
    description: 'Only this finding, by its id or the beginning of it; all open findings by default.',
    schema: z.string().regex(/^[0-9a-fA-F]{4,16}$/, { error: 'must be 4 to 16 hexadecimal digits' }),
    isRepeated: true,
  },
  {
    name: 'for',
    in: 'query',
    description: 'Which findings to mend; all by default.',
    schema: z.enum(planScopes),
  },
  {
    name: 'format',
    in: 'query',
    description: 'A script for psql (the default), a migration for Alembic, or data for programs.',
    schema: z.enum(planFormats),
  },
  {
    name: 'target',
    in: 'query',
    description: 'Which database, as server/database or by its name alone, where there are several.',
    schema: z.string().min(1).max(200),
  },
  {
    name: 'phase',
    in: 'query',
    description: 'Only indexes to create that a manifest puts into this phase.',
    schema: z.number().int().min(0).max(1000),
  },
  {
    name: 'downRevision',
    in: 'query',
    description: 'Revision that the migration for Alembic follows.',
    schema: z
      .string()
      .regex(/^[\w.-]{1,100}$/, { error: 'must be letters, digits, dots, dashes and underscores' }),
  },
  download,
];

export const reportParameters: readonly Parameter[] = [
  {
    name: 'format',
    in: 'query',
    description: 'Markdown (the default), one HTML page with charts, or data for programs.',
    schema: z.enum(reportFormats),
  },
  {
    name: 'since',
    in: 'query',
    description: 'How far back events and days of use are looked at, such as `90d`; 30 days by default.',
    schema: z.string().regex(/^[0-9a-z. ]{1,20}$/, { error: 'must be a time to look back, such as 30d' }),
  },
  download,
];

export const historyParameters: readonly Parameter[] = [days];

/** Its parts have names that answers of the API have too, and are others: it is described in a file of its own. */
const reportJson = z
  .looseObject({ reportVersion: z.number().int(), toolVersion: z.string(), generatedAt: z.string() })
  .meta({ description: 'As `schema/report.schema.json` says.' });

const get = (
  operation: Pick<Operation, 'path' | 'operationId' | 'summary' | 'answers' | 'problems' | 'parameters'>,
): Operation => ({ method: 'get', isChange: false, ...operation });

export const indexOperations: readonly Operation[] = [
  get({
    path: '/indexes/{id}',
    operationId: 'getIndex',
    summary: 'Everything that is known of one index.',
    parameters: [idOf('index')],
    answers: { 200: { description: 'The index.', schema: indexDetailSchema } },
    problems: [404],
  }),
  get({
    path: '/indexes/{id}/history',
    operationId: 'getIndexHistory',
    summary:
      'Size, use and bloat of one index by day, and what happened to it. Unknown days are null, never 0.',
    parameters: [idOf('index'), days],
    answers: { 200: { description: 'Its past.', schema: indexHistorySchema } },
    problems: [400, 404, 503],
  }),
];

export const tableOperations: readonly Operation[] = [
  get({
    path: '/tables/{id}',
    operationId: 'getTable',
    summary: 'Everything that is known of one table, with all of its indexes and what their keys share.',
    parameters: [idOf('table')],
    answers: { 200: { description: 'The table.', schema: tableDetailSchema } },
    problems: [404],
  }),
  get({
    path: '/tables/{id}/history',
    operationId: 'getTableHistory',
    summary: 'Sizes, reads and writes of one table by day, and what happened to its indexes.',
    parameters: [idOf('table'), days],
    answers: { 200: { description: 'Its past.', schema: tableHistorySchema } },
    problems: [400, 404, 503],
  }),
];

export const documentOperations: readonly Operation[] = [
  get({
    path: '/plan',
    operationId: 'getPlan',
    summary:
      'An ordered script that mends what was found, as `indexwarden plan` prints it, from the newest look at one database. Nothing is run.',
    parameters: planParameters,
    answers: {
      200: {
        description: 'The script.',
        schema: z.string(),
        contentType: 'text/plain',
        otherFormats: { 'application/json': z.record(z.string(), z.unknown()) },
      },
    },
    problems: [400, 503],
  }),
  get({
    path: '/report',
    operationId: 'getReport',
    summary:
      'A report about everything, as `indexwarden report` prints it, from the newest look at each database and what is kept.',
    parameters: reportParameters,
    answers: {
      200: {
        description: 'The report.',
        schema: z.string(),
        contentType: 'text/markdown',
        otherFormats: { 'text/html': z.string(), 'application/json': reportJson },
      },
    },
    problems: [400, 503],
  }),
  get({
    path: '/config',
    operationId: 'getConfig',
    summary: 'The configuration in force, without secrets.',
    answers: { 200: { description: 'The configuration.', schema: configSchema } },
    problems: [],
  }),
  get({
    path: '/about',
    operationId: 'getAbout',
    summary: 'Version, start, and where what is known is kept.',
    answers: { 200: { description: 'About this daemon.', schema: aboutSchema } },
    problems: [],
  }),
];
