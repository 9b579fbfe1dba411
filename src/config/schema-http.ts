import { z } from 'zod';
import {
  duration,
  filePath,
  labelName,
  listenAddress,
  listOf,
  oneOf,
  onOff,
  setting,
  text,
  webUrl,
  whole,
} from './fields.ts';
import { notAnObject } from './schema-connection.ts';

/** What somebody may do who has shown who they are. */
export const roles = ['read', 'admin'] as const;

/** Parts that may be served to everybody even where everything else wants authentication. */
export const exemptions = ['metrics', 'health'] as const;

/** A token that a program or a person shows: as its hash, or in a file. */
export const HttpTokenSettings = z
  .strictObject(
    {
      name: setting(
        labelName(),
        'Whose token it is: the name that the log has for what was done with it. Unique.',
      ),
      hash: setting(
        z
          .string({ error: 'is not text' })
          .regex(/^sha256:[0-9a-f]{64}$/, { error: 'is not a hash of a token' })
          .meta({ title: 'hash of a token' }),
        '`sha256:` and the SHA-256 of the token in 64 hexadecimal digits. Excludes `file`.',
      ).optional(),
      file: setting(
        filePath(),
        'File whose only content is the token, of at least 16 characters, or its hash as above; read at start and at each reload. Excludes `hash`.',
      ).optional(),
      role: setting(oneOf(roles), '`read`: may see everything; `admin`: may change things as well.').prefault(
        'read',
      ),
    },
    notAnObject,
  )
  .meta({ title: 'token' });

export const HttpSettings = z
  .strictObject(
    {
      listen: setting(listenAddress(), 'Where metrics, API and page are served.').prefault('0.0.0.0:10187'),
      webConfigFile: setting(
        filePath(),
        'TLS, users and headers, in a file of the format that Prometheus exporters share (docs/security.md). Read again when it or a certificate changes.',
      ).optional(),
      docsBaseUrl: setting(
        webUrl(),
        'Where links to the documentation of findings point. Default: `/docs` of this daemon.',
      ).optional(),
      lifecycle: setting(
        onOff(),
        'Whether `POST /-/reload` reloads the configuration; SIGHUP always does. Where there are users or tokens, it takes an administrator.',
      ).prefault(false),
      adminTokenFile: setting(
        filePath(),
        'File whose only content is a token of at least 16 characters; read at start and at each reload. Who sends it as `Authorization: Bearer …` may change things over the API (mutes).',
      ).optional(),
      tokens: setting(
        listOf(HttpTokenSettings),
        'Further tokens for `Authorization: Bearer …` and for signing in at `/login`. As soon as one is for reading, everything wants authentication but `withoutAuthentication`.',
      ).prefault([]),
      adminUsers: setting(
        listOf(text()),
        'Those of the users of `webConfigFile` who may change things; the others read.',
      ).prefault([]),
      withoutAuthentication: setting(
        listOf(oneOf(exemptions)),
        'What is served to everybody even where users or tokens for reading are configured: `metrics` is `/metrics` and `/probe`, `health` the four paths that only tell whether the daemon lives and is ready.',
      ).prefault(['health']),
      sessionLifetime: setting(duration({ min: '1m', max: '30d' }), {
        description: 'How long somebody who signed in at `/login` stays signed in.',
        reason: 'Below a minute no form can be filled in; a month is long for a browser left open.',
      }).prefault('12h'),
      requestsPerMinute: setting(whole({ max: 1_000_000 }), {
        description:
          'Requests that one client address may make in a minute, `/metrics`, `/probe` and health not counted; what is beyond is answered with 429. `0` sets no limit.',
        reason:
          'Ten in a second are a busy reader; a million is no limit. Behind a proxy all clients share its address.',
      }).prefault(600),
      collectCooldown: setting(duration({ min: '1s', max: '1h' }), {
        description:
          'How long each target waits before it is collected from out of turn again (`POST /api/v1/collect`, the button on the page).',
        reason: 'A collection takes about a second; whoever asks once an hour can wait for the schedule.',
      }).prefault('10s'),
      requestTimeout: setting(duration({ min: '1s', max: '5m' }), {
        description: 'How long a client may take to send its request.',
        reason: 'Slower than a second are real networks; longer than five minutes only attackers.',
      }).prefault('30s'),
      maxConnections: setting(whole({ min: 1, max: 10_000 }), {
        description: 'Connections of clients at any one time.',
        reason: 'Each costs a descriptor and memory; Prometheus and a few people need a dozen.',
      }).prefault(256),
      pageSizeMax: setting(whole({ min: 1, max: 10_000 }), {
        description: 'Entries in one page of an API list.',
        reason: 'A page is built in one go; ten thousand entries are what the event loop bears.',
      }).prefault(1000),
      drainTimeout: setting(duration({ max: '5s' }), {
        description: 'How long requests under way may take to finish after SIGTERM.',
        reason: 'The daemon promises to be gone after five seconds.',
      }).prefault('4s'),
    },
    notAnObject,
  )
  .meta({ title: 'http' });
