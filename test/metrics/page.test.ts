import { spawnSync } from 'node:child_process';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createDaemonMetrics } from '../../src/metrics/daemon.ts';
import { buildPage, measureOf } from '../../src/metrics/exposition.ts';
import { scopes as allScopes, type Scope } from '../../src/metrics/families/declare.ts';
import { allFamilies, families } from '../../src/metrics/families.ts';
import { createMetricsPage, type Selection } from '../../src/metrics/page.ts';
import { renderGeneration } from '../../src/metrics/render.ts';
import { labelBlock, labelPairs, type RenderedFamilies, SampleWriter } from '../../src/metrics/samples.ts';
import { aGeneration, takenAtMs } from '../support/builders.ts';
import { parseExposition } from './parse-exposition.ts';
import { shop, unreachable } from './scene.ts';

/** The daemon's own metrics with nothing that changes from run to run. */
const stillDaemon = {
  render: async (): Promise<RenderedFamilies> => {
    const writer = new SampleWriter();
    const version = labelBlock(labelPairs({ version: '0.1.0', node_version: 'v24.0.0' }, 200));
    writer.add(families.buildInfo, version, 1);
    writer.add(families.reloadSuccessful, '', 1);
    writer.add(families.reloadTimestamp, '', takenAtMs / 1000);
    const delivered = labelBlock(labelPairs({ webhook: 'dba-channel', outcome: 'delivered' }, 200));
    writer.add(families.webhookDeliveries, delivered, 3);
    const server = labelBlock(labelPairs({ server: 'main' }, 200));
    writer.add(families.measurementBudget, server, 17_895_697);
    writer.add(families.measurementDebt, server, 0);
    writer.add(families.webConfigSuccessful, '', 1);
    writer.add(families.webConfigTimestamp, '', takenAtMs / 1000);
    writer.add(families.storeUp, '', 1);
    writer.add(families.storeSize, '', 52_428_800);
    writer.add(families.storeLastWrite, '', takenAtMs / 1000);
    writer.add(families.processCpu, '', 1.25);
    return writer.finish();
  },
};

const intervalsMs = new Map([['tables', 300_000]] as const);
const rendered = () => [
  renderGeneration(shop(), { blockIo: true, intervalsMs }),
  renderGeneration(unreachable()),
];
/** Sizes without optional fields, which zlib does not write. */
const gzipHeaderBytes = 10;
const gzipTrailerBytes = 8;
/** What `info: true` makes of a result; the types of Node.js do not know it. */
interface InflateInfo {
  readonly engine: { readonly bytesWritten: number };
}

const goldenOf = (file: string) => new URL(`../golden/${file}`, import.meta.url).pathname;

describe('the page', () => {
  test('in the text format', async () => {
    const page = await createMetricsPage(stillDaemon);
    await Promise.all(rendered().map((target) => page.publish(target)));
    await expect(page.prepared('text', false).body.toString()).toMatchFileSnapshot(
      goldenOf('metrics-page.prom'),
    );
  });

  test('in OpenMetrics', async () => {
    const page = await createMetricsPage(stillDaemon);
    await Promise.all(rendered().map((target) => page.publish(target)));
    await expect(page.prepared('openmetrics', false).body.toString()).toMatchFileSnapshot(
      goldenOf('metrics-page.openmetrics'),
    );
  });

  test('has each family once and in one piece over all targets, and one end', async () => {
    const parts = [...rendered(), await stillDaemon.render()];
    const text = parseExposition(buildPage(parts, 'text'));
    const openmetrics = parseExposition(buildPage(parts, 'openmetrics'));
    expect(text.hasEnd).toBe(false);
    expect(openmetrics.hasEnd).toBe(true);
    expect(openmetrics.samples).toEqual(text.samples);
    expect(text.families.every((family) => family.help !== '' && family.type !== '')).toBe(true);
    const up = text.families.find((family) => family.name === 'indexwarden_target_up');
    expect(up?.samples.map((sample) => sample.value)).toEqual([1, 0]);
  });

  test('names counters and infos in OpenMetrics without their suffixes, and their units', async () => {
    const { families: shown } = parseExposition(buildPage(rendered(), 'openmetrics'));
    const named = (name: string) => shown.find((family) => family.name === name);
    expect(named('pgindex_scans')).toMatchObject({ type: 'counter', unit: undefined });
    expect(named('pgindex')?.type).toBe('info');
    expect(named('pgindex_size_bytes')).toMatchObject({ type: 'gauge', unit: 'bytes' });
    for (const { name, unit } of shown) if (unit !== undefined) expect(name.endsWith(`_${unit}`)).toBe(true);
  });

  test('knows its own number of series and size', async () => {
    const parts = [...rendered(), await stillDaemon.render()];
    const page = buildPage([...parts, measureOf(parts)], 'text');
    const { samples } = parseExposition(page);
    const reading = (name: string) => samples.find((sample) => sample.name === name)?.value;
    expect(reading('indexwarden_exposition_series')).toBe(samples.length);
    expect(reading('indexwarden_exposition_bytes')).toBe(Buffer.byteLength(page));
  });

  test('is one gzip member of the very same bytes', async () => {
    const page = await createMetricsPage(stillDaemon);
    await page.publish(renderGeneration(shop()));
    for (const format of ['text', 'openmetrics'] as const) {
      const { body, contentEncoding } = page.prepared(format, true);
      expect(contentEncoding).toBe('gzip');
      expect(gunzipSync(body).equals(page.prepared(format, false).body)).toBe(true);
      // A raw inflater stops at the end of the first member: behind it there is only that member's trailer.
      const { engine } = inflateRawSync(body.subarray(gzipHeaderBytes), {
        info: true,
      }) as unknown as InflateInfo;
      expect(gzipHeaderBytes + engine.bytesWritten + gzipTrailerBytes).toBe(body.length);
    }
  });
});

