import { z } from 'zod';

/** Values that many answers share. An unknown fact is null in every answer, never 0. */
export const instant = z
  .string()
  .refine((text) => new Date(text).toISOString() === text)
  .meta({ format: 'date-time', description: 'ISO 8601, UTC.' });
/** Evidence differs from kind to kind. */
export const facts = z
  .record(z.string(), z.unknown())
  .meta({ description: 'Facts with their units in their names.' });
export const findingId = z.string().regex(/^[0-9a-f]{16}$/);
export const objectId = z.string().regex(/^[0-9a-f]{16}$/);
export const bytes = z.number().meta({ description: 'Bytes.' });
export const count = z.number().int();
export const unknownable = <Schema extends z.ZodType>(schema: Schema) => schema.nullable();

/** The names that say which database something is in. */
export const ofTarget = { server: z.string(), datname: z.string() };
/** And which table. */
export const ofTable = { ...ofTarget, schemaname: z.string(), relname: z.string() };
