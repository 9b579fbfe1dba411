import pg from 'pg';
import { readFloor } from './floor-read.ts';

/*
 * The process that reads the floor: told over its channel to connect anew or to read, it answers with the time and the CPU it took. Rows
 * are parsed by node-postgres and discarded as they come.
 */

export interface FloorCommand {
  readonly url: string;
  /** Over a new connection, connecting included. */
  readonly isFresh: boolean;
}

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
  });
  opened.on('error', () => {});
  await opened.connect();
  return opened;
}

async function answer(command: FloorCommand): Promise<FloorAnswer> {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  if (command.isFresh) {
    await client?.end();
    client = undefined;
  }
  client ??= await connect(command.url);
  const rows = await readFloor(client);
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
