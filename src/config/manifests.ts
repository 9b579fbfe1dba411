import type { Expectation } from '../model/expectation.ts';
import type { Probe } from '../model/probe.ts';
import type { Result } from '../model/result.ts';
import { parseManifest } from './manifest.ts';
import { parseProbes } from './probe-manifest.ts';
import { formatPath, type Problem } from './problems.ts';
import { readNamedFile, type Surroundings } from './surroundings.ts';
import type { LocatedProblem } from './validation.ts';
import { isRecord } from './yaml-file.ts';

/** A sort of manifest: which key and flag name such files, and what is in them. */
export interface ManifestKind<Entry> {
  /** Below a server, and the command line's flag. */
  readonly key: 'expectations' | 'probes';
  readonly parse: (text: string, name: string) => Result<readonly Entry[], readonly Problem[]>;
  /** What must be unique among the manifests of one database. */
  readonly keyOf: (entry: Entry) => string;
  readonly hint: string;
  readonly uniqueHint: string;
}

interface Named {
  readonly name: string;
  readonly manifest: string;
}

export const expectationManifests: ManifestKind<Expectation> = {
  key: 'expectations',
  parse: parseManifest,
  keyOf: ({ schemaname, name }) => `${schemaname}.${name}`,
  hint: 'name a manifest of expected indexes; docs/expectations.md explains the format',
  uniqueHint: 'names must be unique in a schema',
};

export const probeManifests: ManifestKind<Probe> = {
  key: 'probes',
  parse: parseProbes,
  keyOf: ({ name }) => name,
  hint: 'name a manifest of probes; docs/probes.md explains the format',
  uniqueHint: 'names of probes must be unique in a database',
};

/** The manifests of one kind that a configuration names, read. */
export interface FoundManifests<Entry> {
  /** By the path of the key that names the file: `servers[0].expectations[1].file`. */
  readonly byPath: ReadonlyMap<string, readonly Entry[]>;
  /** Of the configuration's own keys. */
  readonly problems: readonly LocatedProblem[];
  /** Inside of the manifests. */
  readonly manifestProblems: readonly Problem[];
}

/** Reads the manifests that the unvalidated document names, so that all its problems are known at once. */
export function findManifests<Entry extends Named>(
  kind: ManifestKind<Entry>,
  servers: unknown,
  place: { readonly surroundings: Surroundings; readonly folder?: string },
): FoundManifests<Entry> {
  const byPath = new Map<string, readonly Entry[]>();
  const problems: LocatedProblem[] = [];
  const manifestProblems = new Map<string, readonly Problem[]>();
  const read: Read<Entry>[] = [];
  for (const named of namedFiles(kind.key, servers)) {
    const { steps, file } = named;
    const text = readNamedFile(place.surroundings, file, place.folder);
    if (!text.ok) {
      problems.push({
        steps,
        path: formatPath(steps),
        message: text.error.message,
        value: text.error.path,
        hint: kind.hint,
      });
      continue;
    }
    const manifest = kind.parse(text.value, file);
    if (!manifest.ok) {
      manifestProblems.set(file, manifest.error);
      continue;
    }
    problems.push(...repeatedNames(kind, manifest.value, named, read));
    read.push({ ...named, entries: manifest.value });
    byPath.set(formatPath(steps), manifest.value);
  }
  return { byPath, problems, manifestProblems: [...manifestProblems.values()].flat() };
}

/** Manifests given on the command line, for every database that is looked at. */
export function readManifests<Entry extends Named>(
  kind: ManifestKind<Entry>,
  files: readonly string[],
  surroundings: Surroundings,
): { readonly entries: readonly Entry[]; readonly problems: readonly Problem[] } {
  const entries: Entry[] = [];
  const problems: Problem[] = [];
  const source = `--${kind.key}`;
  for (const file of files) {
    const text = readNamedFile(surroundings, file, undefined);
    const manifest = text.ok ? kind.parse(text.value, file) : undefined;
    if (!text.ok)
      problems.push({
        path: '',
        source,
        message: text.error.message,
        value: text.error.path,
        hint: kind.hint,
      });
    else if (manifest?.ok === false) problems.push(...manifest.error);
    else if (manifest?.ok === true) {
      const known = new Map(entries.map((one) => [kind.keyOf(one), one.manifest]));
      const repeated = manifest.value.find((one) => known.has(kind.keyOf(one)));
      if (repeated !== undefined)
        problems.push({
          path: '',
          source,
          message: `${repeated.name} stands in ${known.get(kind.keyOf(repeated))} already`,
          value: file,
          hint: kind.uniqueHint,
        });
      entries.push(...manifest.value);
    }
  }
  return { entries, problems };
}

interface Read<Entry> extends NamedFile {
  readonly entries: readonly Entry[];
}

interface NamedFile {
  readonly steps: readonly PropertyKey[];
  readonly file: string;
  readonly databases: string;
}

function namedFiles(key: ManifestKind<never>['key'], servers: unknown): readonly NamedFile[] {
  return listOf(servers).flatMap((server, at) =>
    listOf(isRecord(server) ? server[key] : undefined).flatMap((entry, place): readonly NamedFile[] => {
      if (!isRecord(entry) || typeof entry.file !== 'string' || entry.file === '') return [];
      const databases = typeof entry.databases === 'string' ? entry.databases : '*';
      return [{ steps: ['servers', at, key, place, 'file'], file: entry.file, databases }];
    }),
  );
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** One name in two manifests of the same databases: their findings could not be told apart. */
function repeatedNames<Entry extends Named>(
  { keyOf, uniqueHint }: ManifestKind<Entry>,
  entries: readonly Entry[],
  { steps, databases }: NamedFile,
  read: readonly Read<Entry>[],
): readonly LocatedProblem[] {
  const known = new Map(
    read
      .filter((other) => other.steps[1] === steps[1] && shareDatabases(other.databases, databases))
      .flatMap((other) => other.entries.map((one) => [keyOf(one), one.manifest] as const)),
  );
  const repeated = entries.find((one) => known.has(keyOf(one)));
  if (repeated === undefined) return [];
  return [
    {
      steps,
      path: formatPath(steps),
      message: `${repeated.name} stands in ${known.get(keyOf(repeated))} already`,
      hint: uniqueHint,
    },
  ];
}

/** Whether two patterns surely have databases in common; of others the first manifest to name an entry counts. */
const shareDatabases = (a: string, b: string): boolean => a === b || a === '*' || b === '*';
