/** One metric family, as it is declared once and for all. */
export interface Family {
  /** The name of its samples (of a histogram: their common prefix). */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'info';
  /** Ends the name (before `_total`); OpenMetrics wants it said. */
  readonly unit?: 'bytes' | 'seconds' | 'ratio';
  readonly help: string;
  readonly labels: readonly string[];
  /** What there is one series for: the cost of the family. */
  readonly per: Scope;
  /** The version that exported it first. */
  readonly since: string;
  /** The setting that turns it on, for families that are off by default. */
  readonly behind?: string;
}

export const scopes = ['target', 'finding', 'index', 'table', 'probe', 'daemon', 'process'] as const;
export type Scope = (typeof scopes)[number];

const targetLabels = ['server', 'datname'] as const;
const tableLabels = [...targetLabels, 'schemaname', 'relname'] as const;
const indexLabels = [...tableLabels, 'indexrelname'] as const;
const since = '0.1.0';

export const ofIndex = (name: string, rest: Rest): Family => declare(name, 'index', indexLabels, rest);
export const ofTable = (name: string, rest: Rest): Family => declare(name, 'table', tableLabels, rest);
export const ofFinding = (name: string, rest: Rest): Family => declare(name, 'finding', targetLabels, rest);
export const ofTarget = (name: string, rest: Rest): Family => declare(name, 'target', targetLabels, rest);
export const ofProbe = (name: string, rest: Rest): Family =>
  declare(name, 'probe', [...targetLabels, 'probe'], rest);
export const ofDaemon = (name: string, rest: Rest): Family => declare(name, 'daemon', [], rest);
export const ofProcess = (name: string, rest: Rest): Family => declare(name, 'process', [], rest);

type Rest = Pick<Family, 'type' | 'help' | 'unit' | 'behind'> & { readonly labels?: readonly string[] };

function declare(name: string, per: Scope, shared: readonly string[], rest: Rest): Family {
  return { ...rest, name, per, since, labels: [...shared, ...(rest.labels ?? [])] };
}
