import type { z } from 'zod';
import type { CollectorName } from '../../collectors/index.ts';
import type { Generation } from '../../findings/generation.ts';
import type { KeptEvent } from '../../model/event.ts';
import type { FindingKind } from '../../model/finding.ts';
import type { Block } from './blocks.ts';

/** What a report knows of the past. */
export type ReportHistory =
  | {
      readonly kind: 'kept';
      /** The file it was read from. */
      readonly path: string;
      /** Of all databases, within the report's window, newest first. */
      readonly events: readonly KeptEvent[];
      /** Whether there are more than were read. */
      readonly isCut: boolean;
    }
  /** `unreadable`: there should be one, and it could not be read. */
  | { readonly kind: 'none' | 'unreadable'; readonly reason: string };

/** All that a report is made from. */
export interface ReportInput {
  readonly generations: readonly Generation[];
  readonly nowMs: number;
  readonly toolVersion: string;
  /** How far back it looks, in milliseconds. */
  readonly windowMs: number;
  readonly history: ReportHistory;
  /** Collectors that verdicts cannot do without. */
  readonly needed: ReadonlySet<CollectorName>;
  /** Kinds whose detector is switched on; the others find nothing because nobody asked. */
  readonly judging: ReadonlySet<FindingKind>;
  /** Whether constants in conditions and expressions are withheld. */
  readonly redactLiterals: boolean;
}

/** One database of a report. */
export interface DatabaseInput {
  readonly report: ReportInput;
  readonly generation: Generation;
}

/** A section of this report: the facts as JSON has them, and what they say to a person. */
export interface WrittenSection {
  readonly id: string;
  readonly title: string;
  readonly facts: unknown;
  readonly blocks: readonly Block[];
}

/** A part of the report. To add one: a file in `sections/`, and its line in `outline.ts`. */
export interface Section<Input> {
  /** Key in JSON, anchor in HTML. */
  readonly id: string;
  readonly title: string;
  /** Of the facts. */
  readonly schema: z.ZodType;
  readonly write: (input: Input) => WrittenSection;
}

/**
 * Declares a section. `tell` gets the facts and nothing else, so that every number a person reads stands in the JSON too.
 */
export function defineSection<Input, Facts>({
  id,
  title,
  schema,
  gather,
  tell,
}: {
  readonly id: string;
  readonly title: string;
  readonly schema: z.ZodType<Facts>;
  readonly gather: (input: Input) => Facts;
  readonly tell: (facts: Facts) => readonly Block[];
}): Section<Input> {
  return {
    id,
    title,
    schema,
    write: (input) => {
      const facts = gather(input);
      return { id, title, facts, blocks: tell(facts) };
    },
  };
}
