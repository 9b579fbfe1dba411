import { z } from 'zod';
import type { Generation } from '../../findings/generation.ts';
import { err, ok, type Result } from '../../model/result.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

/** What `GET /api/v1/…` answers for every list: total order by id, whichever entries come and go between two pages. */
export interface Page {
  readonly items: readonly object[];
  /** Give it as `cursor` for the following page; null on the last. */
  readonly next: string | null;
  /** When the newest of the generations that were listed was published; now, while there is none. */
  readonly generatedAt: string;
}

/** One list of the API: declared, so that routes, validation and documentation come from one place. */
export interface Listing<View extends { readonly id: string } = { readonly id: string }> {
  /** The last part of its path. */
  readonly name: string;
  /** What it lists, in a sentence. */
  readonly summary: string;
  /** What an item of it looks like. */
  readonly schema: z.ZodType;
  /** Everything of one generation, in any order; asked for once per generation. */
  readonly views: (generation: Generation) => readonly View[];
  /** What a view can be filtered by, besides server and database: allowed values, and where to find them. */
  readonly filters: Readonly<Record<string, Filter<View>>>;
  readonly item: (view: View) => object;
}

export interface Filter<View> {
  readonly allowed: z.ZodType<string>;
  readonly of: (view: View) => string;
  readonly description: string;
}

const anyText = z.string().max(1024);
/** What every list of facts about targets can be filtered by. */
export const byTarget = {
  server: { allowed: anyText, description: 'Server, as the configuration names it.' },
  datname: { allowed: anyText, description: 'Database.' },
};

/** Entries in a page where nobody asks for another number. */
export const limitDefault = 100;
/** Values of one parameter: more than anybody needs, few enough to compare with each entry. */
const valuesMax = 32;
/** Ours are a few hundred at most. */
const cursorCharactersMax = 4096;

/** Answers list requests from the newest generations; sorted views are kept as long as their generation is. */
export function createLister<View extends { readonly id: string }>(
  listing: Listing<View>,
  limits: { readonly pageSizeMax: number },
): (query: URLSearchParams, generations: readonly Generation[], nowMs: number) => Result<Page, string> {
  const sorted = new WeakMap<Generation, readonly View[]>();
  const viewsOf = (generation: Generation): readonly View[] => {
    const known = sorted.get(generation);
    if (known !== undefined) return known;
    const views = [...listing.views(generation)].sort(byId);
    sorted.set(generation, views);
    return views;
  };
  const read = createQueryReader(listing.name, { ...byTarget, ...listing.filters }, limits);

  return (query, generations, nowMs) => {
    const asked = read(query);
    if (!asked.ok) return asked;
    const { filters, scope, after, limit } = asked.value;
    const isAsked = (name: string, value: string): boolean => filters[name]?.includes(value) ?? true;
    const listed = generations.filter(
      ({ target }) => isAsked('server', target.server) && isAsked('datname', target.datname),
    );
    const conditions = Object.entries(listing.filters).filter(([name]) => filters[name] !== undefined);
    const admits = (view: View): boolean =>
      conditions.every(([name, filter]) => isAsked(name, filter.of(view)));
    const found = listed
      .flatMap((generation) => following(viewsOf(generation), after, limit + 1, admits))
      .sort(byId);
    const views = found.slice(0, limit);
    const last = found.length > limit ? views.at(-1) : undefined;
    const newest = Math.max(...listed.map((generation) => generation.publishedAtMs));
    return ok({
      items: views.map(listing.item),
      next: last === undefined ? null : encodeCursor(scope, last.id),
      generatedAt: new Date(Number.isFinite(newest) ? newest : nowMs).toISOString(),
    });
  };
}

