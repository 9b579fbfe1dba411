import type { Evidence } from './finding.ts';

/** Things that happened to findings, indexes, statistics and nodes: what a person would want to find in a diary. */
export const eventKinds = [
  'finding-opened',
  'finding-resolved',
  'finding-reopened',
  'finding-worsened',
  'findings-opened-together',
  'mute-set',
  'mute-lifted',
  'mute-expired',
  'index-created',
  'index-dropped',
  'index-changed',
  'index-rebuilt',
  'index-used-again',
  'index-stopped-being-used',
  'statistics-reset',
  'observation-gap',
  'node-lost',
  'node-returned',
  'probe-plan-changed',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** One line of the diary of one target. What does not apply is null. */
export interface DiaryEvent {
  readonly kind: EventKind;
  readonly atMs: number;
  readonly server: string;
  readonly datname: string;
  readonly schemaname: string | null;
  readonly relname: string | null;
  readonly indexrelname: string | null;
  /** The node it happened on, where that matters. */
  readonly node: string | null;
  /** The finding it is about. */
  readonly findingId: string | null;
  /** One sentence a person on call understands. */
  readonly title: string;
  readonly evidence: Evidence;
}

/** As kept: with a number that grows by the order of writing, unique in the store. */
export interface KeptEvent extends DiaryEvent {
  readonly id: number;
}
