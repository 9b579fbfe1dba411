import type { Family } from '../../src/metrics/families/declare.ts';

/** What a dashboard's variables choose: the matchers that every selector of its panels carries. */
export type Scope = readonly string[];

/** `job` is what Prometheus calls the daemon; with "All" it matches whatever has these metrics. */
const fromDaemon = 'job=~"$job"';

/** Several databases of several servers. */
export const chosenDatabases: Scope = [fromDaemon, 'server=~"$server"', 'datname=~"$datname"'];
export const oneDatabase: Scope = [fromDaemon, 'server="$server"', 'datname="$datname"'];
export const oneTable: Scope = [...oneDatabase, 'schemaname="$schemaname"', 'relname="$relname"'];
export const oneIndex: Scope = [...oneTable, 'indexrelname="$indexrelname"'];
/** Several daemons, whatever they watch. */
export const chosenDaemons: Scope = [fromDaemon, 'instance=~"$instance"'];

/** The part of a scope that every family with a database has: the narrower ones begin with it. */
export const targetsOf = (scope: Scope): Scope => scope.slice(0, oneDatabase.length);

export const byTarget = ['server', 'datname'] as const;
export const byTable = [...byTarget, 'schemaname', 'relname'] as const;
export const byIndex = [...byTable, 'indexrelname'] as const;

/** The series of a family: `pgindex_size_bytes{job=~"$job",…}`. */
export const select = (family: Family, scope: Scope, ...matchers: readonly string[]): string =>
  `${family.name}{${[...scope, ...matchers].join(', ')}}`;

/**
 * A gauge by its own labels (or those given): what two daemons say of the same thing, or one daemon that is scraped twice, counts
 * once. Where they differ the larger value is taken, of times the newer.
 */
export const once = (
  family: Family,
  scope: Scope,
  options: { readonly by?: readonly string[]; readonly where?: readonly string[] } = {},
): string =>
  `max by (${(options.by ?? family.labels).join(', ')}) (${select(family, scope, ...(options.where ?? []))})`;

/** The same of a counter, as its increase per second. */
export const rateOnce = (family: Family, scope: Scope, by: readonly string[] = family.labels): string =>
  `max by (${by.join(', ')}) (rate(${select(family, scope)}[$__rate_interval]))`;

/** The increase of a counter over the time range that the dashboard shows. */
export const increaseOnce = (family: Family, scope: Scope, by: readonly string[] = family.labels): string =>
  `max by (${by.join(', ')}) (increase(${select(family, scope)}[$__range]))`;

/** Grafana reads times in milliseconds. */
export const asTime = (expression: string): string => `${expression} * 1000`;
