import { z } from 'zod';
import { startedCollection, wantedCollection } from './collect.ts';
import { eventFilters } from './events.ts';
import { documentOperations, indexOperations, tableOperations } from './fact-operations.ts';
import { byTarget } from './list.ts';
import {
  collectorsListing,
  findingsListing,
  indexesListing,
  tablesListing,
  targetsListing,
} from './listings.ts';
import { wantedMute, wantedMuteOfFinding } from './mute-changes.ts';
import { filterParameters, listOperation, type Operation, operationOf } from './operations.ts';
import { probesListing } from './probes.ts';
import { eventSchema, muteSchema } from './schemas/diary.ts';
import { findingSchema } from './schemas/finding.ts';
import { findingId } from './schemas/values.ts';
import { sessionSchema } from './session.ts';

const findingIdParameter = (name: string) =>
  ({ name, in: 'path', description: 'Id of a finding.', schema: findingId }) as const;

/** Everything the API answers, in the order of the documentation. To add a request, add it here and to the routes. */
export function apiOperations({ pageSizeMax }: { readonly pageSizeMax: number }): readonly Operation[] {
  return [
    operationOf(findingsListing, pageSizeMax),
    {
      method: 'get',
      path: '/findings/{id}',
      operationId: 'getFinding',
      summary: 'One finding, of any state.',
      parameters: [findingIdParameter('id')],
      answers: { 200: { description: 'The finding.', schema: findingSchema } },
      problems: [404],
      isChange: false,
    },
    {
      method: 'post',
      path: '/findings/{id}/mute',
      operationId: 'muteFinding',
      summary: 'Mutes this finding, or replaces its mute. Its state changes with its next evaluation.',
      parameters: [findingIdParameter('id')],
      body: wantedMuteOfFinding,
      answers: {
        200: { description: 'The mute that replaced another.', schema: muteSchema },
        201: { description: 'The mute.', schema: muteSchema },
      },
      problems: [400, 404, 409, 413, 415],
      isChange: true,
    },
    {
      method: 'post',
      path: '/collect',
      operationId: 'collect',
      summary:
        'Collects from one target, from those of one server, or from all, now and not only when it is due. Each target waits `http.collectCooldown` before it is collected from in this way again.',
      body: wantedCollection,
      isBodyOptional: true,
      answers: {
        202: {
          description: 'What was started; the outcome is in the next generation.',
          schema: startedCollection,
        },
      },
      problems: [400, 404, 413, 415, 429],
      isChange: true,
    },
    operationOf(indexesListing({ redactLiterals: false }), pageSizeMax),
    ...indexOperations,
    operationOf(tablesListing, pageSizeMax),
    ...tableOperations,
    operationOf(targetsListing, pageSizeMax),
    operationOf(collectorsListing, pageSizeMax),
    operationOf(probesListing({ redactLiterals: false }), pageSizeMax),
    {
      ...listOperation(
        { name: 'events', summary: 'The diary.', schema: eventSchema, filters: eventFilters },
        pageSizeMax,
      ),
      summary:
        'The diary, newest first. A page may hold fewer entries than asked for while its `next` is not null.',
    },
    {
      method: 'get',
      path: '/events/stream',
      operationId: 'streamEvents',
      summary:
        'Server-sent events: the diary as it is written. `Last-Event-ID` goes on behind the event with that id.',
      parameters: filterParameters({ ...byTarget, ...eventFilters }),
      answers: {
        200: {
          description: 'Events with `id`, `event` (its kind) and `data` (as in the list).',
          schema: z.string(),
          contentType: 'text/event-stream',
        },
      },
      problems: [400, 503],
      isChange: false,
    },
    listOperation(
      { name: 'mutes', summary: 'Mutes set here and in the configuration.', schema: muteSchema, filters: {} },
      pageSizeMax,
    ),
    {
      method: 'post',
      path: '/mutes',
      operationId: 'setMute',
      summary: 'Mutes a finding, or replaces its mute. Its state changes with its next evaluation.',
      body: wantedMute,
      answers: {
        200: { description: 'The mute that replaced another.', schema: muteSchema },
        201: { description: 'The mute.', schema: muteSchema },
      },
      problems: [400, 404, 409, 413, 415],
      isChange: true,
    },
    {
      method: 'delete',
      path: '/mutes/{findingId}',
      operationId: 'liftMute',
      summary: 'Lifts a mute that was set here.',
      parameters: [findingIdParameter('findingId')],
      answers: { 204: { description: 'It is lifted.' } },
      problems: [404],
      isChange: true,
    },
    ...documentOperations,
    {
      method: 'get',
      path: '/session',
      operationId: 'getSession',
      summary: 'Who the daemon takes the client for, and what its changes must carry in `X-CSRF-Token`.',
      answers: {
        200: { description: 'The client, as far as it has shown who it is.', schema: sessionSchema },
      },
      problems: [400],
      isChange: false,
    },
    {
      method: 'get',
      path: '/openapi.json',
      operationId: 'getOpenApi',
      summary: 'This description.',
      answers: { 200: { description: 'OpenAPI 3.1.', schema: z.record(z.string(), z.unknown()) } },
      problems: [],
      isChange: false,
    },
  ];
}
