import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port on which nobody listens: it was free a moment ago. */
export async function closedPort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('the probe listened on no port');
  return address.port;
}

/** A connection string that leads to a port on which nobody listens. */
export async function toNobody(url: string): Promise<string> {
  const changed = new URL(url);
  changed.hostname = '127.0.0.1';
  changed.port = String(await closedPort());
  return changed.href;
}

/** Where a connection string leads. */
export function placeOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || 5432) };
}
