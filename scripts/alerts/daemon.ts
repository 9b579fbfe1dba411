import { linksOf, reasons } from './finding-alerts.ts';
import { amount, one, span, targetLabels, unlessDown } from './promql.ts';
import type { AlertingRule, Severity } from './rules.ts';
import type { AlertSettings, Measure } from './settings.ts';

type Duration = Extract<Measure, { kind: 'duration' }>;

interface Draft {
  readonly name: string;
  readonly severity?: Severity;
  readonly labels?: Readonly<Record<string, string>>;
  readonly expr: string;
  readonly wait: Duration;
  readonly thresholds?: readonly Measure[];
  readonly summary: string;
  readonly description: string;
  readonly dashboard?: string;
}

/** Alerts about the daemon, what it reads, and the databases that it cannot reach. */
export function daemonAlerts(settings: AlertSettings): readonly AlertingRule[] {
  const drafts = [
    ...aboutCollections(settings),
    ...aboutPages(settings.daemon),
    ...aboutTargets(settings.daemon),
  ];
  return drafts.map((draft) => toRule(draft, settings));
}

function toRule(draft: Draft, settings: AlertSettings): AlertingRule {
  const { name, severity = 'warning', wait, thresholds = [], dashboard = 'indexwarden-daemon' } = draft;
  return {
    comment: reasons([...thresholds, wait]).join('\n'),
    alert: name,
    expr: draft.expr,
    for: span(wait),
    labels: { severity, ...draft.labels },
    annotations: {
      summary: draft.summary,
      description: draft.description,
      ...linksOf(name, settings, dashboard),
    },
  };
}

/** `- db` for the first databases that a query for the alert's labels returns. */
const databases = (topMax: number, selector: string, labels: readonly string[], value = ''): string => {
  const given = labels.map((label) => `$labels.${label}`).join(' ');
  return `{{ range printf \`topk(${topMax}, ${selector})\` ${given} | query }}\n- {{ .Labels.datname }}${value}{{ end }}`;
};

function aboutCollections({ daemon, shared }: AlertSettings): readonly Draft[] {
  const { factLost, collectionStale, neverSucceeded } = daemon;
  const top = shared.topMax.kind === 'number' ? shared.topMax.number : 5;
  const collectorLabels = `${targetLabels}, collector`;
  const failing = `${one(collectorLabels, 'indexwarden_collector_success')} == 0
  unless on (${collectorLabels}) indexwarden_collector_last_success_timestamp_seconds
  ${unlessDown}`;
  return [
    {
      name: 'IndexwardenFactLost',
      wait: factLost.for,
      expr: 'count by (server, fact) (indexwarden:fact:lost)',
      summary: '{{ $labels.fact }} can no longer be read on {{ $labels.server }} ({{ $value }} databases)',
      description: `The role of the daemon could read it and cannot any more. What it cannot see is unknown, not healthy. The targets list of the API has the GRANT that mends it. The first databases:${databases(top, 'indexwarden:fact:lost{server=%q,fact=%q}', ['server', 'fact'])}`,
    },
    {
      name: 'IndexwardenCollectionStale',
      wait: collectionStale.for,
      thresholds: [collectionStale.intervalsMax, collectionStale.ageMin],
      expr: 'count by (server, collector) (indexwarden:collection:stale_seconds)',
      summary: 'Collector {{ $labels.collector }} is stale on {{ $labels.server }} ({{ $value }} databases)',
      description: `It has not succeeded for more than three of its intervals although the databases can be reached. What is judged from its facts is out of date or inconclusive. Since when:${databases(top, 'indexwarden:collection:stale_seconds{server=%q,collector=%q}', ['server', 'collector'], ': {{ .Value | humanizeDuration }}')}`,
    },
    {
      name: 'IndexwardenCollectionNeverSucceeded',
      wait: neverSucceeded.for,
      expr: `count by (server, collector) (
  ${failing}
)`,
      summary:
        'Collector {{ $labels.collector }} has never succeeded on {{ $labels.server }} ({{ $value }} databases)',
      description:
        'It has failed on every attempt since the daemon started, although the databases can be reached. Findings that need its facts are inconclusive; the collectors list of the API says why.',
    },
  ];
}

