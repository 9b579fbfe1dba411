/** Size of an index after a rebuild, in bytes, with the sizes between which it should lie: `least <= expected <= most`. */
export interface Expectation {
  readonly expectedBytes: number;
  readonly leastBytes: number;
  readonly mostBytes: number;
  /** Size once keys inserted in random order have filled the pages as they do; undefined where it is not known. */
  readonly naturalBytes?: number;
}

/** An expectation in proportion: what held so many entries then holds `factor` times as many now. */
export const scaled = (expectation: Expectation, factor: number): Expectation => ({
  expectedBytes: expectation.expectedBytes * factor,
  leastBytes: expectation.leastBytes * factor,
  mostBytes: expectation.mostBytes * factor,
  ...(expectation.naturalBytes === undefined ? {} : { naturalBytes: expectation.naturalBytes * factor }),
});

/** An expectation that is sure to `share` of itself in both directions. */
export const about = (expectedBytes: number, share: number): Expectation => ({
  expectedBytes,
  leastBytes: expectedBytes * (1 - share),
  mostBytes: expectedBytes * (1 + share),
});
