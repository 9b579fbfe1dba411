import { type Config, expectationsFor, probesFor, type Server } from '../../config/config.ts';
import { pgClientAttempts } from '../../config/pg-client.ts';
import type { Detector } from '../../detectors/define.ts';
import type { Generation } from '../../findings/generation.ts';
import type { FindingKind } from '../../model/finding.ts';
import { type TargetId, targetKey } from '../../model/ids.ts';
import type { Policy } from '../../model/policy.ts';
import type { SessionLimits } from '../../postgres/session.ts';
import type { ConnectionSlots } from '../../postgres/slots.ts';
import type { Clock } from '../../scheduler/clock.ts';
import type { Store } from '../../store/store.ts';
import type { WatchLog } from '../target-watcher.ts';
import { ProbeKeeper } from './keeper.ts';
import { TargetProbes, type TargetProbesOptions } from './target-probes.ts';

export interface FleetProbesOptions {
  readonly config: Config;
  readonly server: Server;
  readonly target: TargetId;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: WatchLog;
  readonly slots: ConnectionSlots;
  readonly turn: ConnectionSlots;
  readonly sessionLimits: SessionLimits;
  /** The detectors that judge. */
  readonly judging: readonly Detector[];
  /** Whether runs are remembered; a single look only plans. */
  readonly remembers: boolean;
  readonly policyFor: (schemaname: string) => Policy;
  /** The target's watcher, which is made with what this returns. */
  readonly watcher: () => Pick<TargetProbesOptions, 'between'> & {
    readonly generation: Generation | undefined;
    readonly judgeAgain: () => Promise<unknown>;
    readonly noteOwnScans: TargetProbesOptions['onOwnScans'];
  };
}

/** A probe that is run and the connection that watches over it. */
const connectionsForRunning = 2;

const probeKinds: readonly FindingKind[] = ['slow-probe', 'probe-plan-regression'];

/** What plans and runs the probes of one target; nothing where there are none, or nobody wants to know. */
export function fleetProbes(options: FleetProbesOptions): { readonly probes?: TargetProbes } {
  const { config, server, target, store, clock, log, slots, turn, sessionLimits, watcher } = options;
  const declared = probesFor(server, target.datname);
  const isWanted = options.remembers || options.judging.some(({ id }) => probeKinds.includes(id));
  if (declared.length === 0 || !config.probes.enabled || !isWanted) return {};
  const unmeasured = whyUnmeasured(options);
  const { probes: settings } = config;
  return {
    probes: new TargetProbes({
      ...{ target, probes: declared, slots, turn, sessionLimits, clock, log },
      keeper: new ProbeKeeper({
        target,
        probes: declared,
        expectations: expectationsFor(server, target.datname),
        policyFor: options.policyFor,
        store,
        unmeasured,
        onProblem: (message) => log.warn({ event: 'probe-records', target: targetKey(target) }, message),
      }),
      limits: {
        planTimeoutMs: settings.planTimeout.ms,
        analyzeTimeoutMs: settings.analyzeTimeout.ms,
        watchIntervalMs: settings.watchInterval.ms,
        activeBackendsMax: settings.activeBackendsMax,
        replicationLagMaxMs: settings.replicationLagMax.ms,
      },
      measures: unmeasured === undefined,
      attempts: () => pgClientAttempts(server.primary.connection, target.datname),
      latest: () => watcher().generation,
      between: (work) => watcher().between(work),
      onNews: async () => {
        await watcher().judgeAgain();
      },
      onOwnScans: (scans) => watcher().noteOwnScans(scans),
    }),
  };
}

/** Why probes are planned and not run on the target, whatever they say. */
function whyUnmeasured({ config, server, remembers }: FleetProbesOptions): string | undefined {
  if (!remembers) return 'a single look only plans';
  if (!config.probes.analyze) return 'probes.analyze is false';
  if (server.maxConnections < connectionsForRunning)
    return `that takes ${connectionsForRunning} connections, and the server’s cap is ${server.maxConnections}: raise limits.connectionsPerServer`;
  return undefined;
}
