import { z } from 'zod';
import { formatDuration } from './durations.ts';
import {
  duration,
  filePath,
  glob,
  labelName,
  listOf,
  oneOf,
  onOff,
  schedule,
  setting,
  size,
  text,
  timeZone,
  whole,
} from './fields.ts';
import { BloatSettings } from './schema-bloat.ts';
import { ConnectionSettings, notAnObject, StandbySettings } from './schema-connection.ts';
import { FindingsSettings } from './schema-findings.ts';
import { HistorySettings } from './schema-history.ts';
import { HttpSettings } from './schema-http.ts';
import { MuteSettings } from './schema-mutes.ts';
import { NotificationSettings } from './schema-notifications.ts';
import { PlanSettings } from './schema-plan.ts';
import { ProbesSettings } from './schema-probes.ts';
import { StorageSettings } from './schema-storage.ts';

/** What the configuration must know about a collector; the collectors are declared elsewhere. */
export interface CollectorDeclaration {
  readonly description: string;
  /** Cron expression used where the file says nothing. */
  readonly schedule: string;
  readonly statementTimeoutMs: number;
}

/** The parts of the configuration that other folders own, handed in by whoever wires the program. */
export interface ConfigDeclarations {
  /** By collector name. */
  readonly collectorDefaults: Readonly<Record<string, CollectorDeclaration>>;
  /** By kind of finding; each an object schema all of whose keys have defaults. */
  readonly detectorSettings: Readonly<Record<string, z.ZodType>>;
}

/** `limits.statementTimeout` where nobody says otherwise. */
export const usualStatementTimeout = '30s';

/** A span of the owner's business that an index may be needed for only once. */
const BusinessCycle = z
  .strictObject(
    {
      name: setting(text(), 'What it is called: `quarter`, `academic year`.'),
      length: setting(duration({ min: '1d', max: '1100d' }), {
        description: 'How long one takes, with some slack: `95d` for a quarter.',
        reason: 'Shorter than a day no statistics can tell; three years cover every cycle worth waiting for.',
      }),
    },
    notAnObject,
  )
  .meta({ title: 'business cycle' });

const policyKeys = {
  unusedAfter: setting(duration({ max: '1100d' }), {
    description:
      'How long an index must go without a scan before it counts as unused. `0d` judges by what the statistics hold now.',
    reason: 'Three years cover every cycle worth waiting for.',
  }),
  minSize: setting(
    size(),
    'Indexes smaller than this get no finding, invalid ones excepted. `0` leaves none out.',
  ),
  minRows: setting(whole(), 'Tables with fewer rows get no finding. `0` leaves none out.'),
  minRowsForWarning: setting(
    whole(),
    'On tables with fewer rows findings are `info` at most: a scan of a small table costs less than its index. Invalid unique and key indexes are excepted.',
  ),
  rebuildBytesPerSecond: setting(size({ min: '64KiB' }), {
    description:
      'How many bytes of index a rebuild writes in a second; turns sizes into the rebuild times that stand beside each printed statement, until builds were measured.',
    reason: 'A rebuild slower than 64 KiB/s is no rebuild; zero would make every time infinite.',
  }),
  business_cycles: setting(
    listOf(BusinessCycle),
    'Recurring needs (quarter’s end, academic year): until the window has seen each of them whole, "unused" is `possible` at most.',
  ),
};

const builtInPolicy = {
  unusedAfter: '30d',
  minSize: 0,
  minRows: 0,
  minRowsForWarning: 1000,
  rebuildBytesPerSecond: '25MiB',
  business_cycles: [],
};

