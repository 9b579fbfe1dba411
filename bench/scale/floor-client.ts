import pg from 'pg';
import { factTypes } from '../../src/postgres/rows.ts';
import { floorQuery } from './floor-query.ts';

/*
 * The process that reads the floor: told over its channel to connect anew or to read, it answers with the time and the CPU it took. Rows
 * are parsed by node-postgres and discarded as they come.
 */

export type FloorCommand =
  | { readonly kind: 'read'; readonly url: string; readonly isFresh: boolean }
  | {
      readonly kind: 'files';
      readonly url: string;
      readonly files: readonly (readonly [text: string, values: readonly unknown[]])[];
    };

export interface FloorAnswer {
  readonly rows: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly serverPid: number;
}

let client: pg.Client | undefined;

async function connect(url: string): Promise<pg.Client> {
  const opened = new pg.Client({
    connectionString: url,
    application_name: 'floor',
    keepAlive: true,
    types: factTypes,
  });
  opened.on('error', () => {});
  await opened.connect();
  return opened;
}

function discard(connection: pg.Client, text: string, values: readonly unknown[]): Promise<number> {
  return new Promise((resolve, reject) => {
    let rows = 0;
    const query = new pg.Query<unknown[]>({ text, values: [...values], rowMode: 'array' } as pg.QueryConfig);
    query.on('row', () => {
      rows += 1;
    });
    query.on('error', reject);
    query.on('end', () => resolve(rows));
    connection.query(query);
  });
}

async function answer(command: FloorCommand): Promise<FloorAnswer> {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  if (command.kind === 'read' && command.isFresh) {
    await client?.end();
    client = undefined;
  }
  client ??= await connect(command.url);
  await client.query(
    'begin read only; set local search_path = pg_catalog; set local jit = off; set local max_parallel_workers_per_gather = 0',
  );
  const asked = command.kind === 'read' ? ([[floorQuery, []]] as const) : command.files;
  let rows = 0;
  for (const [text, values] of asked) rows += await discard(client, text, values);
  await client.query('rollback');
  const used = process.cpuUsage(cpu);
  // What the library keeps to itself and its types do not name.
  const { processID } = client as unknown as { readonly processID: number };
  return {
    rows,
    wallMs: performance.now() - wall,
    cpuMs: (used.user + used.system) / 1e3,
    serverPid: processID,
  };
}

process.on('message', (command: FloorCommand) => {
  answer(command).then(
    (read) => process.send?.({ ok: true, value: read }),
    (caught: unknown) => process.send?.({ ok: false, error: String(caught) }),
  );
});
