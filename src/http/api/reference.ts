import { z } from 'zod';
import type { Operation, Parameter } from './operations.ts';

/** `docs/api.md`: every request of the API, from its declaration. */
export function apiReference(operations: readonly Operation[]): string {
  const rows = operations.map(
    ({ method, path, summary }) => `| \`${method.toUpperCase()} /api/v1${path}\` | ${summary} |`,
  );
  const sections = operations.map(sectionOf);
  return `${introduction}\n${['| Request | What it answers |', '| --- | --- |', ...rows].join('\n')}\n\n${sections.join('\n')}`;
}

const introduction = `# HTTP API

<!-- Generated from src/http/api/document.ts by \`npm run generate\`; do not edit. -->

Everything the page shows, as JSON below \`/api/v1\`. \`GET /api/v1/openapi.json\` describes it in OpenAPI 3.1.

- **Unknown is null**, never 0, and never left out.
- **Lists** have one envelope: \`{"items": […], "next": "…", "generatedAt": "…"}\`, in the order of ids (events: newest first). Give
  \`next\` back as \`cursor\` until it is null. A page costs the same at any depth; what stays is neither skipped nor repeated while
  entries come and go. A cursor that was changed, or belongs to another list or other filters, is refused with status 400, and so
  are \`offset\` and \`page\`, which skip and repeat entries under change.
- **Filters** are compared with the whole value and may be repeated: any of the values will do.
- **Errors** are \`application/problem+json\`: \`{"status": 400, "title": "…", "detail": "what to do about it", "requestId": "…"}\`.
- **Request ids**: \`X-Request-Id\` of the request, if it is one, or a new one, stands in the answer and in the log.
- **Caching**: answers carry an \`ETag\`; a request with \`If-None-Match\` gets status 304 while nothing has changed.
- **Changes** need an administrator, and with a password or a session a token against forgery: see [security.md](security.md).

## Versions

The version is part of the path. Within v1 nothing is renamed, removed or given another meaning; fields, kinds of findings and
events, and parameters are added, so pass over what you do not know. What is to go is marked \`deprecated\` in the OpenAPI document,
answered with a \`Deprecation\` header and listed in the changelog for at least two minor versions and six months before a v2
leaves it out; v1 is served beside v2 for at least six months.

## Requests
`;

function sectionOf({ method, path, summary, parameters = [], body, answers, problems }: Operation): string {
  const head = `### ${method.toUpperCase()} ${path}\n\n${summary}\n`;
  const asked =
    parameters.length === 0
      ? ''
      : `\n| Parameter | In | Meaning |\n| --- | --- | --- |\n${parameters.map(rowOf).join('\n')}\n`;
  const sent = body === undefined ? '' : `\nBody: ${fieldsOf(body)}.\n`;
  const given = Object.entries(answers).map(
    ([status, { description, schema }]) => `${status} (${description.replace(/\.$/, '')}${nameOf(schema)})`,
  );
  const refused = problems.length === 0 ? '' : `; problems: ${problems.join(', ')}`;
  return `${head}${asked}${sent}\nAnswers: ${given.join(', ')}${refused}.\n`;
}

const rowOf = ({ name, in: place, description, schema }: Parameter): string => {
  const values = 'enum' in z.toJSONSchema(schema) ? (z.toJSONSchema(schema).enum as readonly string[]) : [];
  const words = values.length > 0 ? ` ${values.map((value) => `\`${value}\``).join(', ')}.` : '';
  return `| \`${name}\` | ${place} | ${description}${words} |`;
};

function fieldsOf(body: z.ZodType): string {
  const { properties = {}, required = [] } = z.toJSONSchema(body, { io: 'input' });
  return Object.keys(properties)
    .map((name) => (required.includes(name) ? `\`${name}\`` : `\`${name}\` (optional)`))
    .join(', ');
}

const nameOf = (schema: z.ZodType | undefined): string => {
  const id = schema?.meta()?.id;
  return typeof id === 'string' ? `: ${id}` : '';
};
