import type { Config, Server } from '../../config/config.ts';
import { pgClientAttempts } from '../../config/pg-client.ts';
import type { Hindrance } from '../../history/bloat/answers.ts';
import type { Wanted } from '../../history/bloat/queue.ts';
import { type TargetId, targetKey } from '../../model/ids.ts';
import type { SessionLimits } from '../../postgres/session.ts';
import type { ConnectionSlots } from '../../postgres/slots.ts';
import type { Clock } from '../../scheduler/clock.ts';
import type { Store } from '../../store/store.ts';
import type { WatchLog } from '../target-watcher.ts';
import type { MeasurementBudgets } from './budget.ts';
import { BloatKeeper, type MeasurementOutcome } from './keeper.ts';
import { type MeasuringOptions, TargetMeasuring } from './measuring.ts';
import { measuringSettings } from './settings.ts';

/** How a fleet measures indexes. */
export interface FleetMeasuring {
  readonly budgets: MeasurementBudgets;
  /** Which indexes; all, if absent. */
  readonly isWanted?: (wanted: Wanted) => boolean;
  /** Told of each index that was tried, and how many its target has left. */
  readonly onMeasured?: (target: TargetId, wanted: Wanted, outcome: MeasurementOutcome, left: number) => void;
}

export interface TargetBloatOptions {
  readonly config: Config;
  readonly server: Server;
  readonly target: TargetId;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: WatchLog;
  readonly slots: ConnectionSlots;
  readonly sessionLimits: SessionLimits;
  /** Absent where nothing but the catalogue is to be read. */
  readonly measuring: FleetMeasuring | undefined;
  /** The target's watcher, which is made with what this returns. */
  readonly watcher: () => Pick<MeasuringOptions, 'between'> & {
    readonly generation: ReturnType<MeasuringOptions['latest']>;
  };
}

/** A measurement and the connection that watches over it. */
const connectionsForMeasuring = 2;

/** What keeps and, where it may, measures the bloat of one target. */
export function targetBloat(options: TargetBloatOptions): {
  readonly keeper: BloatKeeper;
  readonly measuring?: TargetMeasuring;
} {
  const { config, server, target, store, clock, log, slots, sessionLimits, watcher } = options;
  const settings = measuringSettings(config);
  const obstacle = obstacleFor(options);
  const keeper = new BloatKeeper({
    target,
    store,
    clock,
    settings,
    obstacle,
    onProblem: (message) => log.warn({ event: 'bloat-records', target: targetKey(target) }, message),
  });
  const { measuring } = options;
  if (measuring === undefined || obstacle !== undefined) return { keeper };
  const { isWanted, onMeasured, budgets } = measuring;
  return {
    keeper,
    measuring: new TargetMeasuring({
      target,
      keeper,
      budget: budgets.of(server.name, config.bloat.budgetPerMinute.bytes),
      slots,
      attempts: () => pgClientAttempts(server.primary.connection, target.datname),
      sessionLimits,
      clock,
      log,
      latest: () => watcher().generation,
      between: (work) => watcher().between(work),
      ...(isWanted === undefined ? {} : { isWanted }),
      ...(onMeasured === undefined
        ? {}
        : { onMeasured: (wanted, outcome, left) => onMeasured(target, wanted, outcome, left) }),
    }),
  };
}

/** Why nothing is measured on the target at all. */
function obstacleFor({ config, server, measuring }: TargetBloatOptions): Hindrance | undefined {
  if (!config.bloat.enabled)
    return { reason: 'it is not measured: bloat.enabled is false', improvement: 'set bloat.enabled: true' };
  if (measuring === undefined)
    return {
      reason: 'it was not measured: only the catalogue was read',
      improvement: 'measure it: indexwarden bloat --measure',
    };
  if (server.maxConnections < connectionsForMeasuring)
    return {
      reason: `it is not measured: that takes ${connectionsForMeasuring} connections, and the server’s cap is ${server.maxConnections}`,
      improvement: 'raise limits.connectionsPerServer to 2',
    };
  return undefined;
}
