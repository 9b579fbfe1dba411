import type { IndexView } from '../../src/analysis/catalogue.ts';
import { type Disuse, disuseOf, type UsageAcrossNodes } from '../../src/history/usage/across.ts';
import {
  foldUsage,
  type KeptUsage,
  observeUsage,
  openUsage,
  type UsageHistory,
  usageKept,
} from '../../src/history/usage/history.ts';
import type { IndexCounters, UsageSample } from '../../src/history/usage/sample.ts';
import { nodeName } from '../../src/model/ids.ts';
import { dayMs, hourMs, minuteMs } from '../../src/model/units.ts';
import { anIndex } from '../support/builders.ts';

/*
 * A primary and a standby with a few indexes, a daemon that looks at them, and an oracle. The servers count as PostgreSQL does and
 * lose their counters as PostgreSQL does. The oracle knows every use and every loss with its time, and nothing of how the history
 * works: it decides from that alone what may be said of a window.
 */

export const maxGapMs = 6 * hourMs;
/** Documented: over a longer time a rebuilt index is not told from one that was made again. */
const rebuildKnownMs = 15 * minuteMs;

/** `plain` and `other` stand alone, `leaf_n` are parts of `tree`, `busy` is used all the time. */
const standing = ['plain', 'other', 'busy'] as const;
export const judgedNames = ['plain', 'other', 'tree', 'busy'] as const;
type Name = string;

interface Counted {
  scans: number;
  read: number;
  fetched: number;
  lastScanAtMs: number | null;
  statsResetAtMs: number | null;
}

interface Postmaster {
  systemIdentifier: string;
  databaseOid: number;
  isInRecovery: boolean;
  startedAtMs: number;
  databaseResetAtMs: number | null;
  bgwriterResetAtMs: number;
  archiverResetAtMs: number;
  counters: Map<Name, Counted>;
}

/** What makes it impossible to know all uses of an index on a node (of all indexes where there is no name). */
interface Loss {
  readonly node: Name;
  readonly name: Name | undefined;
  readonly atMs: number;
  /** Only the history cannot know: nothing was lost in truth. */
  readonly isForgiven: boolean;
}

export type Event =
  | { readonly kind: 'watch'; readonly hours: number; readonly everyMinutes: number; readonly used: number }
  | { readonly kind: 'use'; readonly node: 0 | 1; readonly which: number; readonly times: number }
  | { readonly kind: 'reset-all'; readonly node: 0 | 1 }
  | { readonly kind: 'reset-one'; readonly node: 0 | 1; readonly which: number }
  | { readonly kind: 'crash'; readonly node: 0 | 1 }
  | { readonly kind: 'restart'; readonly node: 0 | 1 }
  | { readonly kind: 'failover' }
  | { readonly kind: 'upgrade' }
  | { readonly kind: 'restore' }
  | { readonly kind: 'drop-and-make'; readonly which: number; readonly absentMinutes: number }
  | { readonly kind: 'reindex'; readonly which: number }
  | { readonly kind: 'new-leaf' }
  | { readonly kind: 'drop-leaf' }
  | { readonly kind: 'blind'; readonly hours: number; readonly used: number }
  | { readonly kind: 'restart-daemon'; readonly losesLast: boolean };

interface Kept {
  checkpoint: Uint8Array | undefined;
  collections: Uint8Array[];
}

export class Simulation {
  nowMs = Date.UTC(2026, 0, 1);
  readonly nodes = ['primary', 'standby'] as const;
  readonly #windowMs: number;
  #versionNum: number;
  #postmasters: [Postmaster, Postmaster];
  #oids = new Map<Name, number>();
  #nextOid = 20_000;
  #nextLeaf = 2;
  #seed: number;
  /** Truth. */
  readonly #lastUses = new Map<string, { readonly node: Name; readonly name: Name; readonly atMs: number }>();
  readonly #losses: Loss[] = [];
  /** When an index last went or got another oid. */
  #changedAtMs = 0;
  /** When each node was looked at, and what was there. */
  readonly #looks = new Map<Name, { readonly atMs: number; readonly names: ReadonlySet<Name> }[]>();
  #histories = new Map<Name, UsageHistory>();
  readonly #kept = new Map<Name, Kept>();
  /** How often each verdict was given, so that a run that proves nothing shows. */
  readonly verdicts = { used: 0, unused: 0, observing: 0, unknown: 0 };

