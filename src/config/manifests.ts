import type { Expectation } from '../model/expectation.ts';
import { parseManifest } from './manifest.ts';
import { formatPath, type Problem } from './problems.ts';
import { readNamedFile, type Surroundings } from './surroundings.ts';
import type { LocatedProblem } from './validation.ts';
import { isRecord } from './yaml-file.ts';

/** The manifests that a configuration names, read. */
export interface FoundManifests {
  /** By the path of the key that names the file: `servers[0].expectations[1].file`. */
  readonly byPath: ReadonlyMap<string, readonly Expectation[]>;
  /** Of the configuration's own keys. */
  readonly problems: readonly LocatedProblem[];
  /** Inside of the manifests. */
  readonly manifestProblems: readonly Problem[];
}

/** Reads the manifests that the unvalidated document names, so that all its problems are known at once. */
export function findManifests(
  servers: unknown,
  place: { readonly surroundings: Surroundings; readonly folder?: string },
): FoundManifests {
  const byPath = new Map<string, readonly Expectation[]>();
  const problems: LocatedProblem[] = [];
  const manifestProblems = new Map<string, readonly Problem[]>();
  const read: Read[] = [];
  for (const named of namedFiles(servers)) {
    const { steps, file } = named;
    const text = readNamedFile(place.surroundings, file, place.folder);
    if (!text.ok) {
      problems.push({
        steps,
        path: formatPath(steps),
        message: text.error.message,
        value: text.error.path,
        hint: 'name a manifest of expected indexes; docs/expectations.md explains the format',
      });
      continue;
    }
    const manifest = parseManifest(text.value, file);
    if (!manifest.ok) {
      manifestProblems.set(file, manifest.error);
      continue;
    }
    problems.push(...repeatedNames(manifest.value, named, read));
    read.push({ ...named, expectations: manifest.value });
    byPath.set(formatPath(steps), manifest.value);
  }
  return { byPath, problems, manifestProblems: [...manifestProblems.values()].flat() };
}

/** Manifests given on the command line, for every database that is looked at. */
export function readManifests(
  files: readonly string[],
  surroundings: Surroundings,
): { readonly expectations: readonly Expectation[]; readonly problems: readonly Problem[] } {
  const expectations: Expectation[] = [];
  const problems: Problem[] = [];
  for (const file of files) {
    const text = readNamedFile(surroundings, file, undefined);
    const manifest = text.ok ? parseManifest(text.value, file) : undefined;
    if (!text.ok)
      problems.push({
        path: '',
        source: '--expectations',
        message: text.error.message,
        value: text.error.path,
        hint: 'name a manifest of expected indexes; docs/expectations.md explains the format',
      });
    else if (manifest?.ok === false) problems.push(...manifest.error);
    else if (manifest?.ok === true) {
      const known = new Map(expectations.map((one) => [keyOf(one), one.manifest]));
      const repeated = manifest.value.find((one) => known.has(keyOf(one)));
      if (repeated !== undefined)
        problems.push({
          path: '',
          source: '--expectations',
          message: `${repeated.name} stands in ${known.get(keyOf(repeated))} already`,
          value: file,
          hint: 'names must be unique in a schema',
        });
      expectations.push(...manifest.value);
    }
  }
  return { expectations, problems };
}

const keyOf = ({ schemaname, name }: Expectation): string => `${schemaname}.${name}`;

interface Read extends NamedFile {
  readonly expectations: readonly Expectation[];
}

interface NamedFile {
  readonly steps: readonly PropertyKey[];
  readonly file: string;
  readonly databases: string;
}

function namedFiles(servers: unknown): readonly NamedFile[] {
  return listOf(servers).flatMap((server, at) =>
    listOf(isRecord(server) ? server.expectations : undefined).flatMap(
      (entry, place): readonly NamedFile[] => {
        if (!isRecord(entry) || typeof entry.file !== 'string' || entry.file === '') return [];
        const databases = typeof entry.databases === 'string' ? entry.databases : '*';
        return [{ steps: ['servers', at, 'expectations', place, 'file'], file: entry.file, databases }];
      },
    ),
  );
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** One name in two manifests of the same databases: their findings could not be told apart. */
function repeatedNames(
  expectations: readonly Expectation[],
  { steps, databases }: NamedFile,
  read: readonly Read[],
): readonly LocatedProblem[] {
  const known = new Map(
    read
      .filter((other) => other.steps[1] === steps[1] && shareDatabases(other.databases, databases))
      .flatMap((other) => other.expectations.map((one) => [keyOf(one), one.manifest] as const)),
  );
  const repeated = expectations.find((one) => known.has(keyOf(one)));
  if (repeated === undefined) return [];
  return [
    {
      steps,
      path: formatPath(steps),
      message: `${repeated.name} stands in ${known.get(keyOf(repeated))} already`,
      hint: 'names must be unique in a schema',
    },
  ];
}

/** Whether two patterns surely have databases in common; of others the first manifest to name an index counts. */
const shareDatabases = (a: string, b: string): boolean => a === b || a === '*' || b === '*';
