import { whyNoToken } from './http-tokens.ts';
import { formatPath, type Problem } from './problems.ts';
import { Secret } from './redact.ts';
import { readNamedFile, type Surroundings } from './surroundings.ts';
import type { LocatedProblem } from './validation.ts';
import { isRecord } from './yaml-file.ts';

/** A webhook's address and key, found for the entry at the same place of `notifications.webhooks`. */
export interface WebhookSecrets {
  /** Its path may be a secret by itself. */
  readonly url: Secret;
  readonly signingKey?: Secret;
}

/** What the configuration keeps in files besides the connections' secrets. */
export interface FoundSecrets {
  /** Who shows it may change things over HTTP; absent: nobody may. */
  readonly adminToken?: Secret;
  readonly webhooks: ReadonlyMap<number, WebhookSecrets>;
  readonly problems: readonly LocatedProblem[];
  readonly warnings: readonly string[];
}

/** Reads the files that the unvalidated document names, so that all its problems are known at once. */
export function findSecrets(
  document: Readonly<Record<string, unknown>>,
  place: { readonly surroundings: Surroundings; readonly folder?: string },
): FoundSecrets {
  const problems: LocatedProblem[] = [];
  const warnings: string[] = [];
  const problem = (steps: readonly PropertyKey[], rest: Omit<Problem, 'path'>): undefined => {
    problems.push({ steps, path: formatPath(steps), ...rest });
  };
  const read = (steps: readonly PropertyKey[], file: unknown): string | undefined => {
    if (typeof file !== 'string' || file === '') return undefined;
    const found = readNamedFile(place.surroundings, file, place.folder);
    if (!found.ok)
      return problem(steps, {
        message: found.error.message,
        value: found.error.path,
        hint: 'is the path right, and may the user that runs indexwarden read it?',
      });
    const content = found.value.trim();
    return content === '' ? problem(steps, { message: 'the file is empty', value: file }) : content;
  };

  const webhooks = new Map<number, WebhookSecrets>();
  const names = new Set<unknown>();
  for (const [at, webhook] of webhooksOf(document).entries()) {
    if (!isRecord(webhook)) continue;
    const steps = ['notifications', 'webhooks', at];
    if (typeof webhook.name === 'string' && names.has(webhook.name))
      problem([...steps, 'name'], {
        message: 'another webhook has this name already',
        hint: 'names must be unique',
      });
    names.add(webhook.name);
    if (webhook.url !== undefined && webhook.url_file !== undefined)
      problem([...steps, 'url_file'], { message: 'stands beside url', hint: 'keep one of the two' });
    if (webhook.url === undefined && webhook.url_file === undefined)
      problem([...steps, 'url'], {
        message: 'is missing',
        hint: 'give the address, or a file that holds it in url_file',
      });
    const fromFile = read([...steps, 'url_file'], webhook.url_file);
    const url = typeof webhook.url === 'string' ? webhook.url : fromFile;
    const key = read([...steps, 'secret_file'], webhook.secret_file);
    const from = [...steps, webhook.url === undefined ? 'url_file' : 'url'];
    if (url === undefined) continue;
    const why = whyNoWebhook(url);
    // What was written is not shown: its path may be the receiver's password.
    if (why !== undefined)
      problem(from, { message: why, hint: 'like https://hooks.example.com/indexwarden' });
    else {
      if (url.startsWith('http:') && !isLocal(url))
        warnings.push(`${formatPath(from)}: is not https, so that everybody on the way reads what is sent`);
      webhooks.set(at, {
        url: new Secret(url),
        ...(key === undefined ? {} : { signingKey: new Secret(key) }),
      });
    }
  }

  const steps = ['http', 'adminTokenFile'];
  const token = isRecord(document.http) ? read(steps, document.http.adminTokenFile) : undefined;
  const why = token === undefined ? undefined : whyNoToken(token);
  if (why !== undefined) problem(steps, why);
  return {
    ...(token === undefined ? {} : { adminToken: new Secret(token) }),
    webhooks,
    problems,
    warnings,
  };
}

const webhooksOf = ({ notifications }: Readonly<Record<string, unknown>>): readonly unknown[] =>
  isRecord(notifications) && Array.isArray(notifications.webhooks) ? notifications.webhooks : [];

function whyNoWebhook(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is not a web address';
  const { protocol, username, password } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return 'is neither http nor https';
  return username === '' && password === '' ? undefined : 'holds a user or a password';
}

const isLocal = (text: string): boolean => /^(?:localhost|127\.|\[::1\])/.test(new URL(text).hostname);
