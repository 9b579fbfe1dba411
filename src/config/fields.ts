import { validateDetailed } from 'node-cron';
import { z } from 'zod';
import { type Duration, durationPattern, parseDuration } from './durations.ts';
import { globProblem } from './globs.ts';
import { parseListenAddress } from './listen-address.ts';
import { parseSize, type Size, sizePattern } from './sizes.ts';

/**
 * The kinds of values a setting can have, each with its parser, its bounds and its words. A kind's name is the
 * schema's `title`: the generated reference prints it as the type, and hints are chosen by it.
 */

/** A setting's text for the reference: what it does and, where it is bounded, why (kept as JSON Schema's `$comment`). */
export interface About {
  readonly description: string;
  /** Why the bounds are what they are. */
  readonly reason?: string;
}

/** Attaches the reference text to a schema; every key of the configuration goes through here. */
export function setting<T extends z.ZodType>(schema: T, about: string | About): T {
  const { description, reason } =
    typeof about === 'string' ? { description: about, reason: undefined } : about;
  return schema.meta({
    ...schema.meta(),
    description,
    ...(reason === undefined ? {} : { $comment: reason }),
  });
}

interface Bounds {
  /** Smallest and largest permitted value, in the setting's own notation: `200ms`, `10MiB`. */
  readonly min?: string;
  readonly max?: string;
}

/** A span of time: `30s`, `2m`, `1h30m`, `7d`, `0d`. */
export function duration(bounds: Bounds = {}) {
  const min = boundOf(bounds.min, parseDuration);
  const max = boundOf(bounds.max, parseDuration);
  return z
    .string({ error: 'is not a duration' })
    .regex(durationPattern, { error: 'is not a duration' })
    .transform((text): Duration => parseDuration(text) ?? { ms: Number.NaN })
    .refine(({ ms }) => Number.isSafeInteger(ms), { error: 'is too long' })
    .refine(({ ms }) => min === undefined || ms >= min.ms, { error: `is below the minimum of ${bounds.min}` })
    .refine(({ ms }) => max === undefined || ms <= max.ms, { error: `is above the maximum of ${bounds.max}` })
    .meta({ title: 'duration', ...extremes(bounds) });
}

const notASize = { error: 'is not a size' };

/** An amount of storage: `10MiB`, `1GB`, or bytes as a plain number. */
export function size(bounds: Bounds = {}) {
  const min = boundOf(bounds.min, parseSize);
  const max = boundOf(bounds.max, parseSize);
  return z
    .union([z.int(notASize).nonnegative(notASize), z.string(notASize).regex(sizePattern, notASize)], notASize)
    .transform((notation): Size => parseSize(String(notation)) ?? { bytes: Number.NaN })
    .refine(({ bytes }) => Number.isSafeInteger(bytes), { error: 'is too large' })
    .refine(({ bytes }) => min === undefined || bytes >= min.bytes, {
      error: `is below the minimum of ${bounds.min}`,
    })
    .refine(({ bytes }) => max === undefined || bytes <= max.bytes, {
      error: `is above the maximum of ${bounds.max}`,
    })
    .meta({ title: 'size', ...extremes(bounds) });
}

/** A whole number. */
export function whole(bounds: { readonly min?: number; readonly max?: number } = {}) {
  return z
    .int({ error: 'is not a whole number' })
    .min(bounds.min ?? 0, { error: `is below the minimum of ${bounds.min ?? 0}` })
    .max(bounds.max ?? Number.MAX_SAFE_INTEGER, { error: `is above the maximum of ${bounds.max}` })
    .meta({
      title: 'whole number',
      ...extremes({
        min: `${bounds.min ?? 0}`,
        ...(bounds.max === undefined ? {} : { max: `${bounds.max}` }),
      }),
    });
}

export const onOff = () => z.boolean({ error: 'is neither true nor false' }).meta({ title: 'true or false' });

/** Non-empty text. */
export const text = () =>
  z.string({ error: 'is not text' }).min(1, { error: 'is empty' }).meta({ title: 'text' });

