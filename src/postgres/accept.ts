import type { z } from 'zod';

/** Whether a value is plainly what a schema promises, to be taken as it is. `false` says nothing: ask the schema. */
export type Accept = (value: unknown) => boolean;

/**
 * A check for one column, made from its schema so that there is one truth; undefined where the schema does more than look at numbers,
 * strings, booleans, enumerations, nulls and arrays of these. What is accepted here the schema accepts too, and leaves as it is.
 */
export function acceptOf(schema: z.core.$ZodType): Accept | undefined {
  // Every schema is one of these; which, its definition says.
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const checks = def.checks ?? [];
  switch (def.type) {
    case 'number':
      return isPlain(def, ['type', 'checks']) ? numberAccept(checks) : undefined;
    case 'string':
      return isPlain(def, ['type']) ? (value) => typeof value === 'string' : undefined;
    case 'boolean':
      return isPlain(def, ['type']) ? (value) => typeof value === 'boolean' : undefined;
    case 'enum': {
      if (!isPlain(def, ['type', 'entries'])) return undefined;
      const entries = new Set<unknown>(Object.values(def.entries));
      return (value) => typeof value === 'string' && entries.has(value);
    }
    case 'nullable': {
      const inner = isPlain(def, ['type', 'innerType']) ? acceptOf(def.innerType) : undefined;
      return inner && ((value) => value === null || inner(value));
    }
    case 'array': {
      const element = isPlain(def, ['type', 'element']) ? acceptOf(def.element) : undefined;
      return element && ((value) => Array.isArray(value) && everyOf(value, element));
    }
    default:
      return undefined;
  }
}

/** The checks of an object without further keys, one for each of `keys`; undefined unless these are its keys and all are plain. */
export function acceptsOf(schema: z.core.$ZodType, keys: readonly string[]): readonly Accept[] | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type !== 'object' || !isPlain(def, ['type', 'shape', 'catchall'])) return undefined;
  const isKnown = Object.keys(def.shape).length === keys.length && new Set(keys).size === keys.length;
  if (!isKnown) return undefined;
  const accepts: Accept[] = [];
  for (const key of keys) {
    const column = Object.hasOwn(def.shape, key) ? def.shape[key] : undefined;
    const accept = column && acceptOf(column);
    if (accept === undefined) return undefined;
    accepts.push(accept);
  }
  return accepts;
}

/** Whether a definition says nothing but what is known here. Its words for errors are the schema's own business. */
const isPlain = (def: object, known: readonly string[]): boolean =>
  Object.entries(def).every(
    ([key, value]) =>
      known.includes(key) ||
      key === 'error' ||
      value === undefined ||
      (key === 'checks' && Array.isArray(value) && value.length === 0),
  );

function numberAccept(checks: readonly z.core.$ZodCheck<never>[]): Accept | undefined {
  let isWhole = false;
  let least = Number.NEGATIVE_INFINITY;
  let above = Number.NEGATIVE_INFINITY;
  let most = Number.POSITIVE_INFINITY;
  let below = Number.POSITIVE_INFINITY;
  for (const check of checks) {
    // As above: every check is one of these.
    const { def } = (check as unknown as z.core.$ZodChecks)._zod;
    if (def.check === 'number_format' && def.format === 'safeint') isWhole = true;
    else if (def.check === 'greater_than' && typeof def.value === 'number') {
      if (def.inclusive) least = Math.max(least, def.value);
      else above = Math.max(above, def.value);
    } else if (def.check === 'less_than' && typeof def.value === 'number') {
      if (def.inclusive) most = Math.min(most, def.value);
      else below = Math.min(below, def.value);
    } else return undefined;
  }
  const isInside = (value: number): boolean =>
    value >= least && value > above && value <= most && value < below;
  return isWhole
    ? (value) => Number.isSafeInteger(value) && isInside(value as number)
    : (value) => Number.isFinite(value) && isInside(value as number);
}

function everyOf(values: readonly unknown[], accept: Accept): boolean {
  for (const value of values) if (!accept(value)) return false;
  return true;
}
