import { z } from 'zod';
import { byTarget, type Filter, type Listing, limitDefault } from './list.ts';
import { instant } from './schemas/values.ts';

/** One request that the API answers: what routes do, what the OpenAPI document says and what tests check come from here. */
export interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  /** Below `/api/v1`, parameters in braces: `/findings/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly body?: z.ZodType;
  /** Whether the request may come without one. */
  readonly isBodyOptional?: boolean;
  /** By status, what is answered besides problems; undefined: without a body. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Statuses of `application/problem+json` that this request in particular may get. */
  readonly problems: readonly number[];
  /** Whether it changes something, for administrators only. */
  readonly isChange: boolean;
}

export interface Answer {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** `application/json` unless it says otherwise. */
  readonly contentType?: string;
  /** By content type what is answered instead where another format is asked for. */
  readonly otherFormats?: Readonly<Record<string, z.ZodType>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly description: string;
  readonly schema: z.ZodType;
  /** Whether it may be repeated: any of the values will do. */
  readonly isRepeated?: boolean;
}

export const problemSchema = z
  .strictObject({
    type: z.string(),
    status: z.number().int(),
    title: z.string(),
    detail: z.string(),
    requestId: z.string(),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457): what is wrong, and what to do about it.' });

/** The envelope of every list. */
export const pageOf = (item: z.ZodType): z.ZodType =>
  z.strictObject({
    items: z.array(item),
    next: z
      .string()
      .nullable()
      .meta({ description: 'Give it as `cursor` for the following page; null on the last.' }),
    generatedAt: instant,
  });

const cursorParameter: Parameter = {
  name: 'cursor',
  in: 'query',
  description: '`next` of the page before. It belongs to one list with one set of filters.',
  schema: z.string(),
};

const limitParameter = (pageSizeMax: number): Parameter => ({
  name: 'limit',
  in: 'query',
  description: `Entries in a page; ${limitDefault} by default, at most \`http.pageSizeMax\`.`,
  schema: z.number().int().min(1).max(pageSizeMax),
});

/** What is asked of a list by its filters. */
export function filterParameters(
  filters: Readonly<Record<string, Pick<Filter<never>, 'allowed' | 'description'>>>,
): readonly Parameter[] {
  return Object.entries(filters).map(([name, { allowed, description }]) => ({
    name,
    in: 'query',
    description,
    schema: allowed,
    isRepeated: true,
  }));
}

/** A list, with everything that all lists have in common. */
export function listOperation(
  list: {
    readonly name: string;
    readonly summary: string;
    readonly schema: z.ZodType;
    readonly filters: Readonly<Record<string, Pick<Filter<never>, 'allowed' | 'description'>>>;
  },
  pageSizeMax: number,
): Operation {
  return {
    method: 'get',
    path: `/${list.name}`,
    operationId: `list${list.name.replace(/^./, (letter) => letter.toUpperCase())}`,
    summary: list.summary,
    parameters: [...filterParameters(list.filters), limitParameter(pageSizeMax), cursorParameter],
    answers: {
      200: { description: 'A page of the list, in the order of ids.', schema: pageOf(list.schema) },
    },
    problems: [400],
    isChange: false,
  };
}

export const operationOf = <View extends { readonly id: string }>(
  listing: Listing<View>,
  pageSizeMax: number,
): Operation => listOperation({ ...listing, filters: { ...byTarget, ...listing.filters } }, pageSizeMax);
