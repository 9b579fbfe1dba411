import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { alertSettings } from '../../scripts/alerts/files.ts';
import { prometheusFile, ruleFiles } from '../../scripts/alerts/render.ts';
import { type AlertSettings, scaled } from '../../scripts/alerts/settings.ts';
import { formatDuration, parseDuration } from '../../src/config/durations.ts';
import { instantQuery, type Monitor } from '../support/prometheus.ts';
import { inRepository } from '../support/repository.ts';

/**
 * A day lasts ten seconds: what durations, bytes and rows of the alert rules are divided by. Numbers and paces (scans and writes a
 * second) stay, and no duration is shorter than {@link shortestMs}: a rate needs some samples, a wait some evaluations.
 */
export const factor = 8640;
export const shortestMs = 2_000;
/** How often Prometheus asks and judges. */
export const stepMs = 500;

/** Why these are not staged here; each has unit tests in alerts/tests. */
export const notStaged: Readonly<Record<string, string>> = {
  IndexwardenUnusedIndex:
    'the detector says `likely` only of indexes that it has observed for 35 days, and its clock cannot be scaled',
  IndexwardenIndexGrowth: 'the detector compares with sizes that it saw seven days ago',
  IndexwardenIndexStoppedBeingUsed: 'it takes five days of use, observed by the daemon, within seven',
};

/** The rules of the committed settings, scaled, written into a folder; `change` may change the scaled settings. */
export function writeScaledRules(
  folder: string,
  change: (settings: AlertSettings) => AlertSettings,
): readonly string[] {
  const settings = change(scaled(alertSettings(), { factor, durationMsMin: shortestMs }));
  return ruleFiles(settings).map((file) => {
    const target = path.join(folder, `${file.name}.yaml`);
    writeFileSync(target, prometheusFile(file));
    return target;
  });
}

interface Route {
  readonly routes?: readonly Route[];
  readonly [key: string]: unknown;
}

/** The committed example for Alertmanager, with its durations scaled and its receivers sent to `url`/NAME. */
export function scaledAlertmanager(url: string): object {
  const example = parse(readFileSync(inRepository('alerts', 'alertmanager.yaml'), 'utf8')) as {
    readonly route: Route;
    readonly receivers: readonly { readonly name: string; readonly webhook_configs?: readonly object[] }[];
    readonly inhibit_rules: unknown;
  };
  const duration = (text: unknown): string => {
    const ms = parseDuration(String(text))?.ms ?? 0;
    return formatDuration({ ms: Math.max(1_000, Math.round(ms / factor)) });
  };
  const scaledRoute = ({ routes, ...route }: Route): Route => ({
    ...Object.fromEntries(
      Object.entries(route).map(([key, value]) => [
        key,
        /_(?:wait|interval)$/.test(key) ? duration(value) : value,
      ]),
    ),
    ...(routes === undefined ? {} : { routes: routes.map(scaledRoute) }),
  });
  return {
    route: scaledRoute(example.route),
    inhibit_rules: example.inhibit_rules,
    receivers: example.receivers.map(({ name, webhook_configs: hooks }) => ({
      name,
      ...(hooks === undefined
        ? {}
        : { webhook_configs: hooks.map((hook) => ({ ...hook, url: `${url}/${name}` })) }),
    })),
  };
}

/** Alerts that are firing now, as `Name server`. */
export async function firing(prometheus: Monitor): Promise<ReadonlySet<string>> {
  const alerts = await instantQuery(prometheus, 'ALERTS{alertstate="firing"}');
  return new Set(
    alerts.map(({ metric }) => [metric.alertname, metric.server, metric.scope].filter(Boolean).join(' ')),
  );
}

/** What fired and when it ended, for whoever wants to see it. */
export class Ledger {
  readonly #firedAtMs = new Map<string, number>();
  readonly #resolvedAtMs = new Map<string, number>();

  note(names: ReadonlySet<string>, nowMs: number): void {
    for (const name of names) if (!this.#firedAtMs.has(name)) this.#firedAtMs.set(name, nowMs);
    for (const name of this.#firedAtMs.keys())
      if (names.has(name)) this.#resolvedAtMs.delete(name);
      else if (!this.#resolvedAtMs.has(name)) this.#resolvedAtMs.set(name, nowMs);
  }

  /** What happened to it so far does not count. */
  forget(name: string): void {
    this.#firedAtMs.delete(name);
    this.#resolvedAtMs.delete(name);
  }

  get fired(): ReadonlySet<string> {
    return new Set(this.#firedAtMs.keys());
  }

  get resolved(): ReadonlySet<string> {
    return new Set(this.#resolvedAtMs.keys());
  }

  lines(startMs: number): readonly string[] {
    const second = (atMs: number | undefined): string =>
      atMs === undefined ? 'still firing' : `${((atMs - startMs) / 1000).toFixed(0)} s`;
    return [...this.#firedAtMs].map(
      ([name, atMs]) =>
        `${name.padEnd(52)} fired ${second(atMs).padStart(6)}   resolved ${second(this.#resolvedAtMs.get(name))}`,
    );
  }
}
