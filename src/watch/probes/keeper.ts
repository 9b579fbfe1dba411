import type { Catalogue } from '../../analysis/catalogue.ts';
import { expectationStates } from '../../analysis/expectation.ts';
import { planFacts } from '../../analysis/plans/plan-facts.ts';
import { planHash, planText } from '../../analysis/plans/plan-text.ts';
import { judgePlan } from '../../analysis/plans/red-flags.ts';
import { isTiny } from '../../detectors/words.ts';
import {
  type DurationCounts,
  noDurations,
  type ProbeMemory,
  type ProbeState,
  probeMemoriesFrom,
  seeProbe,
  withDuration,
} from '../../history/probes/memory.ts';
import type { DiaryEvent } from '../../model/event.ts';
import type { Expectation } from '../../model/expectation.ts';
import type { TargetId } from '../../model/ids.ts';
import type { Policy } from '../../model/policy.ts';
import type { Probe } from '../../model/probe.ts';
import type { Result } from '../../model/result.ts';
import { secondMs } from '../../model/units.ts';
import type { ProbeFailure, ProbeRun } from '../../postgres/probe.ts';
import type { Store } from '../../store/store.ts';

export interface ProbeKeeperOptions {
  readonly target: TargetId;
  readonly probes: readonly Probe[];
  readonly expectations: readonly Expectation[];
  readonly policyFor: (schemaname: string) => Policy;
  readonly store: Store;
  /** Why probes that say `analyze: true` are only planned; undefined where they are run. */
  readonly unmeasured: string | undefined;
  /** Told of records that could not be used or kept, in one sentence. */
  readonly onProblem: (message: string) => void;
}

/** The kind of the store's records that probes are kept in, by their names. */
export const recordKind = 'probe';

interface Try {
  readonly atMs: number;
  readonly failure: ProbeFailure | undefined;
}

/** What is known of the probes of one target: read from the store once, kept there from then on. */
export class ProbeKeeper {
  readonly #options: ProbeKeeperOptions;
  #memories: Map<string, ProbeMemory> | undefined;
  readonly #tries = new Map<string, Try>();
  readonly #durations = new Map<string, DurationCounts>();
  /** Written to the store with the next run, when writing failed. */
  readonly #unwritten = new Map<string, ProbeMemory | undefined>();
  /** Of the store, when everything was read from it or is to be written to it. */
  #openings = 0;
  #events: DiaryEvent[] = [];

  constructor(options: ProbeKeeperOptions) {
    this.#options = options;
  }

  /** Everything known now, in the order of the manifests. */
  async states(): Promise<readonly ProbeState[]> {
    const memories = await this.#load();
    return this.#options.probes.map((probe): ProbeState => {
      const { failure, atMs } = this.#tries.get(probe.name) ?? {};
      return {
        probe,
        memory: memories.get(probe.name),
        lastRunAtMs: atMs ?? null,
        problem: failure === undefined ? undefined : { reason: failure.message, grant: failure.grant },
        unmeasured: probe.isAnalyzed ? this.#options.unmeasured : undefined,
        durations: this.#durations.get(probe.name) ?? noDurations,
      };
    });
  }

  /** Takes in what came of trying a probe, judged by a catalogue. */
  async see(
    probe: Probe,
    result: Result<ProbeRun, ProbeFailure>,
    catalogue: Catalogue,
    atMs: number,
  ): Promise<void> {
    const memories = await this.#load();
    this.#tries.set(probe.name, { atMs, failure: result.ok ? undefined : result.error });
    if (!result.ok) return;
    const { plan, durationMs, isTimeout, roleName } = result.value;
    const { target, expectations, policyFor } = this.#options;
    const facts = planFacts(catalogue, expectationStates(catalogue, expectations), (table) =>
      isTiny(table, policyFor(table.schemaname)),
    );
    const { memory, events } = seeProbe(target, probe, memories.get(probe.name), {
      atMs,
      hash: planHash(plan),
      text: planText(plan),
      ...judgePlan(plan, probe, facts),
      roleName,
      ...(durationMs === undefined ? {} : { durationMs, isTimeout }),
    });
    memories.set(probe.name, memory);
    this.#events.push(...events);
    if (durationMs !== undefined)
      this.#durations.set(
        probe.name,
        withDuration(this.#durations.get(probe.name) ?? noDurations, durationMs / secondMs),
      );
    await this.#keep(new Map([[probe.name, memory]]));
  }

  /** What happened since the last time it was asked for. */
  takeEvents(): readonly DiaryEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  async #load(): Promise<Map<string, ProbeMemory>> {
    if (this.#memories !== undefined) return this.#memories;
    const { store, target, probes, onProblem } = this.#options;
    this.#openings = store.openings();
    const { memories, dropped } = probeMemoriesFrom(await store.recordsOf(target, recordKind));
    this.#memories = new Map(memories);
    if (dropped.length > 0)
      onProblem(`what was kept of these probes could not be used: ${dropped.join(', ')}`);
    const declared = new Set(probes.map(({ name }) => name));
    const gone = [...memories.keys(), ...dropped].filter((name) => !declared.has(name));
    for (const name of gone) this.#memories.delete(name);
    if (gone.length > 0) await this.#keep(new Map(gone.map((name) => [name, undefined])));
    return this.#memories;
  }

  async #keep(changes: ReadonlyMap<string, ProbeMemory | undefined>): Promise<void> {
    const { store, target, onProblem } = this.#options;
    for (const [name, memory] of changes) this.#unwritten.set(name, memory);
    const openings = store.openings();
    // A file that was opened anew may have begun anew.
    if (openings !== this.#openings)
      for (const [name, memory] of this.#memories ?? []) this.#unwritten.set(name, memory);
    this.#openings = openings;
    const written = new Map(this.#unwritten);
    try {
      await store.keepRecords(target, recordKind, written);
      for (const [name, memory] of written)
        if (this.#unwritten.get(name) === memory) this.#unwritten.delete(name);
    } catch (caught) {
      onProblem(`what is known of probes could not be kept: ${String(caught)}`);
    }
  }
}
