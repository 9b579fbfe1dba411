import { z } from 'zod';
import { type EventKind, eventKinds } from '../model/event.ts';
import { findingKinds, severities } from '../model/finding.ts';
import { duration, filePath, labelName, listOf, oneOf, setting, text, whole } from './fields.ts';
import { notAnObject } from './schema-connection.ts';

/** What somebody wants to be told of who did not say; a finding's end is not among it. */
const usualEvents: readonly EventKind[] = [
  'finding-opened',
  'finding-reopened',
  'finding-worsened',
  'findings-opened-together',
  'mute-expired',
  'index-stopped-being-used',
  'node-lost',
];

/** One place that is told of events, by HTTP POST. */
export const WebhookSettings = z
  .strictObject(
    {
      name: setting(labelName(), 'What it is called in logs and metrics; unique.'),
      url: setting(
        text(),
        'Where to post to, `https://…`. If the address itself is a secret, as Slack’s are, prefer `url_file`.',
      ).optional(),
      url_file: setting(
        filePath(),
        'File whose only content is the address; read at start and at each reload. Excludes `url`.',
      ).optional(),
      secret_file: setting(
        filePath(),
        'File whose only content is the key that bodies are signed with; without it they are not signed.',
      ).optional(),
      format: setting(
        oneOf(['json', 'slack']),
        '`json`: all that is known, as documented; `slack`: a text that Slack, Mattermost and their like show.',
      ).prefault('json'),
      events: setting(listOf(oneOf(eventKinds)), 'Kinds of events it is told of.').prefault([...usualEvents]),
      kinds: setting(
        listOf(oneOf(findingKinds)),
        'Of events about findings, only those of these kinds; all kinds if left out.',
      ).optional(),
      minSeverity: setting(
        oneOf(severities),
        'Of events about findings, only those at least as severe. Events about nothing severe or harmless always pass.',
      ).prefault('warning'),
    },
    notAnObject,
  )
  .meta({ title: 'webhook' });
export type WebhookSettings = z.output<typeof WebhookSettings>;

export const NotificationSettings = z
  .strictObject(
    {
      webhooks: setting(
        listOf(WebhookSettings),
        'Who is told of events. Findings of the first look and muted ones are told to nobody.',
      ).prefault([]),
      groupWait: setting(duration({ max: '1h' }), {
        description:
          'How long events are gathered before they are sent: one message for each server and kind, instead of one for each event.',
        reason: 'After an hour the news is none; `0s` still gathers what one evaluation yields.',
      }).prefault('30s'),
      timeout: setting(duration({ min: '100ms', max: '1m' }), {
        description: 'How long one attempt to deliver may take.',
        reason: 'Below 100 ms distant receivers always fail; a minute holds up what waits behind it.',
      }).prefault('10s'),
      attemptsMax: setting(whole({ min: 1, max: 100 }), {
        description: 'Attempts to deliver one message before it is given up.',
        reason: 'At least one is needed; a hundred with pauses are most of a day.',
      }).prefault(8),
      retryFirst: setting(duration({ min: '100ms', max: '10m' }), {
        description:
          'Pause after the first failed attempt, doubled with each further one; half of it is left to chance.',
        reason: 'Sooner than 100 ms the receiver has not recovered; ten minutes lose the first message.',
      }).prefault('2s'),
      retryMax: setting(duration({ min: '1s', max: '1h' }), {
        description: 'Longest pause between two attempts, whatever the receiver asks for.',
        reason: 'Shorter than a second is hammering; after an hour the news is none.',
      }).prefault('5m'),
      queueMax: setting(whole({ min: 1, max: 10_000 }), {
        description: 'Messages that may wait for one webhook; beyond, the oldest is dropped.',
        reason: 'Each is a few kilobytes; ten thousand are more than anybody reads.',
      }).prefault(100),
    },
    notAnObject,
  )
  .meta({ title: 'notifications' });
export type NotificationSettings = z.output<typeof NotificationSettings>;
