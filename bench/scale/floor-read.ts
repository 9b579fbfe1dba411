import pg from 'pg';
import { floorQuery } from './floor-query.ts';

/** Reads the floor in a transaction as the daemon's are: rows are parsed as they come, and discarded. Returns how many there were. */
export async function readFloor(client: pg.Client): Promise<number> {
  await client.query(
    'begin read only; set local search_path = pg_catalog; set local jit = off; set local max_parallel_workers_per_gather = 0',
  );
  const rows = await new Promise<number>((resolve, reject) => {
    let seen = 0;
    // Its types do not know that a query with a listener for rows takes the form of rows as well.
    const query = new pg.Query<unknown[]>({ text: floorQuery, rowMode: 'array' } as pg.QueryConfig);
    query.on('row', () => {
      seen += 1;
    });
    query.on('error', reject);
    query.on('end', () => resolve(seen));
    client.query(query);
  });
  await client.query('rollback');
  return rows;
}
