/** What an operator decided for one schema of one database; every bound comes from the configuration. */
export interface Policy {
  /** How long an index must have gone unused before that is worth saying. 0: judge by what there is. */
  readonly unusedAfterMs: number;
  /** Findings about relations smaller than this are not reported. */
  readonly minSizeBytes: number;
  /** Findings about tables with fewer rows are not reported. */
  readonly minRows: number;
  /** Below this many rows a finding is info at most: a sequential scan of so few is as fast as any index. */
  readonly minRowsForWarning: number;
  /** Assumed speed of an index build until one has been measured. */
  readonly rebuildBytesPerSecond: number;
}