const PolicySettings = z
  .strictObject(
    {
      unusedAfter: policyKeys.unusedAfter.prefault(builtInPolicy.unusedAfter),
      minSize: policyKeys.minSize.prefault(builtInPolicy.minSize),
      minRows: policyKeys.minRows.prefault(builtInPolicy.minRows),
      minRowsForWarning: policyKeys.minRowsForWarning.prefault(builtInPolicy.minRowsForWarning),
      rebuildBytesPerSecond: policyKeys.rebuildBytesPerSecond.prefault(builtInPolicy.rebuildBytesPerSecond),
      business_cycles: policyKeys.business_cycles.prefault(builtInPolicy.business_cycles),
    },
    notAnObject,
  )
  .meta({ title: 'policy' });

/** Any part of a policy; what is left out comes from the next wider one. */
export const PolicyOverride = z
  .strictObject(
    {
      unusedAfter: policyKeys.unusedAfter.optional(),
      minSize: policyKeys.minSize.optional(),
      minRows: policyKeys.minRows.optional(),
      minRowsForWarning: policyKeys.minRowsForWarning.optional(),
      rebuildBytesPerSecond: policyKeys.rebuildBytesPerSecond.optional(),
      business_cycles: policyKeys.business_cycles.optional(),
    },
    notAnObject,
  )
  .meta({ title: 'policy' });
export type PolicyOverride = z.output<typeof PolicyOverride>;

const ScopedPolicy = z
  .strictObject(
    {
      database: setting(glob(), 'Databases it holds for; all if left out.').optional(),
      schema: setting(glob(), 'Schemas it holds for; all if left out.').optional(),
      policy: setting(PolicyOverride, 'What differs there.'),
    },
    notAnObject,
  )
  .meta({ title: 'scoped policy' });

const DiscoveredDatabases = z
  .strictObject(
    {
      discover: setting(
        z.literal(true, { error: 'is not true' }).meta({ title: '`true`' }),
        'Watch every database that allows connections and is no template.',
      ),
      include: setting(listOf(glob()), 'Databases to watch.').prefault(['*']),
      exclude: setting(listOf(glob()), 'Databases to leave out, even if included.').prefault([]),
    },
    notAnObject,
  )
  .meta({ title: 'discovery' });

const Databases = z
  .union([listOf(text()).min(1, { error: 'is an empty list' }), DiscoveredDatabases], {
    error: 'is neither a list of names nor {discover: true}',
  })
  .meta({ title: 'list of names, or `{discover: true, include, exclude}`' });

const SchemaFilter = z
  .strictObject(
    {
      include: setting(listOf(glob()), 'Schemas to watch.').prefault(['*']),
      exclude: setting(
        listOf(glob()),
        'Schemas to leave out, even if included. System schemas never appear anyway.',
      ).prefault([]),
    },
    notAnObject,
  )
  .meta({ title: 'name filter' });

const ManifestFile = z
  .strictObject(
    {
      databases: setting(glob(), 'Databases it holds for.').prefault('*'),
      file: setting(filePath(), 'The manifest; read at start and at each reload.'),
    },
    notAnObject,
  )
  .meta({ title: 'manifest' });

/** One PostgreSQL server as its operator sees it: a primary and its standbys. */
export const ServerSettings = z
  .strictObject(
    {
      name: setting(
        labelName(),
        'Name of the server: the label `server` of every metric and a part of every finding’s identity. Unique.',
      ),
      primary: setting(ConnectionSettings, 'How to reach the primary.'),
      standbys: setting(
        listOf(StandbySettings),
        'The standbys, each with a `name` and the keys of `primary`: an index unused on the primary may be busy there.',
      ).prefault([]),
      topology: setting(
        oneOf(['complete', 'unknown']),
        '`complete` is your word that every node that answers queries is listed here; without it "unused" is `possible` at most.',
      ).prefault('unknown'),
      databases: setting(
        Databases,
        'Which databases to watch. Default: the one that `primary` names; if it names none, all are discovered.',
      ).optional(),
      schemas: setting(SchemaFilter, 'Which schemas to watch, in every database of the server.').prefault({}),
      allowPooler: setting(
        onOff(),
        'Go on when a transaction-mode pooler is found between us and the server. Results stay right, but cancelling and lock measurements suffer.',
      ).prefault(false),
      maxConnections: setting(whole({ min: 1, max: 100 }), {
        description:
          'Connections to each node of this server at any one time. Default: `limits.connectionsPerServer`.',
        reason: 'At least one is needed; a monitor that holds a hundred is an outage of its own.',
      }).optional(),
      expectations: setting(
        listOf(ManifestFile),
        'Manifests of the indexes that its databases should have (docs/expectations.md).',
      ).prefault([]),
      probes: setting(
        listOf(ManifestFile),
        'Manifests of the queries whose plans and times are watched in its databases (docs/probes.md).',
      ).prefault([]),
      policy: setting(PolicyOverride, 'What differs from the global `policy` on this server.').prefault({}),
      policyOverrides: setting(
        listOf(ScopedPolicy),
        'What differs in some of its databases and schemas. The most specific entry wins, key by key: one that names database and schema, then schema, then database; names before patterns; later before earlier.',
      ).prefault([]),
    },
    notAnObject,
  )
  .meta({ title: 'server' });
