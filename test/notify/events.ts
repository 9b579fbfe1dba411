import type { DiaryEvent } from '../../src/model/event.ts';
import { MiB } from '../../src/model/units.ts';
import { takenAtMs } from '../support/builders.ts';

/** A new duplicate of 10 MiB; evidence is added to what there is. */
export const anOpening = ({ evidence, ...overrides }: Partial<DiaryEvent> = {}): DiaryEvent => ({
  kind: 'finding-opened',
  atMs: takenAtMs,
  server: 'main',
  datname: 'shop',
  schemaname: 'public',
  relname: 'orders',
  indexrelname: 'orders_a_idx1',
  node: null,
  findingId: '00112233445566aa',
  title: 'public.orders_a_idx1 duplicates orders_a_idx',
  ...overrides,
  evidence: {
    kind: 'duplicate-index',
    severity: 'warning',
    origin: 'new',
    state: 'open',
    reclaimableBytes: 10 * MiB,
    ...evidence,
  },
});
