import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { runOn, type TestServer } from './postgres.ts';

export interface TestRole {
  readonly name: string;
  /** Connection string of this role. */
  url(database: string): string;
}

/**
 * A role that may log in, with `attributes` of CREATE ROLE and membership in `groups`. A few random digits keep its name free; a role
 * of an exact name may be there already, and is taken over.
 */
export async function createRole(
  server: TestServer,
  name: string,
  options: {
    readonly attributes?: string;
    readonly groups?: readonly string[];
    readonly exactName?: boolean;
  } = {},
): Promise<TestRole> {
  const role = options.exactName === true ? name : `${name}_${randomBytes(4).toString('hex')}`;
  const quoted = pg.escapeIdentifier(role);
  const password = randomBytes(12).toString('hex');
  await runOn(
    server.url(),
    `do $$ begin create role ${quoted}; exception when duplicate_object then null; end $$;
     alter role ${quoted} login password '${password}' ${options.attributes ?? ''};
     ${(options.groups ?? []).map((group) => `grant ${group} to ${quoted};`).join('\n')}`,
  );
  return { name: role, url: (database) => server.urlFor(role, password, database) };
}

/** The least that indexwarden asks for. */
export const createMonitor = (server: TestServer): Promise<TestRole> =>
  createRole(server, 'monitor', { groups: ['pg_monitor'] });
