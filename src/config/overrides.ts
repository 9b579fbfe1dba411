import { formatPath, type Problem } from './problems.ts';
import { flatten, type SettingNode } from './settings-tree.ts';
import { didYouMean } from './suggest.ts';

/** Text that a flag or a variable gives for one setting. */
export interface Override {
  readonly path: readonly string[];
  /** Its value, in the type that the setting wants where the text allows it; else the text, for validation to refuse. */
  readonly value: unknown;
  /** `--http.listen` or `INDEXWARDEN_HTTP_LISTEN`. */
  readonly source: string;
}

/** The settings that one flag or one variable can give: all but those inside of lists, and lists of groups. */
export function overridable(nodes: readonly SettingNode[]): readonly SettingNode[] {
  return flatten(nodes).filter(
    ({ path, shape }) =>
      (shape.kind === 'value' || shape.kind === 'values') && !path.some((step) => step.endsWith('[]')),
  );
}

/** `http.listen` is `INDEXWARDEN_HTTP_LISTEN`, `metrics.maxIndexSeries` is `INDEXWARDEN_METRICS_MAX_INDEX_SERIES`. */
export function environmentName(path: readonly string[]): string {
  const words = path.map((step) => step.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll('-', '_'));
  return ['INDEXWARDEN', ...words].join('_').toUpperCase();
}

/** The variables of the program that are no settings: where the file is. */
export const configFileVariable = 'INDEXWARDEN_CONFIG_FILE';

interface Overrides {
  readonly overrides: readonly Override[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** Settings given by `INDEXWARDEN_*` variables. An unknown variable is a warning: others may share the prefix. */
export function overridesFromEnvironment(
  nodes: readonly SettingNode[],
  env: Readonly<Record<string, string | undefined>>,
): Overrides {
  const byName = new Map(overridable(nodes).map((node) => [environmentName(node.path), node]));
  const overrides: Override[] = [];
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(env).sort(byFirst)) {
    if (!name.startsWith('INDEXWARDEN_') || value === undefined || name === configFileVariable) continue;
    const node = byName.get(name);
    if (node !== undefined) overrides.push({ path: node.path, value: fromText(node, value), source: name });
    else if (!isServiceLink(name)) warnings.push(unknownVariable(name, byName.keys()));
  }
  return { overrides, problems: [], warnings };
}

/** Settings given by flags, by their dotted path: `{'http.listen': ':10187'}`. An unknown flag is a problem. */
export function overridesFromFlags(
  nodes: readonly SettingNode[],
  flags: Readonly<Record<string, string | boolean | readonly string[] | undefined>>,
): Overrides {
  const byName = new Map(overridable(nodes).map((node) => [node.path.join('.'), node]));
  const overrides: Override[] = [];
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const node = byName.get(name);
    if (node === undefined) {
      const hint = didYouMean(name, byName.keys());
      problems.push({
        path: '',
        source: `--${name}`,
        message: 'there is no such flag',
        ...(hint === undefined ? {} : { hint }),
      });
      continue;
    }
    overrides.push({
      path: node.path,
      value: typeof value === 'string' ? fromText(node, value) : value,
      source: `--${name}`,
    });
  }
  return { overrides, problems, warnings: [] };
}

/** A copy of the document in which the overrides stand at their paths. What is in their way is left for validation. */
export function applyOverrides(
  document: Readonly<Record<string, unknown>>,
  overrides: readonly Override[],
): Record<string, unknown> {
  const copy = structuredClone(document) as Record<string, unknown>;
  for (const { path, value } of overrides) setAt(copy, path, value);
  return copy;
}

/** Where a value of the merged document came from, if not from the file: exact path, or one above it. */
export function sourceOf(path: readonly PropertyKey[], overrides: readonly Override[]): string | undefined {
  const wanted = formatPath(path);
  return overrides.findLast((override) => {
    const given = formatPath(override.path);
    return wanted === given || wanted.startsWith(`${given}[`);
  })?.source;
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [step, ...rest] = path;
  if (step === undefined) return;
  if (rest.length === 0) {
    target[step] = value;
    return;
  }
  const child = target[step] ?? {};
  if (typeof child !== 'object' || Array.isArray(child)) return;
  target[step] = child;
  setAt(child as Record<string, unknown>, rest, value);
}

function fromText({ shape }: SettingNode, text: string): unknown {
  if (shape.kind === 'values')
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  if (shape.kind !== 'value') return text;
  switch (shape.scalar) {
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case 'boolean':
      return (
        new Map<string, unknown>([
          ['true', true],
          ['1', true],
          ['false', false],
          ['0', false],
        ]).get(text.trim().toLowerCase()) ?? text
      );
    case 'text':
    case 'choice':
      return text;
  }
}

/** Kubernetes announces a service called indexwarden to every pod beside it by variables of these shapes. */
const isServiceLink = (name: string): boolean =>
  /^INDEXWARDEN_(?:SERVICE_(?:HOST|PORT)|PORT)(?:_|$)/.test(name);

function unknownVariable(name: string, known: Iterable<string>): string {
  const hint = didYouMean(name, known);
  return `the environment variable ${name} is no setting and was ignored${hint === undefined ? '' : `; ${hint}`}`;
}

const byFirst = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;
