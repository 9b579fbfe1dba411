import { KiB, secondMs } from '../model/units.ts';

/** What the application needs to know of the configuration. */
export interface HttpOptions {
  readonly version: string;
  /** Whether `POST /-/reload` does anything. */
  readonly lifecycleEnabled: boolean;
  /** Folder of the product's own documentation, served below `/docs/`. */
  readonly docsDirectory: string;
  /** Whether constants in index definitions are shown as `?`. */
  readonly redactLiterals: boolean;
  /** Entries in one page of a list. A page is built in one go, and the event loop waits for it. */
  readonly pageSizeMax: number;
  /** Setting a mute takes a body of a few hundred bytes; nothing else takes any. */
  readonly bodyBytesMax: number;
  /** Path and query together; ours take a few hundred bytes. */
  readonly urlBytesMax: number;
  /** What one client address may ask for in a minute; 0 for no limit. */
  readonly requestsPerMinute: number;
  /** How long a target waits before it is collected from out of turn again. */
  readonly collectCooldownMs: number;
}

export const defaultHttpOptions = {
  lifecycleEnabled: false,
  redactLiterals: false,
  pageSizeMax: 1000,
  bodyBytesMax: 4 * KiB,
  urlBytesMax: 8 * KiB,
  requestsPerMinute: 600,
  collectCooldownMs: 10 * secondMs,
} as const satisfies Partial<HttpOptions>;

/** Bounds of the server below the application: each keeps one bad client from taking what the others need. */
export interface ServerLimits {
  /** Request line and headers together; this also bounds the URL. */
  readonly headerBytesMax: number;
  /** How long a client may take to send its headers: slower ones hold a connection for nothing. */
  readonly headersTimeoutMs: number;
  /** How long a client may take to send its whole request. */
  readonly requestTimeoutMs: number;
  /** How long an idle connection is kept; above Prometheus' usual 15 s and 60 s between scrapes. */
  readonly keepAliveTimeoutMs: number;
  /** Each connection costs a descriptor and memory; Prometheus and a few people need a dozen. */
  readonly maxConnections: number;
}

export const defaultServerLimits: ServerLimits = {
  headerBytesMax: 16 * KiB,
  headersTimeoutMs: 10 * secondMs,
  requestTimeoutMs: 30 * secondMs,
  keepAliveTimeoutMs: 65 * secondMs,
  maxConnections: 256,
};
