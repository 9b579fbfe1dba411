import type { ColumnPlan, IndexPlan, Step, TablePlan } from './plan.ts';

/*
 * The set that the method was tuned on: index shapes by hand, each in every life. Nothing here is random but the rows' values.
 */

const columns: readonly ColumnPlan[] = [
  { name: 'appended', type: 'int8', value: 'g' },
  { name: 'scattered', type: 'int4', value: '(random() * 2e9)::int4' },
  { name: 'few', type: 'int4', value: '(random() * 9)::int4' },
  { name: 'tens', type: 'int4', value: '(random() * rows / 20)::int4' },
  { name: 'pairs', type: 'int8', value: '(random() * rows / 2)::int8' },
  { name: 'skewed', type: 'int4', value: 'floor(power(random(), 4) * rows / 4)::int4' },
  {
    name: 'sparse',
    type: 'int4',
    value: 'case when random() < 0.9 then null else (random() * 2e9)::int4 end',
  },
  { name: 'half', type: 'int8', value: 'case when random() < 0.5 then null else g end' },
  { name: 'flag', type: 'bool', value: 'random() < 0.1' },
  { name: 'token', type: 'uuid', value: 'md5(random()::text)::uuid' },
  { name: 'label', type: 'text', value: 'left(md5(random()::text), 4 + (random() * 24)::int4)' },
  { name: 'wide', type: 'text', value: 'repeat(md5(random()::text), 2 + (random() * 4)::int4)' },
  {
    name: 'status',
    type: 'text',
    value:
      "(array['new', 'paid', 'shipped', 'closed', 'cancelled'])[1 + floor(power(random(), 2) * 5)::int4]",
  },
  { name: 'city', type: 'text', value: "'city of ' || (random() * rows / 50)::int4" },
  { name: 'amount', type: 'numeric', value: '(random() * 1e6)::numeric(12, 2)' },
  { name: 'at', type: 'timestamptz', value: "timestamptz '2024-01-01' + g * interval '7 seconds'" },
  { name: 'day', type: 'date', value: "date '2020-01-01' + (random() * 1000)::int4" },
  {
    name: 'tags',
    type: 'int4[]',
    value: 'array[(random() * 100)::int4, (random() * 1000)::int4, (random() * rows)::int4]',
  },
  {
    name: 'document',
    type: 'jsonb',
    value: "jsonb_build_object('kind', (random() * 20)::int4, 'owner', (random() * rows / 5)::int4)",
  },
  { name: 'place', type: 'point', value: 'point(random() * 1000, random() * 1000)' },
  { name: 'span', type: 'int4range', value: 'int4range((g * 3)::int4, (g * 3 + 1 + random() * 50)::int4)' },
  {
    name: 'address',
    type: 'inet',
    value:
      "('10.' || (random() * 255)::int4 || '.' || (random() * 255)::int4 || '.' || (random() * 255)::int4)::inet",
  },
];

const plain: readonly (readonly [name: string, definition: string])[] = [
  ['appended', '(appended)'],
  ['scattered', '(scattered)'],
  ['token', '(token)'],
  ['at', '(at)'],
  ['label', '(label)'],
  ['wide', '(wide)'],
  ['scattered_ff70', '(scattered) with (fillfactor = 70)'],
  ['label_ff100', '(label) with (fillfactor = 100)'],
  ['appended_ff100', '(appended) with (fillfactor = 100)'],
  ['label_scattered', '(label, scattered)'],
  ['at_desc', '(at desc, few)'],
];
const merged: readonly (readonly [name: string, definition: string])[] = [
  ['few', '(few)'],
  ['tens', '(tens)'],
  ['pairs', '(pairs)'],
  ['skewed', '(skewed)'],
  ['flag', '(flag)'],
  ['status', '(status)'],
  ['city', '(city)'],
  ['day', '(day)'],
  ['tens_ff70', '(tens) with (fillfactor = 70)'],
  ['city_ff100', '(city) with (fillfactor = 100)'],
  ['few_ff60', '(few) with (fillfactor = 60)'],
  ['few_day', '(few, day)'],
  ['status_tens', '(status, tens)'],
  ['tens_few', '(tens, few)'],
];
const unmerged: readonly (readonly [name: string, definition: string])[] = [
  ['amount', '(amount)'],
  ['few_off', '(few) with (deduplicate_items = off)'],
  ['tens_include', '(tens) include (few)'],
  ['few_amount', '(few, amount)'],
];
const nulls: readonly (readonly [name: string, definition: string])[] = [
  ['sparse', '(sparse)'],
  ['sparse_few', '(sparse, few)'],
  ['sparse_token', '(sparse, token)'],
];
const partial: readonly (readonly [name: string, definition: string])[] = [
  ['flag_scattered', '(scattered) where flag'],
  ['few_tens', '(tens) where few < 3'],
  ['sparse_only', '(sparse) where sparse is not null'],
];
const expression: readonly (readonly [name: string, definition: string])[] = [
  ['lower_label', '(lower(label))'],
  ['sum', '((scattered / 1000))'],
  ['month', "(((day - date '2020-01-01') / 30))"],
];
const unique: readonly (readonly [name: string, definition: string])[] = [
  ['id', '(appended)'],
  ['token', '(token)'],
  ['half', '(half)'],
  ['half_few', '(half, few)'],
];
const others: readonly (readonly [group: string, name: string, definition: string])[] = [
  ['hash', 'scattered', 'hash (scattered)'],
  ['hash', 'token', 'hash (token)'],
  ['hash', 'label_ff50', 'hash (label) with (fillfactor = 50)'],
  ['hash', 'tens', 'hash (tens)'],
  ['hash', 'few', 'hash (few)'],
  ['gist', 'place', 'gist (place)'],
  ['gist', 'span', 'gist (span)'],
  ['gist', 'address', 'gist (address inet_ops)'],
  ['gin', 'tags', 'gin (tags)'],
  ['gin', 'document', 'gin (document jsonb_path_ops)'],
  ['gin', 'tags_slow', 'gin (tags) with (fastupdate = off)'],
  ['spgist', 'place', 'spgist (place)'],
  ['spgist', 'label', 'spgist (label)'],
  ['brin', 'at', 'brin (at)'],
];

