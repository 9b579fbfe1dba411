import type { Catalogue } from '../analysis/catalogue.ts';
import type { Unjudged } from './draft.ts';

/** Indexes whose expressions or predicate could not be read because their table was locked. */
export const lockedIndexes = (catalogue: Catalogue): readonly Unjudged[] =>
  catalogue.indexes
    .filter((index) => !index.fact.isDefinitionKnown)
    .map((index) => ({
      relation: index.names.shown,
      reason: 'its table was locked, so that its expressions and predicate could not be read',
    }));