describe('a part of the page', () => {
  const published = async () => {
    const page = await createMetricsPage(stillDaemon);
    await Promise.all(rendered().map((target) => page.publish(target)));
    return page;
  };
  const textOf = async (page: Awaited<ReturnType<typeof published>>, selection: Selection) => {
    const part = await page.part(selection, 'text', false);
    return part?.body.toString();
  };
  const familiesIn = (text: string | undefined) =>
    parseExposition(text ?? '').families.map(({ name }) => name);

  test('of one target has nothing of the others and nothing of the daemon but its own measure', async () => {
    const text = await textOf(await published(), { target: 'main/shop' });
    const { samples } = parseExposition(text ?? '');
    const ofTargets = samples.filter(({ name }) => !name.startsWith('indexwarden_exposition'));
    expect(new Set(ofTargets.map(({ labels }) => labels.get('datname')))).toEqual(new Set(['shop']));
    expect(samples.find(({ name }) => name === 'indexwarden_exposition_series')?.value).toBe(samples.length);
    expect(text).not.toContain('indexwarden_build_info');
  });

  test('of a server has all of its targets', async () => {
    const text = await textOf(await published(), { target: 'main' });
    expect(text).toContain('datname="shop"');
    expect(text).toContain('datname="archive"');
  });

  test('is nothing where no target has the name: names are compared, not matched', async () => {
    const page = await published();
    for (const target of ['', 'mai', 'main/', 'main/sho', 'MAIN', '*', 'main/shop/', 'http://127.0.0.1/'])
      expect(page.part({ target }, 'text', false), target).toBeUndefined();
  });

  test('by scope has exactly the families of it', async () => {
    const page = await published();
    const expected = (asked: readonly Scope[]) => {
      const whole = new Set(familiesIn(page.prepared('text', false).body.toString()));
      return allFamilies
        .filter(({ name, per }) => whole.has(name) && asked.includes(per))
        .map(({ name }) => name);
    };
    for (const asked of [['index'], ['finding', 'table'], ['daemon'], [...allScopes]] satisfies Scope[][])
      expect(familiesIn(await textOf(page, { scopes: asked }))).toEqual(expected(asked));
    expect(expected(['index']).length).toBeGreaterThan(3);
  });

  test('is gzipped and OpenMetrics like the whole, and of the generation that is served now', async () => {
    const page = await published();
    const ask = { target: 'main/shop', scopes: ['index'] } as const;
    const gzipped = await page.part(ask, 'openmetrics', true);
    expect(gzipped?.contentEncoding).toBe('gzip');
    expect(gunzipSync(gzipped?.body ?? '').toString()).toMatch(/# EOF\n$/);
    expect(await textOf(page, ask)).toContain('orders_a_idx');
    await page.publish(renderGeneration(aGeneration()));
    expect(await textOf(page, ask)).not.toContain('orders_a_idx');
    await page.retain([]);
    expect(page.part(ask, 'text', false)).toBeUndefined();
  });

  test('however many are asked for, few are kept', async () => {
    const page = await published();
    const subsets = Array.from({ length: 2 ** allScopes.length - 1 }, (_, mask) =>
      allScopes.filter((_scope, place) => ((mask + 1) >> place) & 1),
    );
    for (const format of ['text', 'openmetrics'] as const)
      for (const scopes of subsets) expect(await page.part({ scopes }, format, false)).toBeDefined();
  });
});

describe('publishing', () => {
  const pageText = (page: Awaited<ReturnType<typeof createMetricsPage>>) =>
    page.prepared('text', false).body.toString();

  test('before the first generation the page has the daemon alone', async () => {
    const page = await createMetricsPage(stillDaemon);
    expect(pageText(page)).toContain('indexwarden_build_info');
    expect(pageText(page)).not.toContain('pgindex_');
  });

  test('what is served changes in one step, with all that was published meanwhile', async () => {
    const page = await createMetricsPage(stillDaemon);
    const first = page.publish(renderGeneration(shop()));
    const before = pageText(page);
    expect(before).not.toContain('pgindex_');
    const second = page.publish(renderGeneration(unreachable()));
    const third = page.refresh();
    await first;
    await Promise.all([second, third]);
    expect(pageText(page)).toContain('datname="archive"');
    expect(pageText(page)).toContain('datname="shop"');
  });

  test('a new generation replaces the old one: series that are gone are gone', async () => {
    const page = await createMetricsPage(stillDaemon);
    await page.publish(renderGeneration(shop()));
    await page.publish(renderGeneration(aGeneration()));
    expect(pageText(page)).not.toContain('orders_a_idx');
    expect(pageText(page)).toContain('indexwarden_target_up{server="main",datname="shop"} 1');
  });

  test('targets that are no longer configured leave the page', async () => {
    const page = await createMetricsPage(stillDaemon);
    await Promise.all(rendered().map((target) => page.publish(target)));
    await page.retain([{ server: 'main', datname: 'archive' }]);
    expect(pageText(page)).not.toContain('datname="shop"');
  });

  test('a page that cannot be made leaves the one before, and the next one is made', async () => {
    let isBroken = false;
    const page = await createMetricsPage({
      render: () => (isBroken ? Promise.reject(new Error('broken')) : stillDaemon.render()),
    });
    isBroken = true;
    await expect(page.publish(renderGeneration(shop()))).rejects.toThrow('broken');
    expect(pageText(page)).toContain('indexwarden_build_info');
    isBroken = false;
    await page.refresh();
    expect(pageText(page)).toContain('datname="shop"');
  });
});

describe("the daemon's own metrics", () => {
  const daemon = () =>
    createDaemonMetrics({ version: '0.1.0', nodeVersion: 'v20.19.0', configLoadedAtMs: takenAtMs });

  test('are declared ones, of this daemon alone', async () => {
    const [one, other] = [daemon(), daemon()];
    one.reloaded(false, takenAtMs + 1000);
    const { samples } = parseExposition(buildPage([await one.render()], 'text'));
    const reading = (name: string) => samples.find((sample) => sample.name === name)?.value;
    expect(reading('indexwarden_config_last_reload_successful')).toBe(0);
    expect(reading('indexwarden_config_last_reload_success_timestamp_seconds')).toBe(takenAtMs / 1000);
    expect(reading('process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(reading('process_resident_memory_bytes')).toBeGreaterThan(0);
    expect(reading('nodejs_heap_size_used_bytes')).toBeGreaterThan(0);
    const untouched = buildPage([await other.render()], 'text');
    expect(untouched).toContain('indexwarden_config_last_reload_successful 1');
  });

  test('every declared process metric is really there (on Linux)', async () => {
    const { lines } = await daemon().render();
    const missing = allFamilies
      .filter((family) => family.per === 'process')
      .filter((family) => !lines.has(family.name))
      .map((family) => family.name);
    const comesLater = ['nodejs_gc_duration_seconds', 'nodejs_eventloop_lag_seconds'];
    expect(missing.filter((name) => process.platform === 'linux' && !comesLater.includes(name))).toEqual([]);
  });
});

describe('promtool check metrics', () => {
  const isInstalled = spawnSync('promtool', ['--version']).error === undefined;

  test('promtool is there in CI', () => {
    if (process.env.CI === 'true') expect(isInstalled, 'apt-get install prometheus').toBe(true);
  });

  test.skipIf(!isInstalled)('has nothing to say (skipped where promtool is not installed)', async () => {
    const daemon = createDaemonMetrics({
      version: '0.1.0',
      nodeVersion: 'v20.19.0',
      configLoadedAtMs: takenAtMs,
    });
    const page = await createMetricsPage(daemon);
    await Promise.all(rendered().map((target) => page.publish(target)));
    const { body } = page.prepared('text', false);
    const check = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
    expect(`${check.stdout}${check.stderr}`).toBe('');
    expect(check.status).toBe(0);
  });
});

test('every declared family is on the page of a busy scene, or is about the process', async () => {
  const parts = [...rendered(), await stillDaemon.render()];
  const page = buildPage([...parts, measureOf(parts)], 'text');
  const missing = allFamilies
    .filter((family) => family.per !== 'process')
    .filter((family) => !page.includes(`# TYPE ${family.name} `))
    .map((family) => family.name);
  expect(missing).toEqual([]);
});
