import type { Claim, Expects, SpecDocument } from './model.ts';

/** Adds to the claims of one section, in the order of the document. */
export interface SectionOf {
  readonly measured: (id: string, claim: string, by: string | readonly string[], expects: Expects) => void;
  readonly stated: (id: string, claim: string, why: string) => void;
}

/** A list of the claims of one document; ids get its name in front. */
export function claimList(document: SpecDocument): {
  readonly claims: readonly Claim[];
  readonly section: (title: string) => SectionOf;
} {
  const claims: Claim[] = [];
  const add = (section: string, id: string, claim: string, answer: Claim['answer']): void => {
    claims.push({ id: `${document}.${id}`, document, section, claim, answer });
  };
  return {
    claims,
    section: (title) => ({
      measured: (id, claim, by, expects) =>
        add(title, id, claim, { kind: 'measured', by: typeof by === 'string' ? [by] : by, expects }),
      stated: (id, claim, why) => add(title, id, claim, { kind: 'no-claim', why }),
    }),
  };
}

export const gain = (from: number, to = from): Expects => ({ kind: 'gain', from, to });
export const cost = (from: number, to: number): Expects => ({ kind: 'cost', from, to });
export const speedup = (from: number, to = from): Expects => ({ kind: 'speedup', from, to });
export const takes = (fromMs: number, toMs: number, side: 'before' | 'after' = 'after'): Expects => ({
  kind: 'takes',
  fromMs,
  toMs,
  side,
});
export const took = (fromMs: number, toMs: number, side: 'before' | 'after' = 'before'): Expects => ({
  kind: 'took',
  fromMs,
  toMs,
  side,
});
export const below = (ms: number, side: 'before' | 'after' = 'after'): Expects => ({
  kind: 'below',
  ms,
  side,
});
export const above = (ms: number, side: 'before' | 'after' = 'after'): Expects => ({
  kind: 'above',
  ms,
  side,
});
export const counts = (from: number, to = from): Expects => ({ kind: 'figure', from, to });
/** Megabytes of a database whose rows nobody has counted for us. */
export const megabytes = (from: number, to: number): Expects => ({
  kind: 'figure',
  from,
  to,
  dependsOn: 'the rows',
});
export const possible: Expects = { kind: 'possible' };
