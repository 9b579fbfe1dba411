import type { DefinitionFact } from '../collectors/definitions.ts';
import type { Fix } from '../model/finding.ts';
import type { NewNames } from './names.ts';

/** What printing SQL needs to know besides the remedy. */
export interface FixContext {
  readonly versionNum: number;
  readonly rebuildBytesPerSecond: number;
  /** The server's definitions by index oid; read for every index that {@link indexesToDefine} names. */
  readonly definitions: ReadonlyMap<number, DefinitionFact>;
  /** Shared by all fixes of one report, so that no two of them create the same name. */
  readonly names: NewNames;
}

/** A fix of words alone. */
export const noSql = (notes: string): Fix => ({
  sql: null,
  rollbackSql: null,
  lock: null,
  rebuildSeconds: null,
  notes,
  preflightSql: null,
  verifySql: null,
});

/** 14.0 to 14.3 can corrupt indexes that are built or rebuilt concurrently. */
export const lacksSafeConcurrentBuild = (versionNum: number): boolean =>
  versionNum >= 140_000 && versionNum < 140_004;

export const unsafeConcurrentBuild =
  'No SQL: concurrent builds on 14.0 to 14.3 can corrupt the index. Upgrade to 14.4 or later first.';

export const joined = (sentences: readonly (string | undefined)[]): string =>
  sentences.filter((sentence) => sentence !== undefined && sentence !== '').join(' ');