  constructor(options: { windowDays: number; versionNum: number; seed: number; oldCounters: boolean }) {
    this.#windowMs = options.windowDays * dayMs;
    this.#versionNum = options.versionNum;
    this.#seed = options.seed;
    const since = this.nowMs - 100 * dayMs;
    const postmaster = (isInRecovery: boolean): Postmaster => ({
      systemIdentifier: '1',
      databaseOid: 5,
      isInRecovery,
      startedAtMs: since,
      databaseResetAtMs: null,
      bgwriterResetAtMs: since + (isInRecovery ? 1 : 0),
      archiverResetAtMs: since,
      counters: new Map(),
    });
    this.#postmasters = [postmaster(false), postmaster(true)];
    for (const name of [...standing, 'leaf_0', 'leaf_1']) this.#make(name);
    if (options.oldCounters)
      for (const { counters } of this.#postmasters)
        for (const counted of counters.values()) Object.assign(counted, { scans: 9, read: 90, fetched: 80 });
    for (const node of this.nodes) {
      this.#kept.set(node, { checkpoint: undefined, collections: [] });
      this.#looks.set(node, []);
    }
    this.#open();
    this.#look();
  }

  run(events: readonly Event[]): void {
    for (const event of events) {
      // Nothing happens in the very moment of a look: before and after would be one.
      this.#wait(1);
      this.#happen(event);
    }
  }

  #happen(event: Event): void {
    switch (event.kind) {
      case 'watch':
        this.#pass(event.hours * hourMs, event.everyMinutes * minuteMs, event.used, true);
        return;
      case 'blind':
        this.#pass(event.hours * hourMs, hourMs, event.used, false);
        return;
      case 'use':
        this.#use(this.#nodeAt(event.node), this.#nameAt(event.which), event.times);
        return;
      case 'reset-all':
        this.#wipe(event.node, this.nowMs);
        return;
      case 'reset-one':
        this.#resetOne(event.node, this.#nameAt(event.which));
        return;
      case 'crash':
        this.#wipe(event.node, null);
        return;
      case 'restart':
        this.#restart(event.node);
        return;
      case 'failover':
        this.#failover();
        return;
      case 'upgrade':
        this.#upgrade();
        return;
      case 'restore':
        this.#restore();
        return;
      case 'drop-and-make':
        this.#dropAndMake(this.#nameAt(event.which), event.absentMinutes);
        return;
      case 'reindex':
        this.#reindex(this.#nameAt(event.which));
        return;
      case 'new-leaf':
        this.#make(`leaf_${this.#nextLeaf++}`);
        return;
      case 'drop-leaf':
        this.#dropLeaf();
        return;
      case 'restart-daemon':
        this.#restartDaemon(event.losesLast);
        return;
      default:
        event satisfies never;
    }
  }

  // What the servers do.

  #make(name: Name): void {
    this.#oids.set(name, this.#nextOid++);
    for (const { counters } of this.#postmasters) counters.set(name, nothingCounted());
  }

  #use(node: Name, name: Name, times: number): void {
    const counted = this.#at(node).counters.get(name);
    if (counted === undefined) return;
    counted.scans += times;
    counted.read += 1 + this.#random(1_000_000);
    counted.fetched += this.#random(1_000_000);
    if (this.#versionNum >= 160_000) counted.lastScanAtMs = this.nowMs;
    this.#lastUses.set(`${node} ${name}`, { node, name, atMs: this.nowMs });
  }