const btree = (
  group: string,
  prefix: string,
  shapes: readonly (readonly [string, string])[],
  isUnique = false,
): readonly IndexPlan[] =>
  shapes.map(([name, definition]) => ({
    name: `${prefix}_${name}`,
    group: `btree ${group}`,
    definition: `using btree ${definition}`,
    isUnique,
  }));

const indexes: readonly IndexPlan[] = [
  ...btree('plain', 'p', plain),
  ...btree('merged', 'd', merged),
  ...btree('unmerged', 'n', unmerged),
  ...btree('nulls', 'z', nulls),
  ...btree('partial', 'w', partial),
  ...btree('expression', 'e', expression),
  ...btree('unique', 'u', unique, true),
  ...others.map(([group, name, definition]) => ({
    name: `${group}_${name}`,
    group,
    definition: `using ${definition}`,
  })),
];

const vacuum: Step = { kind: 'vacuum' };
const analyze: Step = { kind: 'analyze' };
const insert = (share: number): Step => ({ kind: 'insert', share });
const scattered = (share: number, salt = 1): Step => ({ kind: 'delete-scattered', share, salt });
const range = (share: number, from = 0): Step => ({ kind: 'delete-range', share, from });
const update = (share: number, columns?: readonly string[], salt = 1): Step => ({
  kind: 'update',
  share,
  salt,
  ...(columns === undefined ? {} : { columns }),
});

const lives: readonly (readonly [life: string, start: 'built' | 'grown', steps: readonly Step[]])[] = [
  ['fresh', 'built', [analyze]],
  ['grown', 'grown', [vacuum, analyze]],
  ['grown-unanalyzed', 'grown', []],
  ['delete-30', 'built', [analyze, scattered(0.3), vacuum, analyze]],
  ['delete-60', 'built', [analyze, scattered(0.6), vacuum, analyze]],
  ['delete-90', 'built', [analyze, scattered(0.9), vacuum, analyze]],
  ['delete-range', 'built', [analyze, range(0.7), vacuum, vacuum, analyze]],
  ['delete-unvacuumed', 'built', [analyze, scattered(0.6), analyze]],
  ['delete-unseen', 'built', [vacuum, analyze, scattered(0.6)]],
  ['update-all', 'built', [analyze, update(1), vacuum, analyze]],
  ['update-grown', 'grown', [analyze, update(1), vacuum, update(0.5, undefined, 2), vacuum, analyze]],
  ['update-keys', 'built', [analyze, update(1, ['tens', 'city', 'scattered', 'sparse']), vacuum, analyze]],
  ['grown-after-build', 'built', [analyze, insert(1), vacuum, analyze]],
  ['grown-unvacuumed', 'built', [analyze, insert(1)]],
  [
    'churn',
    'built',
    [
      analyze,
      scattered(0.3),
      vacuum,
      insert(0.3),
      update(0.3),
      vacuum,
      scattered(0.3, 2),
      vacuum,
      insert(0.3),
      analyze,
    ],
  ],
  [
    'churn-grown',
    'grown',
    [scattered(0.5), vacuum, insert(0.5), vacuum, scattered(0.5, 2), vacuum, insert(0.3), vacuum, analyze],
  ],
  [
    'queue',
    'built',
    [analyze, range(0.5), vacuum, insert(0.5), range(0.5), vacuum, insert(0.5), vacuum, analyze],
  ],
  ['refilled', 'grown', [{ kind: 'truncate' }, insert(0.5), vacuum, analyze]],
];

/** Every shape in every life, on tables of `rows` rows; `short` leaves out most lives. */
export function tuningPlans(rows: number, short: boolean): readonly TablePlan[] {
  const named = new Set(['grown', 'delete-60', 'update-all', 'churn']);
  return lives
    .filter(([life]) => !short || named.has(life))
    .map(([life, start, steps], place) => ({
      name: `tuning_${life.replaceAll('-', '_')}`,
      life,
      rows,
      columns,
      indexes,
      start,
      steps,
      randomSeed: (place + 1) / 100,
    }));
}
