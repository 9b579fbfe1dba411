import { isIPv4, isIPv6 } from 'node:net';
import { err, ok, type Result } from '../model/result.ts';

/** Where the HTTP server listens; without a host, on all addresses. */
export interface ListenAddress {
  readonly host?: string;
  readonly port: number;
}

/** Splits `host:port`, `[v6]:port` or `:port`; port 0 lets the system choose. The error completes "http.listen …". */
export function parseListenAddress(text: string): Result<ListenAddress, string> {
  const parts = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (parts === null) return err('is not a listen address');
  const [, bracketed, plain, digits] = parts;
  const port = Number(digits);
  if (port > 65_535) return err('has a port above 65535');
  if (bracketed !== undefined) {
    return isIPv6(bracketed)
      ? ok({ host: bracketed, port })
      : err('has no IPv6 address between its brackets');
  }
  if (plain === undefined || plain === '' || plain === '*') return ok({ port });
  return isIPv4(plain) || isHostName(plain) ? ok({ host: plain, port }) : err('has a malformed host');
}

/** Whether only this machine reaches it. */
export const isLoopback = ({ host }: ListenAddress): boolean =>
  host !== undefined && /^(?:localhost\.?|127(?:\.\d+){3}|::1|0:0:0:0:0:0:0:1)$/i.test(host);

/** A host name has letters; four numbers that are no IPv4 address are a slip of the pen. */
const isHostName = (name: string): boolean =>
  /^(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?$/.test(name) && /[A-Za-z]/.test(name);
