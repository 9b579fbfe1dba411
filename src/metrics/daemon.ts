import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { secondMs } from '../model/units.ts';
import type { Family } from './families/declare.ts';
import { allFamilies, families } from './families.ts';
import { labelBlock, labelPairs, type RenderedFamilies, SampleWriter } from './samples.ts';

/** What the daemon says about itself. One per daemon; nothing is kept in prom-client's global registry. */
export interface DaemonMetrics {
  /** Where other parts of the daemon put gauges and counters that {@link families} declares; see {@link gaugeOf}. */
  readonly registry: Registry;
  /** Notes an attempt to load the configuration. */
  reloaded(isSuccessful: boolean, atMs: number): void;
  /** Notes an attempt to read the web configuration file; its metrics are absent until then. */
  webConfigRead(isSuccessful: boolean, atMs: number): void;
  /** Notes how it stands with the file that history is kept in; its metrics are absent until then. */
  stored(facts: StoreFacts): void;
  render(): Promise<RenderedFamilies>;
}

export interface DaemonFacts {
  readonly version: string;
  readonly nodeVersion: string;
  /** When the configuration was loaded that the daemon started with. */
  readonly configLoadedAtMs: number;
}

export interface StoreFacts {
  readonly isUp: boolean;
  readonly sizeBytes: number;
  readonly lastWriteAtMs: number;
}

export function createDaemonMetrics(facts: DaemonFacts): DaemonMetrics {
  const registry = new Registry();
  gaugeOf(registry, families.buildInfo).set({ version: facts.version, node_version: facts.nodeVersion }, 1);
  const successful = gaugeOf(registry, families.reloadSuccessful);
  const timestamp = gaugeOf(registry, families.reloadTimestamp);
  const reloaded = (isSuccessful: boolean, atMs: number): void => {
    successful.set(isSuccessful ? 1 : 0);
    if (isSuccessful) timestamp.set(atMs / secondMs);
  };
  reloaded(true, facts.configLoadedAtMs);
  adoptProcessMetrics(registry);
  return {
    registry,
    reloaded,
    webConfigRead: webConfigGauges(registry),
    stored: storeGauges(registry),
    render: () => renderRegistry(registry),
  };
}

/** As with the store: gauges without labels show a zero from the moment they exist. */
function webConfigGauges(registry: Registry): DaemonMetrics['webConfigRead'] {
  let gauges: { readonly successful: Gauge; readonly timestamp: Gauge } | undefined;
  return (isSuccessful, atMs) => {
    gauges ??= {
      successful: gaugeOf(registry, families.webConfigSuccessful),
      timestamp: gaugeOf(registry, families.webConfigTimestamp),
    };
    gauges.successful.set(isSuccessful ? 1 : 0);
    if (isSuccessful) gauges.timestamp.set(atMs / secondMs);
  };
}

/** Gauges without labels show a zero from the moment they exist: these exist once there is something to say. */
function storeGauges(registry: Registry): DaemonMetrics['stored'] {
  let gauges: { readonly up: Gauge; readonly size: Gauge; readonly lastWrite: Gauge } | undefined;
  return ({ isUp, sizeBytes, lastWriteAtMs }) => {
    gauges ??= {
      up: gaugeOf(registry, families.storeUp),
      size: gaugeOf(registry, families.storeSize),
      lastWrite: gaugeOf(registry, families.storeLastWrite),
    };
    gauges.up.set(isUp ? 1 : 0);
    gauges.size.set(sizeBytes);
    gauges.lastWrite.set(lastWriteAtMs / secondMs);
  };
}

export const gaugeOf = (registry: Registry, family: Family): Gauge =>
  new Gauge({
    name: family.name,
    help: family.help,
    labelNames: [...family.labels],
    registers: [registry],
  });

export const counterOf = (registry: Registry, family: Family): Counter =>
  new Counter({
    name: family.name,
    help: family.help,
    labelNames: [...family.labels],
    registers: [registry],
  });

/**
 * Takes over those of prom-client's own metrics that are declared, by name: the set as a whole holds gauges that end in `_total`
 * and fails `promtool check metrics`. Metrics that one `collect` fills together stay in their order.
 */
function adoptProcessMetrics(registry: Registry): void {
  const everything = new Registry();
  collectDefaultMetrics({ register: everything });
  const wanted = new Set(allFamilies.filter((family) => family.per === 'process').map(({ name }) => name));
  for (const { name } of everything.getMetricsAsArray()) {
    const metric = wanted.has(name) ? everything.getSingleMetric(name) : undefined;
    if (metric !== undefined) registry.registerMetric(metric);
  }
}

/**
 * prom-client collects, but does not write: its OpenMetrics output renames counters for good, which the text page would then show.
 */
async function renderRegistry(registry: Registry): Promise<RenderedFamilies> {
  const writer = new SampleWriter();
  const declared = new Map<string, Family>(allFamilies.map((family) => [family.name, family]));
  for (const metric of await registry.getMetricsAsJSON()) {
    const family = declared.get(metric.name);
    if (family === undefined) throw new Error(`the metric ${metric.name} is not declared`);
    for (const sample of samplesOf(metric)) {
      const labels = Object.fromEntries(
        Object.entries(sample.labels).map(([name, value]) => [name, String(value)]),
      );
      const block = labelBlock(labelPairs(labels, daemonLabelBytesMax));
      writer.addNamed(family, sample.metricName ?? metric.name, block, sample.value);
    }
  }
  return writer.finish();
}

/** The daemon's own label values are short words; this only bounds what nobody thought of. */
const daemonLabelBytesMax = 200;

interface Sample {
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  readonly value: number;
  readonly metricName?: string;
}

/** prom-client types its samples without the names and values that every kind of metric gives them. */
const samplesOf = (metric: object): readonly Sample[] =>
  'values' in metric && Array.isArray(metric.values) ? (metric.values as readonly Sample[]) : [];
