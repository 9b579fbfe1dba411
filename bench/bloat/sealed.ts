import type { ColumnPlan, IndexPlan, Step, TablePlan } from './plan.ts';

/*
 * The set that nobody tuned on: column types, widths, distributions, definitions and lives are drawn from a seed. The range is wider than
 * that of the tuning set on purpose.
 */

/** Chosen after the method was frozen: the first 32 bits of the SHA-256 of its files as they were then, so that nobody picked it. */
export const sealedSeedDefault = 1923156372;

/** Uniform over [0, 1): mulberry32. */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function sealedPlans(seed: number, tables: number, rows: number): readonly TablePlan[] {
  const random = seededRandom(seed);
  return Array.from({ length: tables }, (_, place) => tablePlan(`sealed_${place + 1}`, rows, random));
}

function tablePlan(name: string, rowsMost: number, random: Random): TablePlan {
  const rows = Math.round(rowsMost * between(random, 0.3, 1.3));
  const columns = Array.from({ length: 12 }, (_, place) => columnPlan(`c${place + 1}`, rows, random));
  columns.push(...special);
  const [life, start, steps] = lifePlan(columns, random);
  const indexes = Array.from({ length: 13 }, (_, place) => btreePlan(`i${place + 1}`, columns, rows, random));
  indexes.push(...Array.from({ length: 4 }, (_, place) => otherPlan(`o${place + 1}`, columns, random)));
  return { name, life, rows, columns, indexes, start, steps, randomSeed: random() };
}

const between = (random: Random, low: number, high: number): number => low + random() * (high - low);
const whole = (random: Random, low: number, high: number): number => Math.round(between(random, low, high));
const chance = (random: Random, share: number): boolean => random() < share;

function oneOf<T>(random: Random, values: readonly T[]): T {
  // The index lies inside: random() is below 1.
  return values[Math.floor(random() * values.length)] as T;
}

interface DrawnColumn extends ColumnPlan {
  readonly isUniqueWhenPresent: boolean;
  readonly isBtree: boolean;
}

/** A value by rank: which of `distinct` values a row has, under one of several distributions. */
function rank(distinct: number, random: Random): string {
  const most = Math.max(1, Math.round(distinct));
  return oneOf(random, [
    `floor(random() * ${most})`,
    `floor(random() * ${most})`,
    `floor(power(random(), ${whole(random, 2, 5)}) * ${most})`,
    `floor((random() + random() + random()) / 3 * ${most})`,
    // Values that follow each other in time, like the days of events.
    `(g * ${most} / rows)`,
  ]);
}

function columnPlan(name: string, rows: number, random: Random): DrawnColumn {
  const isUnique = chance(random, 0.3);
  const distinct = isUnique
    ? rows * 2
    : oneOf(random, [2, 5, 30, 300, rows / 100, rows / 20, rows / 6, rows / 2.5]);
  const drawn = isUnique ? (chance(random, 0.5) ? 'g' : '((g * 7919) % 2147483629)') : rank(distinct, random);
  const shortText = `md5((${drawn})::int8::text)`;
  const [type, value]: readonly [string, string] = oneOf(random, [
    ['int4', `(${drawn})::int4`],
    ['int4', `(${drawn})::int4`],
    ['int8', `(${drawn})::int8 * 1000`],
    ['int8', `(${drawn})::int8`],
    ['float8', `(${drawn})::float8 / 7`],
    ['numeric', `((${drawn})::numeric * ${oneOf(random, ['1', '0.01', '1234567.89'])})`],
    ['date', `date '2000-01-01' + ((${drawn})::int8 % 100000)::int4`],
    ['timestamptz', `timestamptz '2020-01-01' + (${drawn})::int8 * interval '61 seconds'`],
    ['uuid', `${shortText}::uuid`],
    ['text', `left(${shortText}, ${whole(random, 8, 32)})`],
    ['text', `left(${shortText}, 8) || repeat('x', (hashint8((${drawn})::int8) & 31))`],
    ['text', `${shortText} || repeat('y', ${whole(random, 20, 300)})`],
    ['varchar(80)', `'${'n'.repeat(whole(random, 1, 20))}' || (${drawn})::int8::text`],
    ['bytea', `decode(${shortText}, 'hex')`],
    ['char(12)', `left(${shortText}, 12)`],
    [
      'inet',
      `('10.' || ((${drawn})::int8 >> 16) % 256 || '.' || ((${drawn})::int8 >> 8) % 256 || '.' || (${drawn})::int8 % 256)::inet`,
    ],
    ['interval', `(${drawn})::int8 * interval '1 minute'`],
  ]);
  const nulls = chance(random, 0.35) ? oneOf(random, [0.02, 0.3, 0.5, 0.95]) : 0;
  return {
    name,
    type,
    value: nulls === 0 ? value : `case when random() < ${nulls} then null else ${value} end`,
    isUniqueWhenPresent:
      isUnique && ['int8', 'timestamptz', 'uuid', 'bytea', 'float8', 'numeric'].includes(type),
    isBtree: true,
  };
}

