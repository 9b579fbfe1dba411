import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';

/** What came of one attempt to deliver. */
export type Attempt =
  | { readonly kind: 'delivered' }
  /** The receiver understood and does not want it: another attempt would end the same way. */
  | { readonly kind: 'rejected'; readonly why: string }
  /** It may be taken another time; `retryAfterMs` where the receiver said when. */
  | { readonly kind: 'failed'; readonly why: string; readonly retryAfterMs?: number };

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Ends the attempt: the time is up, or the daemon. */
  readonly signal: AbortSignal;
}

/** Statuses below 500 that pass by themselves: timeout, conflict, too early, too many requests. */
const passing = new Set([408, 409, 425, 429]);

/**
 * Posts once, on a connection of its own. Redirects are not followed, since they lead where nobody configured; of the answer only
 * the status counts and nothing of its body is read. Never rejects, and says why without the address, which may be a secret.
 */
export function post({ url, headers, body, signal }: Post): Promise<Attempt> {
  return new Promise((resolve) => {
    const failed = (error: unknown): void => resolve({ kind: 'failed', why: whyOf(error, signal) });
    try {
      const send = url.startsWith('https:') ? requestTls : requestPlain;
      const outgoing = send(url, { method: 'POST', headers, agent: false, signal }, (response) => {
        resolve(attemptOf(response.statusCode ?? 0, response.headers['retry-after']));
        response.destroy();
      });
      outgoing.on('error', failed);
      outgoing.end(body);
    } catch (caught) {
      failed(caught);
    }
  });
}

function attemptOf(status: number, retryAfter: string | undefined): Attempt {
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  if (status >= 300 && status < 400)
    return { kind: 'rejected', why: `answered ${status}, and redirects are not followed` };
  const why = `answered ${status}`;
  if (status < 500 && !passing.has(status)) return { kind: 'rejected', why };
  const seconds = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined;
  return { kind: 'failed', why, ...(seconds === undefined ? {} : { retryAfterMs: seconds * 1_000 }) };
}

/** Node's codes name no address beyond the host's; its messages may. */
function whyOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time';
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return `could not be reached (${code})`;
}
