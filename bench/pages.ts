import { performance } from 'node:perf_hooks';
import Table from 'cli-table3';
import { createObjects } from '../src/http/objects.ts';
import { defaultHttpOptions } from '../src/http/options.ts';
import { findingsPage } from '../src/http/pages/findings/list.ts';
import { overviewPage } from '../src/http/pages/overview.ts';
import { renderPage } from '../src/http/pages/page.ts';
import type { PageHandler, PageRequest, PageSources } from '../src/http/pages/serve.ts';
import { MiB } from '../src/model/units.ts';
import { memoryStore } from '../src/store/store.ts';
import { knowledgeOf } from '../test/http/daemon.ts';
import { aFinding, aGeneration, takenAtMs } from '../test/support/builders.ts';

/*
 * npm run bench:pages [-- FINDINGS]
 *
 * How long a page takes with many findings (10,000 unless another number is given), and how large it is: the first time after a
 * generation was published, and again. The aims are 50 ms and 100 kB for a first page.
 */

const findings = Number(process.argv[2] ?? 10_000);
const runs = 21;
const severities = ['critical', 'warning', 'info', 'info', 'info'] as const;

const generationOf = () =>
  aGeneration({
    findings: Array.from({ length: findings }, (_, place) =>
      aFinding({
        id: place.toString(16).padStart(16, '0'),
        relname: `table_${place % 900}`,
        schemaname: `schema_${place % 20}`,
        indexrelname: `index_${place}`,
        title: `schema_${place % 20}.index_${place} on table_${place % 900} (a, b) was not scanned once in 43 d; dropping it frees 12 MiB`,
        severity: severities[place % severities.length] ?? 'info',
        impact: { reclaimableBytes: ((place * 7_919) % 5_000) * MiB },
      }),
    ),
  });

let generations = [generationOf()];
const sources: PageSources = {
  generations: () => generations,
  waitingFor: () => [],
  nextRunAtMs: () => null,
  measuringBudgetOf: () => undefined,
  diary: memoryStore(),
  objects: createObjects(() => generations),
  knowledge: knowledgeOf(() => generations),
  now: () => takenAtMs,
  options: { ...defaultHttpOptions, version: '0.0.0', docsDirectory: '/nonexistent' },
  log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
};

const requestFor = (url: string): PageRequest => ({
  query: new URLSearchParams(url.split('?')[1] ?? ''),
  url,
  param: () => '',
  access: { isAdministrator: false, hasAdministrators: false, csrfToken: undefined, name: null },
  nowMs: takenAtMs,
});

async function render(
  handler: PageHandler,
  url: string,
): Promise<{ readonly ms: number; readonly bytes: number }> {
  const request = requestFor(url);
  const startMs = performance.now();
  const answer = await handler(request);
  if (answer.kind !== 'page') throw new Error(`${url} is no page but ${JSON.stringify(answer)}`);
  const bytes = Buffer.byteLength(renderPage(answer.page));
  return { ms: performance.now() - startMs, bytes };
}

const table = new Table({ head: ['page', 'first, ms', 'again, median ms', 'kB'] });
for (const [url, handler] of [
  ['/', overviewPage(sources)],
  ['/findings', findingsPage(sources)],
  ['/findings?group=table', findingsPage(sources)],
  ['/findings?text=index_77&sort=size', findingsPage(sources)],
  ['/findings?severity=critical&sort=age', findingsPage(sources)],
] as const) {
  await render(handler, url);
  const first: number[] = [];
  const again: number[] = [];
  let bytes = 0;
  for (let run = 0; run < runs; run += 1) {
    // Sorted views are kept as long as their generation is.
    generations = [{ ...(generations[0] ?? generationOf()) }];
    first.push((await render(handler, url)).ms);
    const second = await render(handler, url);
    again.push(second.ms);
    bytes = second.bytes;
  }
  table.push([url, median(first), median(again), (bytes / 1000).toFixed(1)]);
}
console.log(`${findings} findings, ${runs} runs each`);
console.log(table.toString());

function median(values: readonly number[]): string {
  return (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0).toFixed(1);
}