const special: readonly DrawnColumn[] = [
  {
    name: 'tags',
    type: 'int4[]',
    value: 'array[(random() * 50)::int4, (random() * 500)::int4, (random() * rows / 2)::int4]',
    isUniqueWhenPresent: false,
    isBtree: false,
  },
  {
    name: 'document',
    type: 'jsonb',
    value: "jsonb_build_object('a', (random() * 30)::int4, 'b', md5((random() * rows / 3)::int4::text))",
    isUniqueWhenPresent: false,
    isBtree: false,
  },
  {
    name: 'place',
    type: 'point',
    value: 'point(random(), random() * random())',
    isUniqueWhenPresent: false,
    isBtree: false,
  },
  {
    name: 'span',
    type: 'int8range',
    value: 'int8range((random() * 1e6)::int8, 1000000 + (random() * 1e6)::int8)',
    isUniqueWhenPresent: false,
    isBtree: false,
  },
];

function btreePlan(name: string, columns: readonly DrawnColumn[], rows: number, random: Random): IndexPlan {
  const usable = columns.filter((column) => column.isBtree);
  const first = oneOf(random, usable);
  const fillFactor = chance(random, 0.25) ? oneOf(random, [50, 60, 70, 80, 95, 100]) : undefined;
  const options = fillFactor === undefined ? [] : [`fillfactor = ${fillFactor}`];
  const withOptions = (): string => (options.length === 0 ? '' : ` with (${options.join(', ')})`);
  const using = (rest: string): string => `using btree ${rest}`;
  const drawn = random();
  if (drawn < 0.15) {
    const unique = usable.filter((column) => column.isUniqueWhenPresent);
    if (unique.length > 0) {
      const second = chance(random, 0.3) ? `, ${oneOf(random, usable).name}` : '';
      const key = oneOf(random, unique).name;
      return {
        name,
        group: 'btree unique',
        isUnique: true,
        definition: using(`(${key}${key === second.slice(2) ? '' : second})${withOptions()}`),
      };
    }
  }
  if (drawn < 0.22)
    return {
      name,
      group: 'btree include',
      definition: using(
        `(${first.name}) include (${
          oneOf(
            random,
            usable.filter((column) => column !== first),
          ).name
        })${withOptions()}`,
      ),
    };
  if (drawn < 0.34) {
    const predicate = oneOf(random, [
      `${first.name} is not null`,
      `g % ${whole(random, 2, 10)} = 0`,
      `g > ${Math.round(rows / 2)}`,
    ]);
    return {
      name,
      group: 'btree partial',
      definition: using(`(${first.name})${withOptions()} where ${predicate}`),
    };
  }
  if (drawn < 0.42) {
    const text = usable.filter((column) => /^(?:text|varchar)/.test(column.type));
    const numbers = usable.filter(
      (column) => /^int/.test(column.type) && column.type !== 'interval' && column.type !== 'inet',
    );
    const expression = oneOf(random, [
      ...text.slice(0, 1).map((column) => `lower(${column.name})`),
      ...text.slice(0, 1).map((column) => `left(${column.name}, 6)`),
      ...numbers.slice(0, 1).map((column) => `(${column.name} % 1000)`),
      '(g / 100)',
    ]);
    return { name, group: 'btree expression', definition: using(`(${expression})${withOptions()}`) };
  }
  if (chance(random, 0.05)) options.push('deduplicate_items = off');
  const others = usable.filter((column) => column !== first);
  const more = chance(random, 0.35) ? [oneOf(random, others)] : [];
  if (more.length > 0 && chance(random, 0.3)) {
    const third = oneOf(random, others);
    if (!more.includes(third)) more.push(third);
  }
  const keys = [first, ...more].map((column) => `${column.name}${chance(random, 0.1) ? ' desc' : ''}`);
  return {
    name,
    group: keys.length === 1 ? 'btree single' : 'btree multi',
    definition: using(`(${keys.join(', ')})${withOptions()}`),
  };
}

