import type { Generation } from '../../findings/generation.ts';

/** Remembers what was made of the newest generations, until one of them is replaced, comes or goes. */
export function perGenerations<Value>(
  make: (generations: readonly Generation[]) => Value,
): (generations: readonly Generation[]) => Value {
  let known: { readonly of: readonly Generation[]; readonly value: Value } | undefined;
  return (generations) => {
    if (known === undefined || !isSame(known.of, generations))
      known = { of: [...generations], value: make(generations) };
    return known.value;
  };
}

const isSame = (a: readonly Generation[], b: readonly Generation[]): boolean =>
  a.length === b.length && a.every((generation, place) => generation === b[place]);