export type ServerSettings = z.output<typeof ServerSettings>;

const LogSettings = z
  .strictObject(
    {
      level: setting(
        oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
        'The least important events that are logged.',
      ).prefault('info'),
      destination: setting(
        filePath(),
        '`stderr`, `stdout`, or the path of a file that is appended to.',
      ).prefault('stderr'),
    },
    notAnObject,
  )
  .meta({ title: 'log' });

const LimitSettings = z
  .strictObject(
    {
      connectTimeout: setting(duration({ min: '100ms', max: '1m' }), {
        description: 'How long connecting may take, TLS and login included.',
        reason: 'Under 100 ms distant servers look down; a minute delays the news that one is.',
      }).prefault('5s'),
      retryFirst: setting(duration({ min: '100ms', max: '1m' }), {
        description:
          'How long no second attempt is made after a failed connection; doubled with each further failure, and spread at random between half and all of it. The attempt then starts at a random moment within this time after its collection is due, so that the targets of a server that returns do not come all at once.',
        reason: 'A server that is out of connections is not helped by being asked again at once.',
      }).prefault('5s'),
      retryMax: setting(duration({ min: '1s', max: '1h' }), {
        description: 'The longest such wait.',
        reason: 'It is also how late the return of a server may be noticed.',
      }).prefault('5m'),
      statementTimeout: setting(duration({ min: '1s', max: '1h' }), {
        description:
          'How long any statement of ours may run; a collector may be given less, never more. Measurements have bounds of their own, see `bloat`.',
        reason:
          'A catalogue read takes milliseconds to seconds; a transaction open for an hour already holds back vacuum.',
      }).prefault(usualStatementTimeout),
      lockTimeout: setting(duration({ min: '1ms', max: '500ms' }), {
        description: 'How long a statement of ours may wait for a lock.',
        reason:
          'Whoever wants a stronger lock waits behind us as long; 0 would mean for ever, and from 1 s on PostgreSQL 19 logs each wait.',
      }).prefault('200ms'),
      bisectionBudget: setting(duration({ max: '1m' }), {
        description:
          'How long one collection may search for the relations that are locked by others; the rest is marked stale.',
        reason:
          'PostgreSQL does not name the locked relation; a search longer than a minute would outlive its facts. `0s` gives up at once.',
      }).prefault('5s'),
      secondLookDelay: setting(duration({ min: '1s', max: '1m' }), {
        description: 'Time between the two reads that must both see an index invalid before it is called so.',
        reason:
          'A build that just began is invisible to a single read; below a second the second look proves nothing.',
      }).prefault('1s'),
      rereadInventoryAfter: setting(duration({ max: '7d' }), {
        description:
          'How long tables, columns, indexes, constraints and operator classes are kept, rather than read again, while a cheap look at the catalogue shows that nothing of it changed. `0s` reads them each time.',
        reason:
          'Nothing is known that such a look would miss; should there be something, it is put right this much later.',
      }).prefault('1h'),
      connectionsPerServer: setting(whole({ min: 1, max: 100 }), {
        description: 'Connections to each node of a server at any one time, over all its databases.',
        reason: 'At least one is needed; a monitor that holds a hundred is an outage of its own.',
      }).prefault(5),
      rowsMax: setting(whole({ min: 1000, max: 50_000_000 }), {
        description:
          'Rows that one collector may return from one database; beyond, it fails rather than exhaust memory.',
        reason: 'Below a thousand ordinary databases fail; fifty million do not fit into a small daemon.',
      }).prefault(5_000_000),
      statementsMax: setting(whole({ min: 10, max: 5000 }), {
        description:
          'Statements of pg_stat_statements that are read of one database: the costliest with a WHERE clause.',
        reason:
          'Each is parsed; five thousand are all that a server keeps by default, and what an index would save shows among the first.',
      }).prefault(200),
      statementTextMax: setting(whole({ min: 256, max: 65_536 }), {
        description: 'Characters of a statement’s text that are read; one that is longer is not understood.',
        reason:
          'Below 256 few statements are whole; beyond 64 Ki they were written by a program, and no reader learns from them.',
      }).prefault(8192),
      rowsPerSlice: setting(whole({ min: 10, max: 10_000 }), {
        description: 'Rows that are fetched and parsed before other work gets its turn.',
        reason:
          'Fewer waste round trips; more block the event loop, and with it health checks, for over 50 ms.',
      }).prefault(1000),
    },
    notAnObject,
  )
  .meta({ title: 'limits' });

