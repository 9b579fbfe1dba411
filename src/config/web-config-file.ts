import type { NamedWebConfig } from './config.ts';
import { formatPath, type Problem } from './problems.ts';
import type { Surroundings } from './surroundings.ts';
import type { LocatedProblem } from './validation.ts';
import { readWebConfig } from './web-config.ts';
import { isRecord } from './yaml-file.ts';

/** The file that `http.webConfigFile` names, read. */
export interface FoundWebConfig {
  readonly webConfig?: NamedWebConfig;
  /** Of the configuration's own keys. */
  readonly problems: readonly LocatedProblem[];
  /** Inside of the file. */
  readonly fileProblems: readonly Problem[];
  readonly warnings: readonly string[];
}

const nothing = { problems: [], fileProblems: [], warnings: [] };

/** Reads the file that the unvalidated document names, so that all problems are known at once. */
export function findWebConfig(
  { http }: Readonly<Record<string, unknown>>,
  place: { readonly surroundings: Surroundings; readonly folder?: string },
): FoundWebConfig {
  const name = isRecord(http) ? http.webConfigFile : undefined;
  if (typeof name !== 'string' || name === '') return nothing;
  const { files, result } = readWebConfig(place.surroundings, name, place.folder);
  const [file = name] = files;
  if (result.ok) {
    const content = result.value;
    const warnings = [...content.warnings, ...strangers(http, content.users, name)];
    return { ...nothing, webConfig: { file, files, content }, warnings };
  }
  const steps = ['http', 'webConfigFile'];
  const isUnreadable =
    result.error.length === 1 && result.error[0]?.path === name && result.error[0].value === file;
  if (!isUnreadable) return { ...nothing, fileProblems: result.error };
  return {
    ...nothing,
    problems: result.error.map((problem) => ({ ...problem, steps, path: formatPath(steps) })),
  };
}

/** Administrators that the file does not know: nobody can sign in under these names. */
function strangers(http: unknown, users: ReadonlyMap<string, string>, file: string): readonly string[] {
  const names = isRecord(http) && Array.isArray(http.adminUsers) ? http.adminUsers : [];
  return names
    .filter((name) => !users.has(String(name)))
    .map((name) => `http.adminUsers: ${JSON.stringify(name)} is none of the users in ${file}`);
}
