/** A mute that was set over the API. */
export interface Mute {
  readonly findingId: string;
  readonly reason: string;
  readonly author: string;
  readonly setAtMs: number;
  /** Null: until it is lifted. */
  readonly untilMs: number | null;
}
