import type { CatalogueFacts } from './catalogue.ts';
import type { BenchServer } from './server.ts';

/** What a piece is measured on. */
export interface Surroundings {
  readonly server: BenchServer;
  /** The size as it was asked for, the name of its column. */
  readonly size: number;
  readonly database: string;
  readonly facts: CatalogueFacts;
  readonly runs: number;
  readonly log: (line: string) => void;
}

export const columnOf = (size: number): string => `${size.toLocaleString('en-US')} indexes`;
