import { expect, test } from 'vitest';
import { codeOf, collectionError } from '../../src/postgres/errors.ts';

const serverSaid = (code: string, message = 'what the server said'): Error =>
  Object.assign(new Error(message), { code });

test.each([
  ['08006', 'TargetUnavailable'],
  ['28P01', 'TargetUnavailable'],
  ['28000', 'TargetUnavailable'],
  ['3D000', 'TargetUnavailable'],
  ['53300', 'TargetUnavailable'],
  ['57P01', 'TargetUnavailable'],
  ['57P02', 'TargetUnavailable'],
  ['57P03', 'TargetUnavailable'],
  ['ECONNREFUSED', 'TargetUnavailable'],
  ['ENOTFOUND', 'TargetUnavailable'],
  ['ETIMEDOUT', 'TargetUnavailable'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'TargetUnavailable'],
  ['42501', 'NotPermitted'],
  ['57014', 'QueryTimeout'],
  ['55P03', 'QueryTimeout'],
  ['42703', 'QueryFailed'],
  ['25006', 'QueryFailed'],
  ['XX000', 'QueryFailed'],
])('%s is %s and keeps its code', (code, kind) => {
  expect(collectionError(serverSaid(code), 'tables')).toMatchObject({ kind, sqlstate: code });
});

test.each([
  'Connection terminated unexpectedly',
  'timeout expired',
  'The server does not support SSL connections',
  'Client has encountered a connection error and is not queryable',
])('node-postgres has no code for "%s": the target is unavailable', (message) => {
  expect(collectionError(new Error(message), 'tables')).toEqual({
    kind: 'TargetUnavailable',
    message: `tables: ${message}`,
  });
});

test('a lock that was not granted is said in words a person understands', () => {
  const error = collectionError(serverSaid('55P03', 'canceling statement due to lock timeout'), 'indexes');
  expect(error.message).toBe('indexes: a lock was not granted in time');
});

test.each([
  [
    { roleName: 'm', database: 'shop' },
    'permission denied for database "shop"',
    'GRANT CONNECT ON DATABASE shop TO m;',
  ],
  [
    { roleName: 'my "role"', database: 'My Shop' },
    'keine Berechtigung für Datenbank »My Shop«',
    'GRANT CONNECT ON DATABASE "My Shop" TO "my ""role""";',
  ],
  [
    { roleName: 'm' },
    'permission denied for schema indexwarden',
    'GRANT USAGE ON SCHEMA indexwarden TO m; GRANT SELECT ON indexwarden.column_statistics TO m;',
  ],
  [
    { roleName: 'm' },
    'permission denied for view column_statistics',
    'GRANT USAGE ON SCHEMA indexwarden TO m; GRANT SELECT ON indexwarden.column_statistics TO m;',
  ],
  [{ roleName: 'm' }, 'permission denied for function pg_ls_waldir', 'GRANT pg_monitor TO m;'],
])('%j: %s is mended by the very grant', (wanted, message, grant) => {
  expect(collectionError(serverSaid('42501', message), 'doing', wanted)).toMatchObject({
    kind: 'NotPermitted',
    grant,
  });
});

test('a host name with several addresses fails with the first address’s reason', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED ::1:5432'), { code: 'ECONNREFUSED' });
  const all = Object.assign(new AggregateError([refused], ''), { code: 'ECONNREFUSED' });
  expect(collectionError(all, 'connecting').message).toBe('connecting: connect ECONNREFUSED ::1:5432');
});

test('what is thrown without being an error is text too', () => {
  expect(collectionError('odd', 'tables')).toEqual({ kind: 'QueryFailed', message: 'tables: odd' });
  expect(codeOf('odd')).toBeUndefined();
});