const MetricsSettings = z
  .strictObject(
    {
      blockIo: setting(
        onOff(),
        'Export block reads and hits of each index: two more series for each.',
      ).prefault(false),
      maxIndexSeries: setting(whole({ max: 1_000_000 }), {
        description:
          'Indexes per target that get series of their own: those with open findings first, then the largest; the rest is summed.',
        reason: 'A million is beyond what one Prometheus stores; 0 leaves only the sums.',
      }).prefault(2000),
      maxTableSeries: setting(whole({ max: 1_000_000 }), {
        description:
          'Tables per target that get series of their own: those with open findings first, then the largest.',
        reason: 'As for indexes: a million is beyond what one Prometheus stores.',
      }).prefault(2000),
      keepSeriesFor: setting(duration({ max: '30d' }), {
        description: 'How long an index or a table keeps its series after its last finding was closed.',
        reason: 'A finding that opens and closes within a day would make series come and go.',
      }).prefault('24h'),
      maxFindingSeries: setting(whole({ max: 1_000_000 }), {
        description:
          'Open findings per target that get a series of their own, the most worthwhile first; all are counted.',
        reason: 'As for indexes; nobody reads more than a few dozen findings off a graph.',
      }).prefault(2000),
      labelBytesMax: setting(whole({ min: 64, max: 4096 }), {
        description: 'Longest label value in bytes; longer ones are cut and end in a hash.',
        reason:
          'PostgreSQL’s names take up to 63 bytes and should never be cut; servers of metrics refuse very long ones.',
      }).prefault(200),
    },
    notAnObject,
  )
  .meta({ title: 'metrics' });

const PrivacySettings = z
  .strictObject(
    {
      redactLiterals: setting(
        onOff(),
        'Replace literals in index definitions, predicates and expressions by `?` wherever they are shown.',
      ).prefault(false),
    },
    notAnObject,
  )
  .meta({ title: 'privacy' });

