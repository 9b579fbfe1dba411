import type { z } from 'zod';
import { hints } from './fields.ts';
import { formatPath, type Problem, showValue } from './problems.ts';
import { isSecretName, redacted, redactUrl } from './redact.ts';
import { keysAt, reasonAt, typeAt } from './settings-tree.ts';
import { didYouMean } from './suggest.ts';
import { isRecord } from './yaml-file.ts';

/** A problem with the steps of its path still apart, so that its line and source can be looked up. */
export interface LocatedProblem extends Problem {
  readonly steps: readonly PropertyKey[];
}

/** What zod found wrong, said in our words: one problem for each unknown key and each bad value. */
export function problemsOf(
  schema: z.ZodType,
  document: unknown,
  issues: readonly z.core.$ZodIssue[],
): readonly LocatedProblem[] {
  return issues.flatMap((issue) => translate(schema, document, issue, []));
}

function translate(
  schema: z.ZodType,
  document: unknown,
  issue: z.core.$ZodIssue,
  above: readonly PropertyKey[],
): readonly LocatedProblem[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey(schema, document, [...path, key]));
  }
  if (issue.code === 'invalid_union') {
    // The variant whose outermost shape fits is the one that was meant; its own complaints say more.
    const meant = issue.errors.find(
      (errors) => errors.length > 0 && errors.every((error) => !isOutermostMismatch(error)),
    );
    if (meant !== undefined) return meant.flatMap((error) => translate(schema, document, error, path));
  }
  return [badValue(schema, document, path, issue.message)];
}

const isOutermostMismatch = (issue: z.core.$ZodIssue): boolean =>
  issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_format');

function unknownKey(schema: z.ZodType, document: unknown, steps: readonly PropertyKey[]): LocatedProblem {
  const key = String(steps.at(-1));
  const known = keysAt(schema, steps.slice(0, -1));
  const value = shown(steps, valueAt(document, steps));
  // A misplaced key under a server may well be a secret under a name that we do not know.
  const mayShow = value !== undefined && steps[0] !== 'servers';
  return {
    steps,
    path: formatPath(steps),
    message: 'is not a known key',
    ...(mayShow ? { value } : {}),
    hint: unknownKeyHint(key, known),
  };
}

function unknownKeyHint(key: string, known: readonly string[]): string {
  if (key === 'password' && known.includes('password_file')) {
    return 'put it into a file and name that in password_file; without one PGPASSWORD and ~/.pgpass are used';
  }
  return (
    didYouMean(key, known) ??
    (known.length === 0 ? 'nothing can be set here' : `known here: ${[...known].sort().join(', ')}`)
  );
}

function badValue(
  schema: z.ZodType,
  document: unknown,
  steps: readonly PropertyKey[],
  message: string,
): LocatedProblem {
  const given = valueAt(document, steps);
  const path = formatPath(steps);
  if (given === undefined) return { steps, path, message: 'is missing', ...hintFor(schema, steps, given) };
  const value = shown(steps, given);
  const reason = /^is (?:above|below) /.test(message) ? reasonAt(schema, steps) : undefined;
  return {
    steps,
    path,
    message: uncapitalized(message),
    ...(value === undefined ? {} : { value }),
    ...(reason === undefined ? hintFor(schema, steps, given) : { hint: reason }),
  };
}

function hintFor(
  schema: z.ZodType,
  steps: readonly PropertyKey[],
  given: unknown,
): { readonly hint?: string } {
  const type = typeAt(schema, steps);
  if (type === undefined) return {};
  if (type.startsWith('`')) {
    const words = type.replaceAll('`', '');
    const meant = typeof given === 'string' ? didYouMean(given, words.split(', ')) : undefined;
    return { hint: `${meant === undefined ? '' : `${meant} `}one of ${words}` };
  }
  const known = hints.get(type);
  if (known !== undefined) return { hint: known };
  if (typeof given === 'number' && (type === 'text' || type === 'path')) return { hint: 'put it in quotes' };
  return {};
}

/** A value as it may be printed: secrets replaced, groups and lists only named, since anything may be in them. */
function shown(steps: readonly PropertyKey[], value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'a group of settings';
  const key = String(steps.findLast((step) => typeof step === 'string') ?? '');
  if (isPrivatePlace(steps, key)) return redacted;
  if (isSecretName(key) && !key.endsWith('_file')) return redacted;
  if (typeof value === 'string' && (/:\/\/|@|passw/i.test(value) || key === 'url'))
    return showValue(redactUrl(value));
  return showValue(value);
}

/** Where something stands whose name alone does not tell that it is secret. */
function isPrivatePlace([group, list]: readonly PropertyKey[], key: string): boolean {
  switch (group) {
    case 'notifications':
      // The path of a webhook's address is often its password.
      return key === 'url';
    case 'http':
      // What should be a hash may be the token itself, and under whatever name.
      return list === 'tokens' && !['name', 'role', 'file'].includes(key);
    case 'basic_auth_users':
      return true;
    case 'tls_server_config':
      return /key/i.test(key) && !key.endsWith('_file');
    default:
      return false;
  }
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const step of path) {
    if (Array.isArray(value) && typeof step === 'number') value = value[step];
    else if (isRecord(value) && Object.hasOwn(value, step)) value = value[String(step)];
    else return undefined;
  }
  return value;
}

const uncapitalized = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