/** What one request asks of a list. */
export interface AskedPage {
  /** By name the values of which any will do. */
  readonly filters: Readonly<Record<string, readonly string[] | undefined>>;
  /** The list and its filters, which a cursor is bound to. */
  readonly scope: string;
  /** The id of the entry that the page begins behind. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** Reads the parameters of a list's requests; the error says what is wrong with them, for the client. */
export function createQueryReader(
  name: string,
  filters: Readonly<Record<string, Pick<Filter<never>, 'allowed'>>>,
  { pageSizeMax }: { readonly pageSizeMax: number },
): (query: URLSearchParams) => Result<AskedPage, string> {
  const schemas = querySchemas(filters, pageSizeMax);
  return (query) => {
    const { limit: askedLimit, cursor: askedCursor, ...rest } = grouped(query);
    const paging = schemas.paging.safeParse({ limit: askedLimit, cursor: askedCursor });
    const asked = schemas.filters.safeParse(rest);
    if (!paging.success || !asked.success) {
      const issues = [...(asked.error?.issues ?? []), ...(paging.error?.issues ?? [])];
      return err(issues.map(explain).join('; '));
    }
    const { limit = Math.min(limitDefault, pageSizeMax), cursor } = paging.data;
    const scope = JSON.stringify([name, Object.entries(asked.data).sort(byName)]);
    const after = cursor === undefined ? ok(undefined) : decodeCursor(scope, cursor);
    if (!after.ok) return err(`cursor ${after.error}`);
    return ok({ filters: asked.data, scope, after: after.value, limit });
  };
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number =>
  a.id < b.id ? -1 : a.id > b.id ? 1 : 0;

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** The first entries behind an id that are asked for; finding the place costs the same at any depth. */
function following<View extends { readonly id: string }>(
  views: readonly View[],
  after: string | undefined,
  count: number,
  admits: (view: View) => boolean,
): readonly View[] {
  let low = 0;
  let high = after === undefined ? 0 : views.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const id = views[middle]?.id;
    if (id !== undefined && after !== undefined && id <= after) low = middle + 1;
    else high = middle;
  }
  const found: View[] = [];
  for (let place = low; place < views.length && found.length < count; place += 1) {
    const view = views[place];
    if (view !== undefined && admits(view)) found.push(view);
  }
  return found;
}

const grouped = (query: URLSearchParams): Record<string, string[]> =>
  Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name)]));

/** A parameter that may be given once. */
const single = <T>(schema: z.ZodType<T, string>) =>
  z
    .array(z.string())
    .length(1, { error: 'may be given once' })
    .transform(([value = '']) => value)
    .pipe(schema);

/** Filters may be repeated: any of the values will do. */
const repeated = (allowed: z.ZodType<string>) => z.array(allowed).max(valuesMax).optional();

function querySchemas(
  declared: Readonly<Record<string, Pick<Filter<never>, 'allowed'>>>,
  pageSizeMax: number,
) {
  const problem = { error: `must be a whole number from 1 to ${pageSizeMax}` };
  const limit = z
    .string()
    .regex(/^[0-9]{1,6}$/, problem)
    .transform(Number)
    .refine((value) => value >= 1 && value <= pageSizeMax, problem);
  const filters: Record<string, ReturnType<typeof repeated>> = {};
  for (const [name, filter] of Object.entries(declared)) filters[name] = repeated(filter.allowed);
  return {
    paging: z.object({
      limit: single(limit).optional(),
      cursor: single(z.string().max(cursorCharactersMax)).optional(),
    }),
    filters: z.strictObject(filters),
  };
}

/** A sentence about one problem, with the parameter's name; zod's own words for enumerations name the values. */
function explain(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((key) =>
        key === 'offset' || key === 'page'
          ? `${key} is refused, since it skips and repeats entries under change: follow "next" as cursor`
          : `unknown parameter ${JSON.stringify(key)}`,
      )
      .join('; ');
  }
  const [name] = issue.path;
  if (issue.code === 'invalid_value') return `${String(name)} must be one of ${issue.values.join(', ')}`;
  return `${String(name)} ${issue.message}`;
}

/** A filter by names that people choose. */
export const byText = <View>(of: (view: View) => string, description: string): Filter<View> => ({
  allowed: anyText,
  of,
  description,
});

/** A filter by one of a few words. */
export const byWord = <View>(
  words: readonly [string, ...string[]],
  of: (view: View) => string,
  description: string,
): Filter<View> => ({ allowed: z.enum(words), of, description });
