/** What an operator decided for one schema of one database; every bound comes from the configuration. */
export interface Policy {
  /** How long an index must have gone unused before that is worth saying. 0: judge by what there is. */
  readonly unusedAfterMs: number;
  /** A verdict of disuse is `possible` at best before the counters have seen a month's end and every business cycle whole. */
  readonly likelyAfterMs: number;
  /** Findings about relations smaller than this are not reported. */
  readonly minSizeBytes: number;
  /** Findings about tables with fewer rows are not reported. */
  readonly minRows: number;
  /** Below this many rows a finding is info at most: a sequential scan of so few is as fast as any index. */
  readonly minRowsForWarning: number;
  /** Assumed speed of an index build until one has been measured. */
  readonly rebuildBytesPerSecond: number;
}

/** What the operator says, and the server shows, of the nodes that may use an index. */
export interface Topology {
  /** The operator's word that every node that reads is configured. */
  readonly isComplete: boolean;
  /** Names of nodes whose usage was not looked at: configured standbys, and replicas connected to the primary. */
  readonly unseenNodes: readonly string[];
}
