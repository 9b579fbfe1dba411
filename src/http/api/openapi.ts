import { z } from 'zod';
import { type Answer, type Operation, type Parameter, problemSchema } from './operations.ts';

type Json = { [key: string]: unknown };

/** `GET /api/v1/openapi.json`: OpenAPI 3.1, from the declared operations and the schemas that answers are built by. */
export function openApiDocument(operations: readonly Operation[], version: string): Json {
  const components = new Map<string, Json>();
  const schemaOf = (schema: z.ZodType): Json => hoist(schema, components, open);
  const bodyOf = (schema: z.ZodType): Json => hoist(schema, components, same);
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const path = paths[operation.path] ?? {};
    path[operation.method] = describe(operation, schemaOf, bodyOf);
    paths[operation.path] = path;
  }
  schemaOf(problemSchema);
  return {
    openapi: '3.1.0',
    info: {
      title: 'indexwarden',
      version,
      description: introduction,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/api/v1' }],
    paths,
    components: {
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic' },
      },
    },
  };
}

const introduction = [
  'What indexwarden knows of the indexes of your databases. Facts that are not known are null, never 0.',
  'Lists are walked by `next`, given back as `cursor`: a total order by id, the same cost at any depth, nothing skipped or repeated of what stays while entries come and go. Offsets are refused.',
  'Errors are `application/problem+json`. Every answer carries `X-Request-Id`, which the log of the daemon names too.',
  'Within v1 nothing is renamed or taken away; fields, kinds and parameters are added, so read over what you do not know.',
].join('\n\n');

type SchemaOf = (schema: z.ZodType) => Json;

function describe(operation: Operation, schemaOf: SchemaOf, bodyOf: SchemaOf): Json {
  const {
    operationId,
    summary,
    parameters = [],
    body,
    isBodyOptional,
    answers,
    problems,
    isChange,
  } = operation;
  const asked = new Set([...problems, 401, ...(isChange ? [403] : []), 414, 429, 500]);
  return {
    operationId,
    summary,
    ...(parameters.length === 0
      ? {}
      : { parameters: parameters.map((parameter) => describeParameter(parameter, schemaOf)) }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: isBodyOptional !== true,
            content: { 'application/json': { schema: bodyOf(body) } },
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [
          status,
          { description: answer.description, ...contentOf(answer, schemaOf) },
        ]),
      ),
      ...Object.fromEntries(
        [...asked].sort().map((status) => [
          status,
          {
            description: problemTexts.get(status) ?? 'What is wrong, and what to do about it.',
            content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
          },
        ]),
      ),
    },
    ...(isChange ? { security: [{ bearer: [] }, { basic: [] }] } : {}),
  };
}

function contentOf(
  { schema, contentType = 'application/json', otherFormats = {} }: Answer,
  schemaOf: SchemaOf,
): Json {
  if (schema === undefined) return {};
  const formats = Object.entries({ [contentType]: schema, ...otherFormats });
  return { content: Object.fromEntries(formats.map(([type, of]) => [type, { schema: schemaOf(of) }])) };
}

const problemTexts: ReadonlyMap<number, string> = new Map([
  [400, 'A parameter or the body is not what it must be.'],
  [401, 'Authentication is needed, or what was shown is not valid.'],
  [403, 'Changes over HTTP are off, or not for whoever asked.'],
  [404, 'There is no such thing now.'],
  [409, 'It cannot be done in this state.'],
  [413, 'The body is too large.'],
  [414, 'The address is too long.'],
  [415, 'The body is not of a type that is read.'],
  [429, 'Too much at once; `Retry-After` says when to come again.'],
  [500, 'A bug of indexwarden; its log has the details under the request id.'],
  [503, 'Not yet, or not at the moment.'],
]);

const describeParameter = (
  { name, in: place, description, schema, isRepeated }: Parameter,
  schemaOf: (schema: z.ZodType) => Json,
): Json => ({
  name,
  in: place,
  description,
  required: place === 'path',
  ...(isRepeated === true
    ? { schema: { type: 'array', items: schemaOf(schema) }, style: 'form', explode: true }
    : { schema: schemaOf(schema) }),
});

/** JSON Schema of `schema`; what has an id stands once among the components, and is pointed at. */
function hoist(schema: z.ZodType, components: Map<string, Json>, each: (definition: Json) => Json): Json {
  const { $schema, $defs, ...whole } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: 'output',
  }) as Json;
  const prepared = (definition: Json): Json => rewritten(definition, each) as Json;
  for (const [name, definition] of Object.entries(($defs ?? {}) as Record<string, Json>))
    components.set(name, prepared(definition));
  return prepared(whole);
}

const same = (definition: Json): Json => definition;

/** Answers gain fields within a version: a client that refuses what it does not know would break. */
const open = ({ additionalProperties, ...rest }: Json): Json =>
  additionalProperties === undefined || additionalProperties === false
    ? rest
    : { ...rest, additionalProperties };

/** The same with each object as `each` makes it, and pointers into the components instead of its own definitions. */
function rewritten(value: unknown, each: (definition: Json) => Json): unknown {
  if (Array.isArray(value)) return value.map((inner) => rewritten(inner, each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(each(value as Json)).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string'
        ? inner.replace('#/$defs/', '#/components/schemas/')
        : rewritten(inner, each),
    ]),
  );
}