/** A path of a file; relative ones start at the folder of the configuration file. */
export const filePath = () =>
  z.string({ error: 'is not a path' }).min(1, { error: 'is empty' }).meta({ title: 'path' });

/** One of a few words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z
    .enum(words, { error: 'is not one of the permitted words' })
    .meta({ title: words.map((word) => `\`${word}\``).join(', ') });
}

/** A pattern for names, as a shell has them. */
export const glob = () =>
  z
    .string({ error: 'is not a pattern' })
    .superRefine((pattern, context) => {
      const problem = globProblem(pattern);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    })
    .meta({ title: 'pattern' });

/** A list; one element's schema says what the elements are. */
export const listOf = <T extends z.ZodType>(element: T) =>
  z
    .array(element, { error: 'is not a list' })
    .meta({ title: `list of ${element.meta()?.title ?? 'value'}s` });

/** A cron expression of five fields, or six with seconds in front. */
export const schedule = () =>
  z
    .string({ error: 'is not a cron expression' })
    .superRefine((expression, context) => {
      const { valid, errors } = validateDetailed(expression);
      if (valid) return;
      const why = errors.map(({ field, message }) =>
        field === 'expression' ? message : `${field}: ${message}`,
      );
      context.addIssue({ code: 'custom', message: ['is not a cron expression', ...why].join('; ') });
    })
    .meta({ title: 'cron expression' });

/** A zone of the IANA database. */
export const timeZone = () =>
  z
    .string({ error: 'is not a time zone' })
    .refine(isTimeZone, { error: 'is not a time zone that this system knows' })
    .meta({ title: 'time zone' });

/** `host:port`, `[::1]:port` or `:port` (all addresses). */
export const listenAddress = () =>
  z
    .string({ error: 'is not a listen address' })
    .superRefine((address, context) => {
      const parsed = parseListenAddress(address);
      if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.error });
    })
    .meta({ title: 'listen address' });

/** An address of the web, without credentials. */
export const webUrl = () =>
  z
    .string({ error: 'is not a web address' })
    .refine(isPlainWebUrl, { error: 'is not an http or https address without user and password' })
    .meta({ title: 'web address' });

/** A name that ends up as a label of metrics and as a part of keys, therefore without blanks and slashes. */
export const labelName = () =>
  z
    .string({ error: 'is not text' })
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,62}$/, { error: 'is not usable as a name' })
    .meta({ title: 'name' });

/** What to write instead, by kind of value. */
export const hints: ReadonlyMap<string, string> = new Map([
  ['duration', 'write a number with a unit, like 200ms, 30s, 2m, 1h30m or 7d'],
  ['size', 'write bytes, or a number with a unit, like 10MiB (2^20) or 1GB (10^9)'],
  ['cron expression', "five fields, or six with seconds first, in quotes: '*/5 * * * *', '30 * * * * *'"],
  ['time zone', 'a name of the IANA database, like UTC or Europe/Berlin'],
  ['pattern', 'a name with *, ? or {a,b} for parts of it; to leave something out list it under exclude'],
  [
    'listen address',
    'host:port, like 0.0.0.0:10187, 127.0.0.1:10187, [::1]:10187, or :10187 for all addresses',
  ],
  [
    'name',
    "letters, digits, '_', '.', ':' and '-', beginning with a letter, digit or '_'; at most 63 characters",
  ],
  ['web address', 'like https://docs.example.com/indexwarden'],
  ['true or false', 'write true or false, without quotes'],
]);

function boundOf<T>(notation: string | undefined, parse: (notation: string) => T | undefined): T | undefined {
  return notation === undefined ? undefined : parse(notation);
}

const extremes = ({
  min,
  max,
}: Bounds): { readonly 'x-minimum'?: string; readonly 'x-maximum'?: string } => ({
  ...(min === undefined ? {} : { 'x-minimum': min }),
  ...(max === undefined ? {} : { 'x-maximum': max }),
});

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function isPlainWebUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}
