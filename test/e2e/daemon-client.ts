import type { Finding } from '../../src/model/finding.ts';
import { type ParsedSample, parseExposition } from '../metrics/parse-exposition.ts';

/** Everything of a list of the API, page by page. */
export async function listed<T = Record<string, unknown>>(
  address: string,
  list: string,
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = new URL(`/api/v1/${list}`, address);
    if (cursor !== '') page.searchParams.set('cursor', cursor);
    const response = await fetch(page);
    if (!response.ok) throw new Error(`${page.href} answered ${response.status}: ${await response.text()}`);
    // The API's own tests hold its shape.
    const body = (await response.json()) as { readonly items: readonly T[]; readonly next: string | null };
    items.push(...body.items);
    cursor = body.next;
  }
  return items;
}

export const findingsOf = (address: string): Promise<readonly Finding[]> =>
  listed<Finding>(address, 'findings');

/** Status and body of one path. */
export async function answerOf(
  address: string,
  path: string,
  init: RequestInit = {},
): Promise<{ readonly status: number; readonly body: string; readonly headers: Headers }> {
  const response = await fetch(new URL(path, address), init);
  return { status: response.status, body: await response.text(), headers: response.headers };
}

/** The samples of one metric, read strictly. */
export async function samplesOf(address: string, name: string): Promise<readonly ParsedSample[]> {
  const { body } = await answerOf(address, '/metrics');
  return parseExposition(body).samples.filter((sample) => sample.name === name);
}

/** `indexwarden_target_up` by database. */
export async function upByDatabase(address: string): Promise<Readonly<Record<string, number>>> {
  const samples = await samplesOf(address, 'indexwarden_target_up');
  return Object.fromEntries(samples.map(({ labels, value }) => [labels.get('datname') ?? '', value]));
}
