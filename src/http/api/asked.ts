import { z } from 'zod';
import { err, ok, type Result } from '../../model/result.ts';
import type { Parameter } from './operations.ts';

/** What one request asks for, by the names of its parameters. */
export interface Asked {
  readonly text: (name: string) => string | undefined;
  readonly number: (name: string) => number | undefined;
  readonly texts: (name: string) => readonly string[];
}

/** Values of one parameter that may be repeated: what fits into the longest address there may be. */
const valuesMax = 1_000;

/** Reads the parameters of a request that is not for a list, as declared; the error says what is wrong with them, for the client. */
export function createParameterReader(
  parameters: readonly Parameter[],
): (query: URLSearchParams) => Result<Asked, string> {
  const declared = new Map(
    parameters
      .filter((parameter) => parameter.in === 'query')
      .map((parameter) => [parameter.name, parameter]),
  );
  return (query) => {
    const problems: string[] = [];
    const values = new Map<string, readonly (string | number)[]>();
    for (const name of new Set(query.keys())) {
      const parameter = declared.get(name);
      if (parameter === undefined) {
        problems.push(`unknown parameter ${JSON.stringify(name)}`);
        continue;
      }
      const given = query.getAll(name);
      const most = parameter.isRepeated === true ? valuesMax : 1;
      if (given.length > most) {
        problems.push(most === 1 ? `${name} may be given once` : `${name} may be given ${most} times`);
        continue;
      }
      const parsed = given.map((value) => parameter.schema.safeParse(typed(parameter.schema, value)));
      const wrong = parsed.find(({ success }) => !success);
      if (wrong !== undefined) problems.push(`${name} ${whyWrong(wrong.error)}`);
      else
        values.set(
          name,
          parsed.map(({ data }) => data as string | number),
        );
    }
    if (problems.length > 0) return err(problems.join('; '));
    return ok({
      text: (name) => textOf(values.get(name)?.[0]),
      number: (name) => {
        const value = values.get(name)?.[0];
        return typeof value === 'number' ? value : undefined;
      },
      texts: (name) => (values.get(name) ?? []).map(String),
    });
  };
}

const textOf = (value: string | number | undefined): string | undefined =>
  value === undefined ? undefined : String(value);

const typed = (schema: z.ZodType, value: string): string | number =>
  schema instanceof z.ZodNumber && /^[0-9]{1,9}$/.test(value) ? Number(value) : value;

function whyWrong(error: z.ZodError | undefined): string {
  const [issue] = error?.issues ?? [];
  if (issue === undefined) return 'is not what it must be';
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`;
  if (issue.code === 'invalid_type') return `must be a whole number`;
  if (issue.code === 'too_small') return `must be at least ${String(issue.minimum)}`;
  if (issue.code === 'too_big') return `must be at most ${String(issue.maximum)}`;
  return issue.message;
}