function collectorSettings(declaration: CollectorDeclaration) {
  const { description, schedule: usual, statementTimeoutMs } = declaration;
  return setting(
    z
      .strictObject(
        {
          enabled: setting(onOff(), 'Whether it runs; what depends on it is then inconclusive.').prefault(
            true,
          ),
          schedule: setting(
            schedule(),
            'When it runs: cron expression, seconds allowed. It also runs once at start, and never beside itself.',
          ).prefault(usual),
          timezone: setting(timeZone(), 'Time zone of the schedule.').prefault('UTC'),
          maxRandomDelay: setting(duration({ max: '1h' }), {
            description:
              'Each run starts at a random moment within this time after its schedule, so that targets do not come all at once.',
            reason: 'An hour spreads even the slowest schedule that is preset.',
          }).prefault('5s'),
          statementTimeout: setting(duration({ min: '100ms', max: '1h' }), {
            description: 'How long its statements may run; never above `limits.statementTimeout`.',
            reason: 'Below 100 ms ordinary catalogues fail; above an hour vacuum is held back.',
          }).prefault(formatDuration({ ms: statementTimeoutMs })),
        },
        notAnObject,
      )
      .meta({ title: 'collector' }),
    description,
  ).prefault({});
}

function detectorSettings(kind: string, schema: z.ZodType) {
  if (!(schema instanceof z.ZodObject))
    throw new Error(`the settings of detector ${kind} are no object schema`);
  const enabled = setting(onOff(), 'Whether it runs.').prefault(true);
  return setting(
    z.strictObject({ enabled, ...schema.shape }, notAnObject).meta({ title: 'detector' }),
    schema.description ?? `Settings of the detector \`${kind}\`.`,
  ).prefault({});
}

/** The configuration file as written: the schema that validates it, and that reference, JSON Schema and example come from. */
export function configFileSchema(declarations: ConfigDeclarations) {
  const collectors = mapValues(declarations.collectorDefaults, (declaration) =>
    collectorSettings(declaration),
  );
  const detectors = mapValues(declarations.detectorSettings, (schema, kind) =>
    detectorSettings(kind, schema),
  );
  return z
    .strictObject(
      {
        servers: setting(
          listOf(ServerSettings),
          'The PostgreSQL servers to watch. Without any, `DATABASE_URL` or libpq’s `PG*` variables make one, called `default`.',
        ).prefault([]),
        policy: setting(
          PolicySettings,
          'What counts as a problem, where no server, database or schema says otherwise.',
        ).prefault({}),
        detectors: setting(
          z.strictObject(detectors, notAnObject).meta({ title: 'detectors' }),
          'Settings of the detectors, by the kind of finding.',
        ).prefault({}),
        collectors: setting(
          z.strictObject(collectors, notAnObject).meta({ title: 'collectors' }),
          'When facts are read, by collector.',
        ).prefault({}),
        history: setting(HistorySettings, 'How use of indexes is remembered.').prefault({}),
        bloat: setting(BloatSettings, 'How the bloat of indexes is measured.').prefault({}),
        findings: setting(FindingsSettings, 'How long findings live and are remembered.').prefault({}),
        plan: setting(PlanSettings, 'What printed plans allow.').prefault({}),
        probes: setting(ProbesSettings, 'The bounds within which probes are planned and run.').prefault({}),
        mutes: setting(
          listOf(MuteSettings),
          'Findings that are known and accepted. The API and comments on indexes mute as well.',
        ).prefault([]),
        notifications: setting(NotificationSettings, 'Who is told of what happens, by webhooks.').prefault(
          {},
        ),
        storage: setting(StorageSettings, 'What is kept on disk, and for how long.').prefault({}),
        limits: setting(LimitSettings, 'What we never exceed as a guest on your servers.').prefault({}),
        http: setting(HttpSettings, 'The HTTP server.').prefault({}),
        metrics: setting(MetricsSettings, 'What `/metrics` shows.').prefault({}),
        log: setting(LogSettings, 'Logging, one JSON line an event.').prefault({}),
        privacy: setting(PrivacySettings, 'What is kept from readers.').prefault({}),
      },
      { error: 'is not a group of settings' },
    )
    .meta({ title: 'indexwarden configuration' });
}
export type ConfigFileSchema = ReturnType<typeof configFileSchema>;
export type ConfigFile = z.output<ConfigFileSchema>;

function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  map: (value: T, key: string) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
