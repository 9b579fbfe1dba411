import type { FindingKind } from '../model/finding.ts';

/** A kind of finding in words, as its detector declares it. */
export interface KindInfo {
  readonly id: FindingKind;
  /** What a finding of this kind says, as a heading. */
  readonly title: string;
  /** Address of its documentation page. */
  readonly docs: string;
}

/** The program, as machine-readable reports name it. */
export interface ToolInfo {
  readonly version: string;
  readonly informationUri: string;
}
