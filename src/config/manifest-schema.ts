import { z } from 'zod';
import { expectedMethods } from '../model/expectation.ts';
import { listOf, oneOf, onOff, setting, text, whole } from './fields.ts';
import { notAnObject } from './schema-connection.ts';

/** A key of an expected index with more than its column. */
const ManifestKey = z
  .strictObject(
    {
      column: setting(text(), 'A column. Either this or `expression`.').optional(),
      expression: setting(
        text(),
        'An SQL expression on columns of the table, in PostgreSQL’s sense immutable: `lower(email)`.',
      ).optional(),
      order: setting(oneOf(['asc', 'desc']), 'Sort order. Only B-trees have one. Default `asc`.').optional(),
      nulls: setting(
        oneOf(['first', 'last']),
        'Where NULL stands. Default as in PostgreSQL: `last` for `asc`, `first` for `desc`.',
      ).optional(),
      opclass: setting(
        text(),
        'Operator class, with its schema where that is not `pg_catalog`. Default: that of the column’s type; for an expression any default one.',
      ).optional(),
      collation: setting(text(), 'Collation by its name alone. Default: the column’s.').optional(),
    },
    notAnObject,
  )
  .meta({ title: 'key' });

const Key = z
  .union([text(), ManifestKey], { error: 'is neither a column nor a key with its settings' })
  .meta({ title: 'column or key' });

/** One entry, for finding what is wrong with the others beside one that is malformed. */
export const ExpectedIndex = z
  .strictObject(
    {
      name: setting(
        text(),
        'What it is called when it is created, and in findings. An index that does the same under another name satisfies it. Unique in its schema.',
      ),
      schema: setting(text(), 'Schema of the table. Default: the manifest’s.').optional(),
      table: setting(
        text(),
        'The table, as the catalogue spells it: without quotes, upper and lower case told apart.',
      ),
      method: setting(oneOf(expectedMethods), 'Access method.').prefault('btree'),
      columns: setting(
        listOf(Key).min(1, { error: 'is an empty list' }),
        'The keys in order: a column’s name, with `asc`, `desc`, `nulls first` or `nulls last` behind it if need be (`created_at desc`), or a group of `column` or `expression`, `order`, `nulls`, `opclass` and `collation`.',
      ),
      include: setting(listOf(text()), 'Columns that are only carried, for index-only scans.').prefault([]),
      predicate: setting(
        text(),
        'The condition of a partial index, without WHERE. What is not immutable is refused.',
      ).optional(),
      unique: setting(
        onOff(),
        'Whether it must be unique. A unique one on the same keys satisfies an expectation that does not ask for it.',
      ).prefault(false),
      nullsNotDistinct: setting(
        onOff(),
        'Whether NULLs count as equal in a unique index (15 and later).',
      ).prefault(false),
      priority: setting(whole({ min: 1, max: 99 }), {
        description: '1 is the highest: its absence is a warning, that of others info.',
        reason: 'Nobody orders by more than a hundred steps.',
      }).prefault(2),
      phase: setting(whole({ min: 1, max: 99 }), {
        description: 'The step of the plan in which it is to be built.',
        reason: 'Nobody plans more than a hundred steps ahead.',
      }).optional(),
      reason: setting(text(), 'What it is for.').optional(),
      expectedGain: setting(text(), 'What it is hoped to bring; shown, not checked.').optional(),
      queries: setting(listOf(text()), 'The queries that it serves, by name or text.').prefault([]),
      alternatives: setting(
        listOf(text()),
        'Groups of which it is one member: of each group exactly one is expected to exist, the one of the highest priority is the one that is printed.',
      ).prefault([]),
    },
    notAnObject,
  )
  .meta({ title: 'expected index' });
export type ExpectedIndexEntry = z.output<typeof ExpectedIndex>;
export type ManifestKeyEntry = z.output<typeof Key>;

/** A manifest as written: the indexes that one schema, or a few, should have. */
export const ManifestSchema = z
  .strictObject(
    {
      description: setting(text(), 'What the manifest is for.').optional(),
      schema: setting(text(), 'Schema of the tables that say nothing else.').prefault('public'),
      indexes: setting(listOf(ExpectedIndex), 'The indexes that should exist.'),
    },
    { error: 'is not a group of settings' },
  )
  .meta({ title: 'expected indexes' });
