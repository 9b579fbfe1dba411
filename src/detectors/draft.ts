import type { IndexView, TableView } from '../analysis/catalogue.ts';
import type { ExpectedIndex } from '../analysis/expected-index.ts';
import type { Expectation } from '../model/expectation.ts';
import type { Confidence, Evidence, FindingKind, RelatedIndex, Severity } from '../model/finding.ts';

/** What would mend a finding, before it is put into SQL: rendering needs the server's definitions, which detectors do not. */
export type Remedy =
  | {
      readonly kind: 'drop-index';
      readonly index: IndexView;
      /** Expressions whose planner statistics go with the index and must be kept by extended statistics first. */
      readonly keepStatisticsOf?: readonly string[];
      readonly notes?: string;
    }
  | {
      readonly kind: 'create-index';
      readonly table: TableView;
      readonly columns: readonly string[];
      /** What is known of the columns, where the table's own facts, which are of columns that take part in an index or key, may lack some. */
      readonly columnFacts?: readonly { readonly attributeNumber: number; readonly lengthBytes: number }[];
      readonly notes?: string;
    }
  | {
      /** An index that a manifest expects, by the manifest's definition. */
      readonly kind: 'create-expected-index';
      readonly table: TableView;
      readonly expectation: Expectation;
      readonly expected: ExpectedIndex;
      readonly notes?: string;
    }
  | {
      readonly kind: 'rebuild-index';
      readonly index: IndexView;
      /** Of a partitioned index only these partitions', in this order. */
      readonly parts?: readonly IndexView[];
      /** What is written anew; the present size where it is not known. */
      readonly expectedBytes?: number;
      readonly notes?: string;
    }
  /** An invalid leftover: dropped, and for a failed build built again. */
  | { readonly kind: 'replace-index'; readonly index: IndexView; readonly notes?: string }
  | { readonly kind: 'analyze-table'; readonly table: TableView; readonly notes?: string }
  /** Nothing safe can be printed; the notes say what a person should look at. */
  | { readonly kind: 'review'; readonly notes: string };

/** A finding as its detector states it, before identity, life and SQL are added. */
export interface Draft {
  readonly kind: FindingKind;
  readonly severity: Severity;
  readonly confidence: Confidence;
  readonly table: TableView;
  /** The index the finding is about; null when it is about the table or a constraint. */
  readonly index: IndexView | null;
  /** What the id is made of besides the table: the index's or constraint's name, empty for the table itself. */
  readonly subject: string;
  readonly columns: readonly string[];
  readonly related: readonly RelatedIndex[];
  readonly title: string;
  readonly evidence: Evidence;
  readonly caveats: readonly string[];
  readonly impact: { readonly reclaimableBytes: number; readonly [name: string]: number };
  readonly remedy: Remedy;
  /** Indexes that are not there as they stand, whose shape its texts hold: an expected one. */
  readonly imagined?: readonly IndexView[];
}

/** A relation that a detector could not judge, and why. */
export interface Unjudged {
  readonly relation: string;
  readonly reason: string;
}
