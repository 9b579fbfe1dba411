import type { DefinitionFact } from '../collectors/definitions.ts';
import { type BuildRates, measuredSpeed } from '../history/builds/rates.ts';
import type { Fix } from '../model/finding.ts';
import { counted, humaneBytes } from '../model/units.ts';
import type { NewNames } from './names.ts';

/** What printing SQL needs to know besides the remedy. */
export interface FixContext {
  readonly versionNum: number;
  /** What the operator assumes where no build was watched. */
  readonly rebuildBytesPerSecond: number;
  /** What builds that were watched have shown; absent where nobody watches. */
  readonly buildRates?: BuildRates;
  /** The server's definitions by index oid; read for every index that {@link indexesToDefine} names. */
  readonly definitions: ReadonlyMap<number, DefinitionFact>;
  /** Shared by all fixes of one report, so that no two of them create the same name. */
  readonly names: NewNames;
}

/** How long a build takes, and what that goes by. */
export interface BuildTime {
  /** Null where the size is unknown. */
  readonly seconds: number | null;
  readonly isMeasured: boolean;
  /** To follow "goes by": `3 btree builds watched here (31 MiB/s)`. */
  readonly goesBy: string;
}

/** The time to build so many bytes of index: by the builds of the access method that were watched, else by what the policy assumes. */
export function buildTime(
  bytes: number | undefined,
  accessMethod: string,
  { rebuildBytesPerSecond, buildRates }: FixContext,
): BuildTime {
  const measured = measuredSpeed(buildRates, accessMethod);
  const bytesPerSecond = measured?.bytesPerSecond ?? rebuildBytesPerSecond;
  const speed = `${humaneBytes(Math.round(bytesPerSecond))}/s`;
  return {
    seconds: bytes === undefined ? null : Math.ceil(bytes / bytesPerSecond),
    isMeasured: measured !== undefined,
    goesBy:
      measured === undefined
        ? `policy.rebuildBytesPerSecond (${speed}), since no build of a ${accessMethod} index was watched here yet`
        : `${counted(measured.builds, `${accessMethod} build`)} watched here (${speed})`,
  };
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