  /** A reset of the database leaves its time; a crash leaves none there, but moves those of the server. */
  #wipe(node: 0 | 1, databaseResetAtMs: number | null): void {
    const postmaster = this.#at(this.#nodeAt(node));
    for (const name of postmaster.counters.keys()) postmaster.counters.set(name, nothingCounted());
    postmaster.databaseResetAtMs = databaseResetAtMs;
    if (databaseResetAtMs === null) {
      postmaster.bgwriterResetAtMs = this.nowMs;
      postmaster.archiverResetAtMs = this.nowMs;
    }
    this.#lose(this.#nodeAt(node));
  }

  #resetOne(node: 0 | 1, name: Name): void {
    const postmaster = this.#at(this.#nodeAt(node));
    const has19 = this.#versionNum >= 190_000;
    postmaster.counters.set(name, { ...nothingCounted(), statsResetAtMs: has19 ? this.nowMs : null });
    // Before 19 the database's time is all that tells of it.
    if (!has19) postmaster.databaseResetAtMs = this.nowMs;
    this.#lose(this.#nodeAt(node), has19 ? name : undefined);
  }

  #restart(node: 0 | 1): void {
    this.#wait(minuteMs);
    const postmaster = this.#at(this.#nodeAt(node));
    postmaster.startedAtMs = this.nowMs;
    if (!postmaster.isInRecovery || this.#versionNum >= 150_000) return;
    for (const name of postmaster.counters.keys()) postmaster.counters.set(name, nothingCounted());
    this.#lose(this.#nodeAt(node));
  }

  /** The standby is promoted and gets the primary's address; what was the primary comes back as its standby. */
  #failover(): void {
    const [old, next] = this.#postmasters;
    next.isInRecovery = false;
    old.isInRecovery = true;
    this.#postmasters = [next, old];
    // Each goes on counting for itself: after a second failover between two looks all is as it was, and nothing lost.
    for (const node of this.nodes) this.#lose(node, undefined, true);
    this.#restart(1);
  }

  #upgrade(): void {
    this.#versionNum = Math.min(190_000, this.#versionNum + 10_000);
    this.#begin({ systemIdentifier: `${this.#nextOid++}` });
  }

  #restore(): void {
    this.#begin({ databaseOid: this.#nextOid++ });
    for (const name of this.#oids.keys()) this.#oids.set(name, this.#nextOid++);
  }

  #begin(changed: Partial<Postmaster>): void {
    for (const postmaster of this.#postmasters) {
      Object.assign(postmaster, changed);
      for (const name of postmaster.counters.keys()) postmaster.counters.set(name, nothingCounted());
    }
    for (const node of this.nodes) this.#lose(node);
  }

  #dropAndMake(name: Name, absentMinutes: number): void {
    this.#lookIfBlind(name);
    this.#oids.delete(name);
    for (const { counters } of this.#postmasters) counters.delete(name);
    for (const node of this.nodes) this.#lose(node, name, true);
    this.#pass(absentMinutes * minuteMs, 10 * minuteMs, 0, true);
    this.#make(name);
  }

  /** The primary carries the counters over to the new oid; a standby counts from 0 under it. */
  #reindex(name: Name): void {
    this.#lookIfBlind(name);
    this.#oids.set(name, this.#nextOid++);
    const [, standby] = this.#postmasters;
    // What it counted since the last look is lost; within the blind spot nothing was.
    const isBlind = this.nowMs - this.#lastLook('standby') > rebuildKnownMs;
    if (isCounted(standby.counters.get(name))) this.#lose('standby', name, !isBlind);
    standby.counters.set(name, nothingCounted());
    for (const node of this.nodes)
      if (this.nowMs - this.#lastLook(node) > rebuildKnownMs || this.#isSlow) this.#lose(node, name, true);
    this.#wait(minuteMs);
    this.#look();
  }

  #dropLeaf(): void {
    const leaves = this.#leaves();
    const [oldest] = leaves;
    if (leaves.length < 2 || oldest === undefined) return;
    this.#lookIfBlind(oldest);
    this.#oids.delete(oldest);
    for (const { counters } of this.#postmasters) counters.delete(oldest);
    for (const node of this.nodes) this.#lose(node, oldest, true);
    this.#wait(minuteMs);
    this.#look();
  }

  // What the daemon does.

  #open(): void {
    for (const node of this.nodes) {
      const kept = this.#keptOf(node);
      const { history, problem } = openUsage(nodeName(node), kept as KeptUsage);
      if (problem !== undefined) throw new Error(problem);
      this.#histories.set(node, history);
    }
  }

  #look(): void {
    for (const node of this.nodes) {
      const history = this.#historyOf(node);
      const step = observeUsage(history, this.#sampleOf(node), { maxGapMs });
      if (step.kind === 'ignored') continue;
      const kept = this.#keptOf(node);
      if (step.fold === undefined) kept.collections.push(step.collection);
      else Object.assign(kept, { checkpoint: step.fold.checkpoint, collections: [] });
      usageKept(history, step);
      this.#looks.get(node)?.push({ atMs: this.nowMs, names: new Set(this.#oids.keys()) });
    }
    // Nobody asks about what is not there.
    for (const name of judgedNames) if (name === 'tree' || this.#oids.has(name)) this.#check(name);
  }

  #restartDaemon(losesLast: boolean): void {
    for (const node of this.nodes) {
      const before = foldUsage(this.#historyOf(node)).checkpoint;
      const kept = this.#keptOf(node);
      // One that saw what an index did before it went is not lost here: that would be the blind spot again.
      const seenBefore = this.#looks.get(node)?.at(-2)?.atMs ?? 0;
      const isLost = losesLast && kept.collections.length > 0 && this.#changedAtMs <= seenBefore;
      if (isLost) {
        kept.collections.pop();
        this.#looks.get(node)?.pop();
      }
      const { history } = openUsage(nodeName(node), kept as KeptUsage);
      const after = foldUsage(history).checkpoint;
      if (!isLost && Buffer.compare(before, after) !== 0)
        throw new Error('what was opened again is not what was kept');
      this.#histories.set(node, history);
    }
  }

  #sampleOf(node: Name): UsageSample {
    const postmaster = this.#at(node);
    const indexes = [...this.#oids].map(([name, oid]): IndexCounters => {
      const { scans, read, fetched, lastScanAtMs, statsResetAtMs } =
        postmaster.counters.get(name) ?? nothingCounted();
      return {
        subject: subjectOf(name),
        oid,
        table: 'public\0t',
        top: name.startsWith('leaf') ? subjectOf('tree') : undefined,
        scansTotal: scans,
        tuplesReadTotal: read,
        tuplesFetchedTotal: fetched,
        lastScanAtMs,
        statsResetAtMs,
      };
    });
    return {
      node: nodeName(node),
      atMs: this.nowMs,
      epoch: {
        systemIdentifier: postmaster.systemIdentifier,
        databaseOid: postmaster.databaseOid,
        versionNum: this.#versionNum,
        isInRecovery: postmaster.isInRecovery,
        startedAtMs: postmaster.startedAtMs,
        serverNowAtMs: this.nowMs,
        databaseStatsResetAtMs: postmaster.databaseResetAtMs,
        bgwriterStatsResetAtMs: postmaster.bgwriterResetAtMs,
        archiverStatsResetAtMs: postmaster.archiverResetAtMs,
        timeline: null,
      },
      indexes,
      tables: [],
    };
  }

  // The oracle.

  #check(name: Name): void {
    const usage: UsageAcrossNodes = {
      nodes: this.nodes.map((node) => ({
        node: nodeName(node),
        history: this.#historyOf(node),
        unreachable: undefined,
      })),
      maxGapMs,
      subjectOf: (index) => subjectOf(index.name),
    };
    const verdict = disuseOf(usage, this.#viewOf(name), this.#windowMs, this.nowMs);
    this.verdicts[verdict.kind] += 1;
    const fromMs = this.nowMs - this.#windowMs;
    if (verdict.kind === 'unused') this.#mustBeUnused(name, fromMs, verdict);
    else if (verdict.kind !== 'used' && this.#isUnusedForSure(name, fromMs))
      throw new Error(`${name} was not used in a clean window, and yet: ${JSON.stringify(verdict)}`);
    else if (verdict.kind === 'used' && this.#isUnusedForSure(name, fromMs))
      throw new Error(`${name} is said to be used, and was not: ${JSON.stringify(verdict)}`);
  }

  #mustBeUnused(name: Name, fromMs: number, verdict: Disuse & { kind: 'unused' }): void {
    const use = [...this.#lastUses.values()].find((one) => isPartOf(one.name, name) && one.atMs > fromMs);
    if (use !== undefined)
      throw new Error(`${name} is said to be unused, and was used: ${JSON.stringify({ use, verdict })}`);
    if (verdict.basis === 'statistics') return;
    for (const node of this.nodes) {
      const loss = this.#losses.find(
        (one) => one.node === node && !one.isForgiven && one.atMs > fromMs && isAbout(one, name),
      );
      if (loss !== undefined || this.#hasGap(node, fromMs))
        throw new Error(
          `${name} is said to be unused, and was not wholly observed: ${JSON.stringify({ loss, verdict })}`,
        );
    }
  }

  /** No use, nothing lost, and looked at often enough on every node since the last look before the window. */
  #isUnusedForSure(name: Name, fromMs: number): boolean {
    return this.nodes.every((node) => {
      const before = this.#looks.get(node)?.findLast(({ atMs }) => atMs <= fromMs);
      if (before === undefined || ![...before.names].some((one) => isPartOf(one, name))) return false;
      const isUsed = [...this.#lastUses.values()].some(
        (one) => one.node === node && isPartOf(one.name, name) && one.atMs > before.atMs,
      );
      const isLost = this.#losses.some(
        (one) => one.node === node && isAbout(one, name) && one.atMs > before.atMs,
      );
      return !isUsed && !isLost && !this.#hasGap(node, before.atMs);
    });
  }

  #hasGap(node: Name, fromMs: number): boolean {
    const looks = this.#looks.get(node) ?? [];
    for (let place = looks.length - 1; place >= 0; place--) {
      const atMs = looks[place]!.atMs;
      if (atMs <= fromMs) return false;
      if (atMs - Math.max(fromMs, looks[place - 1]?.atMs ?? fromMs) > maxGapMs) return true;
    }
    return false;
  }

  // Small things.

  #pass(spanMs: number, everyMs: number, used: number, isWatching: boolean): void {
    const endMs = this.nowMs + spanMs;
    this.#isSlow = everyMs > rebuildKnownMs;
    while (this.nowMs < endMs) {
      this.#wait(Math.min(everyMs, endMs - this.nowMs));
      for (const node of this.nodes) {
        this.#use(node, 'busy', 1);
        if (this.#random(1_000) < used) this.#use(node, this.#nameAt(this.#random(100)), 1);
      }
      this.#wait(1);
      if (isWatching) this.#look();
    }
  }

  #isSlow = false;

  #wait(ms: number): void {
    this.nowMs += ms;
  }

  /**
   * The blind spots there are: use just before an index goes, within the time in which a new oid counts as a rebuild, and an index
   * that comes and goes between two looks.
   */
  #lookIfBlind(name: Name): void {
    this.#wait(1);
    const isBlind = this.nodes.some(
      (node) =>
        this.nowMs - this.#lastLook(node) <= rebuildKnownMs ||
        this.#looks.get(node)?.at(-1)?.names.has(name) !== true,
    );
    if (isBlind) this.#look();
    this.#wait(1);
    this.#changedAtMs = this.nowMs;
  }

  #lastLook(node: Name): number {
    return this.#looks.get(node)?.at(-1)?.atMs ?? 0;
  }

  #lose(node: Name, name?: Name, isForgiven = false): void {
    this.#losses.push({ node, name, atMs: this.nowMs, isForgiven });
  }

  #nodeAt = (place: 0 | 1): Name => this.nodes[place];
  #at = (node: Name): Postmaster => this.#postmasters[node === 'primary' ? 0 : 1];
  #leaves = (): readonly Name[] => [...this.#oids.keys()].filter((name) => name.startsWith('leaf')).sort();

  #nameAt(which: number): Name {
    const names = ['plain', 'other', ...this.#leaves()];
    return names[which % names.length]!;
  }

  #historyOf(node: Name): UsageHistory {
    const history = this.#histories.get(node);
    if (history === undefined) throw new Error(`no history of ${node}`);
    return history;
  }

  #keptOf(node: Name): Kept {
    const kept = this.#kept.get(node);
    if (kept === undefined) throw new Error(`nothing is kept of ${node}`);
    return kept;
  }

  readonly #views = new Map<Name, IndexView>();
  #viewOf(name: Name): IndexView {
    const known = this.#views.get(name) ?? anIndex({ indexrelname: name });
    this.#views.set(name, known);
    if (name !== 'tree') return known;
    return {
      ...known,
      fact: { ...known.fact, relkind: 'I' },
      children: this.#leaves().map((leaf) => this.#viewOf(leaf)),
    };
  }

  /** A small generator of its own: the same seed, the same run. */
  #random(below: number): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * below);
  }
}

const subjectOf = (name: Name): string => `public\0t\0${name}\0d`;

const isPartOf = (name: Name, judged: Name): boolean =>
  name === judged || (judged === 'tree' && name.startsWith('leaf'));

const isAbout = (loss: Loss, judged: Name): boolean => loss.name === undefined || isPartOf(loss.name, judged);

const isCounted = (counted: Counted | undefined): boolean => counted !== undefined && counted.scans > 0;

const nothingCounted = (): Counted => ({
  scans: 0,
  read: 0,
  fetched: 0,
  lastScanAtMs: null,
  statsResetAtMs: null,
});