function otherPlan(name: string, columns: readonly DrawnColumn[], random: Random): IndexPlan {
  const usable = columns.filter((column) => column.isBtree);
  const text = usable.find((column) => column.type === 'text');
  const [group, definition]: readonly [string, string] = oneOf(random, [
    ['hash', `(${oneOf(random, usable).name})`],
    ['hash', `(${oneOf(random, usable).name}) with (fillfactor = ${whole(random, 30, 100)})`],
    ['gist', '(place)'],
    ['gist', '(span)'],
    ['gin', '(tags)'],
    ['gin', '(document)'],
    ['gin', '(document jsonb_path_ops) with (fastupdate = off)'],
    ['spgist', '(place)'],
    ['spgist', text === undefined ? '(place)' : `(${text.name})`],
    ['brin', '(g)'],
  ]);
  return { name, group, definition: `using ${group} ${definition}` };
}

function lifePlan(
  columns: readonly DrawnColumn[],
  random: Random,
): readonly [life: string, start: 'built' | 'grown', steps: readonly Step[]] {
  const start = chance(random, 0.55) ? 'built' : 'grown';
  const steps: Step[] = chance(random, 0.9) ? [{ kind: 'analyze' }] : [];
  const count = whole(random, 0, 4);
  for (let done = 0; done < count; done += 1) {
    steps.push(changePlan(columns, random));
    // Autovacuum comes after most changes.
    if (chance(random, 0.6)) steps.push({ kind: 'vacuum' });
    if (chance(random, 0.4)) steps.push({ kind: 'analyze' });
  }
  const end = random();
  if (end < 0.7) steps.push({ kind: 'vacuum' }, { kind: 'analyze' });
  else if (end < 0.8) steps.push({ kind: 'vacuum' });
  else if (end < 0.9) steps.push({ kind: 'analyze' });
  return [count === 0 ? `${start} only` : `${start}, ${changes(steps)}`, start, steps];
}

function changePlan(columns: readonly DrawnColumn[], random: Random): Step {
  const salt = whole(random, 1, 1_000_000);
  switch (whole(random, 1, 10)) {
    case 1:
    case 2:
    case 3:
      return { kind: 'insert', share: between(random, 0.05, 1) };
    case 4:
    case 5:
    case 6:
      return { kind: 'delete-scattered', share: between(random, 0.05, 0.95), salt };
    case 7: {
      const share = between(random, 0.1, 0.8);
      return { kind: 'delete-range', share, from: chance(random, 0.6) ? 0 : between(random, 0, 1 - share) };
    }
    case 8:
    case 9:
      return { kind: 'update', share: between(random, 0.1, 1), salt };
    default: {
      // Unique columns keep their values, so that no update can fail.
      const free = columns.filter((column) => !column.isUniqueWhenPresent && column.isBtree);
      return {
        kind: 'update',
        share: between(random, 0.1, 1),
        salt,
        columns: free.filter(() => chance(random, 0.3)).map((column) => column.name),
      };
    }
  }
}

/** `delete-scattered, insert`: what was done to the rows, in order. */
const changes = (steps: readonly Step[]): string =>
  steps
    .map(({ kind }) => kind)
    .filter((kind) => kind !== 'vacuum' && kind !== 'analyze')
    .join(', ');
