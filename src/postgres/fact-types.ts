import pg from 'pg';

type Parse = (text: string) => unknown;

const int8 = 20;
/** Types whose values are strings, as facts have them. */
const strings: ReadonlySet<number> = new Set([18, 19, 25, 1042, 1043]);
/** Arrays of int2, int4, int8, oid, text, float4 and float8. */
const arrays: ReadonlySet<number> = new Set([1005, 1007, 1016, 1028, 1009, 1021, 1022]);

/** Counters and sizes come as bigint; they are numbers here, since 2^53 scans or bytes lie beyond every server. */
export const factTypes: pg.CustomTypesConfig = { getTypeParser: parserOf };

/**
 * The same for one query with many rows: values that repeat within a column are one value. Most indexes look alike, so that their
 * arrays are parsed, and their short texts kept, once. Shared arrays are frozen.
 */
export function sharingTypes(): pg.CustomTypesConfig {
  return {
    getTypeParser(oid: number, format?: string) {
      const parse = parserOf(oid, format);
      if (format === 'binary') return parse;
      if (strings.has(oid)) return sharing((text) => text);
      return arrays.has(oid) ? sharing((text) => Object.freeze(parse(text))) : parse;
    },
  };
}

function parserOf(oid: number, format?: string): Parse {
  if (oid === int8) return Number;
  // The overloads of the library's declaration name each type's parser; what is wanted here is any of them.
  return (pg.types.getTypeParser as (oid: number, format?: string) => Parse)(oid, format);
}

/** Values of a column that are kept for sharing; as many again are only passed through before a column counts as one without repeats. */
const sharedMax = 4_096;

/** `parse`, once for each text, for as long as texts repeat: a column of names is left alone after some thousands. */
function sharing(parse: Parse): Parse {
  const known = new Map<string, unknown>();
  let isWorthwhile = true;
  let misses = 0;
  let hits = 0;
  return (text) => {
    if (!isWorthwhile) return parse(text);
    const shared = known.get(text);
    if (shared !== undefined) {
      hits += 1;
      return shared;
    }
    const value = parse(text);
    if (known.size < sharedMax) known.set(text, value);
    misses += 1;
    if (misses % sharedMax === 0 && hits < misses) {
      isWorthwhile = false;
      known.clear();
    }
    return value;
  };
}