/** What keeps alerts from working at all. */
function aboutPages(daemon: AlertSettings['daemon']): readonly Draft[] {
  const { absent, findingsNotExported, sampleLimit, storeFailing, reloadFailed } = daemon;
  const gone = `up == 0 and on (job, instance) last_over_time(indexwarden_build_info[${span(absent.knownFor)}])`;
  return [
    {
      name: 'IndexwardenAbsent',
      wait: absent.for,
      thresholds: [absent.knownFor],
      expr: `(${gone})
or
(absent(indexwarden_build_info) unless on () (${gone}))`,
      summary: 'indexwarden is not being scraped{{ with $labels.instance }} at {{ . }}{{ end }}',
      description:
        'Prometheus gets no metrics from a daemon that it had, or from none at all. The alerts about its databases are silent meanwhile, which does not mean that all is well.',
    },
    {
      name: 'IndexwardenFindingsNotExported',
      wait: findingsNotExported.for,
      expr: `sum by (server) (${one(targetLabels, 'pgindex_finding_series{exported="false"}')}) > 0`,
      summary: '{{ $value }} findings of {{ $labels.server }} have no series of their own',
      description:
        'More findings are open than metrics.maxFindingSeries allows, the least worthwhile are left out, and no alert can see them. Deal with findings, mute what is to stay, or raise the setting.',
    },
    {
      name: 'IndexwardenSampleLimitNear',
      wait: sampleLimit.for,
      thresholds: [sampleLimit.seriesMax, sampleLimit.shareMax],
      expr: `indexwarden_exposition_series > ${amount(sampleLimit.shareMax)} * ${amount(sampleLimit.seriesMax)}`,
      summary: 'The page of {{ $labels.instance }} has {{ $value }} series',
      description:
        'Beyond the sample_limit of the scrape the whole page is refused, and nothing is known any more. Raise the limit, lower metrics.maxIndexSeries, or split the targets among daemons.',
    },
    {
      name: 'IndexwardenStoreFailing',
      wait: storeFailing.for,
      expr: 'indexwarden_store_up == 0',
      summary: 'indexwarden at {{ $labels.instance }} cannot write its history',
      description:
        'Writing to storage.path fails. Watching goes on, but what is learned now is lost with a restart: windows of use, baselines, mutes. The log says why.',
    },
    {
      name: 'IndexwardenReloadFailed',
      wait: reloadFailed.for,
      expr: 'indexwarden_config_last_reload_successful == 0',
      summary: 'indexwarden at {{ $labels.instance }} refused its configuration',
      description:
        'The file has mistakes, and the configuration from before stays in force until the next restart, which would fail. The log names every mistake; indexwarden config check does so too.',
    },
  ];
}

function aboutTargets({ nodeMisconfigured, targetDown }: AlertSettings['daemon']): readonly Draft[] {
  const down = 'count by (server) (indexwarden:target:down)';
  const all = `count by (server) (${one(targetLabels, 'indexwarden_target_up')})`;
  const unreachable = {
    name: 'IndexwardenTargetDown',
    severity: 'info',
    wait: targetDown.for,
    dashboard: 'indexwarden-fleet',
  } as const;
  return [
    {
      name: 'IndexwardenNodeMisconfigured',
      wait: nodeMisconfigured.for,
      expr: `max by (server, state) (pgindex_usage_nodes{state=~"another-cluster|promoted"}) > 0`,
      summary: 'A standby of {{ $labels.server }} is none ({{ $labels.state }}: {{ $value }})',
      description:
        'A node that the configuration names as a standby belongs to another cluster, or was promoted. Use on it does not count, and verdicts about unused indexes wait. Correct the list of standbys.',
    },
    {
      ...unreachable,
      labels: { scope: 'server' },
      expr: `${down} == on (server) ${all}`,
      summary: '{{ $labels.server }} cannot be reached',
      description:
        'indexwarden reaches none of its {{ $value }} databases there, and says nothing about them meanwhile. Whoever watches the server itself knows more.',
    },
    {
      ...unreachable,
      labels: { scope: 'database' },
      expr: `${down} < on (server) ${all}`,
      summary: '{{ $value }} databases of {{ $labels.server }} cannot be reached',
      description:
        'indexwarden says nothing about them meanwhile; the other databases of the server it reaches. The targets list of the API says why.',
    },
  ];
}
