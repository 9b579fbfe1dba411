import type { ParsedPage, ParsedSample } from '../metrics/parse-exposition.ts';

/** One page of /metrics, asked about its databases. */
export class MetricsView {
  readonly #page: ParsedPage;

  constructor(page: ParsedPage) {
    this.#page = page;
  }

  /** The samples of a metric that carry these labels. */
  samples(name: string, labels: Readonly<Record<string, string>> = {}): readonly ParsedSample[] {
    return this.#page.samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels.get(label) === value),
    );
  }

  /** The value of the one sample that carries these labels; undefined where there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.samples(name, labels);
    if (found.length > 1) throw new Error(`${found.length} samples of ${name}`);
    return found[0]?.value;
  }

  get databases(): readonly string[] {
    return this.samples('indexwarden_target_up').map(({ labels }) => labels.get('datname') ?? '');
  }

  isUp(datname: string): boolean {
    return this.value('indexwarden_target_up', { datname }) === 1;
  }

  isDown(datname: string): boolean {
    return this.value('indexwarden_target_up', { datname }) === 0;
  }

  /** When the newest facts that are shown were read, in ms; undefined while there are none. */
  snapshotAtMs(datname: string): number | undefined {
    return inMs(this.value('indexwarden_snapshot_timestamp_seconds', { datname }));
  }

  publishedAtMs(datname: string): number | undefined {
    return inMs(this.value('indexwarden_generation_timestamp_seconds', { datname }));
  }

  /** Kinds of error that collectors failed with, each once, sorted. */
  errors(datname: string): readonly string[] {
    const kinds = this.samples('indexwarden_collector_error', { datname }).map(
      ({ labels }) => labels.get('error') ?? '',
    );
    return [...new Set(kinds)].sort();
  }

  /** Collectors whose last run succeeded (1) or failed (0). */
  collectors(datname: string, success: 0 | 1): readonly string[] {
    return this.samples('indexwarden_collector_success', { datname })
      .filter(({ value }) => value === success)
      .map(({ labels }) => labels.get('collector') ?? '');
  }

  /** Names of the facts about the database and its relations, each once: all pgindex_* but what is said of findings. */
  facts(datname: string): readonly string[] {
    const names = this.#page.samples
      .filter(({ name, labels }) => /^pgindex_/.test(name) && labels.get('datname') === datname)
      .map(({ name }) => name)
      .filter((name) => !remembered.test(name));
    return [...new Set(names)].sort();
  }

  /** Open findings as `kind index`, sorted. */
  findings(datname: string): readonly string[] {
    return this.samples('pgindex_finding', { datname })
      .map(({ labels }) => `${labels.get('kind')} ${labels.get('indexrelname') || labels.get('relname')}`)
      .sort();
  }

  /** Whether the target is up and what its findings rest on was read after a moment. */
  hasFactsSince(datname: string, sinceMs: number): boolean {
    const readAtMs = (collector: string): number =>
      inMs(this.value('indexwarden_collector_last_success_timestamp_seconds', { datname, collector })) ?? 0;
    return (
      this.isUp(datname) &&
      ['server', 'tables', 'indexes', 'index-usage'].every((collector) => readAtMs(collector) > sinceMs)
    );
  }

  /** What the page says of a database, in a few words: what a row of the table holds. */
  said(datname: string): string {
    const [failed, succeeded] = [this.collectors(datname, 0), this.collectors(datname, 1)];
    const facts = this.facts(datname);
    return [
      `target_up ${this.value('indexwarden_target_up', { datname }) ?? 'absent'}`,
      `collector_success ${[failed.length > 0 && `0 of ${failed.length}`, succeeded.length > 0 && `1 of ${succeeded.length}`].filter(Boolean).join(', ') || 'absent'}`,
      ...this.errors(datname).map((error) => `collector_error ${error}`),
      facts.length === 0 ? 'no facts' : `${facts.length} families of facts`,
    ].join('; ');
  }

  get negative(): readonly ParsedSample[] {
    return this.#page.samples.filter(({ value }) => value < 0);
  }
}

/** What is said of findings and of what is unknown is no fact that was just read: a finding stays until somebody looked and did not find it. */
const remembered = /^pgindex_(?:finding|muted_|inconclusive|lost_index|reclaimable_|usage_nodes$)/;

const inMs = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : seconds * 1_000;
