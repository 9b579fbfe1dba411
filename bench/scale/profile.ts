import { readFileSync } from 'node:fs';

export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** What V8 writes into a `.cpuprofile`: times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly endTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** What V8's sampling heap profiler tells: bytes that are still in use, by who asked for them. */
export interface HeapProfile {
  readonly head: HeapNode;
}

interface HeapNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

export const readProfile = (file: string): CpuProfile => JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;

/** What the frames of a folder do in a pass. */
const components: readonly (readonly [pattern: RegExp, component: string])[] = [
  [/\/dist\/postgres\/rows\.|\/node_modules\/zod\//, 'parse'],
  [/\/dist\/(postgres|collectors)\/|\/node_modules\/(pg|pg-[a-z]+|postgres-[a-z]+)\//, 'collect'],
  [/\/dist\/analysis\/catalogue\./, 'catalogue'],
  [/\/dist\/analysis\//, 'detectors'],
  [/\/dist\/detectors\//, 'detectors'],
  [/\/dist\/history\//, 'history'],
  [/\/dist\/(findings|watch\/diary\.)/, 'ledger'],
  [/\/dist\/plan\//, 'SQL of findings'],
  [/\/dist\/store\/|sqlite/, 'store'],
  [/\/dist\/metrics\//, 'render'],
  [/\/dist\/(http|report)\//, 'HTTP and report'],
  [/\/dist\/watch\//, 'watch'],
];

/** By component, milliseconds of the main thread. What builtins take belongs to who called them; the collector of garbage to nobody. */
export function timeByComponent(profile: CpuProfile): ReadonlyMap<string, number> {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const parents = parentsOf(profile);
  const known = new Map<number, string>();
  const componentOf = (id: number): string => {
    const remembered = known.get(id);
    if (remembered !== undefined) return remembered;
    const frame = frames.get(id);
    const parent = parents.get(id);
    const own = frame === undefined ? undefined : ownComponent(frame);
    const component = own ?? (parent === undefined ? 'other' : componentOf(parent));
    known.set(id, component);
    return component;
  };
  return sumBy(profile, componentOf);
}

/** By component, bytes. What libraries asked for belongs to who called them. */
export function bytesByComponent({ head }: HeapProfile): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  const add = ({ callFrame, selfSize, children }: HeapNode, caller: string): void => {
    const component = ownComponent(callFrame) ?? caller;
    if (selfSize > 0) bytes.set(component, (bytes.get(component) ?? 0) + selfSize);
    for (const child of children) add(child, component);
  };
  add(head, 'other');
  return bytes;
}

/** The functions that themselves took most, with their place: milliseconds. */
export function topFunctions(profile: CpuProfile, most = 25): readonly (readonly [string, number])[] {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const times = sumBy(profile, (id) => labelOf(frames.get(id)));
  return [...times].sort((a, b) => b[1] - a[1]).slice(0, most);
}

/** The functions of the program in whose calls most time passed, whatever they called: milliseconds. */
export function topCalls(profile: CpuProfile, most = 25): readonly (readonly [string, number])[] {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const parents = parentsOf(profile);
  const times = new Map<string, number>();
  for (const [id, ms] of timeByNode(profile)) {
    const seen = new Set<string>();
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at);
      if (frame === undefined || !/\/dist\//.test(frame.url)) continue;
      const label = labelOf(frame);
      if (seen.has(label)) continue;
      seen.add(label);
      times.set(label, (times.get(label) ?? 0) + ms);
    }
  }
  return [...times].sort((a, b) => b[1] - a[1]).slice(0, most);
}

/** Of the time that ended at `endUs`, the functions that were at work, by the calls of the program on top of the stack. */
export function during(
  profile: CpuProfile,
  endUs: number,
  ms: number,
): readonly (readonly [string, number])[] {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const parents = parentsOf(profile);
  const inProgram = (id: number): string => {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at);
      if (
        frame !== undefined &&
        (/\/(dist|node_modules)\//.test(frame.url) || /garbage|idle/.test(frame.functionName))
      )
        return labelOf(frame);
    }
    return labelOf(frames.get(id));
  };
  const times = new Map<string, number>();
  let at = profile.startTime;
  for (const [place, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[place] ?? 0;
    at += delta;
    if (at <= endUs - ms * 1e3 || at > endUs) continue;
    const label = inProgram(id);
    times.set(label, (times.get(label) ?? 0) + delta / 1e3);
  }
  return [...times].sort((a, b) => b[1] - a[1]).slice(0, 4);
}

export function parentsOf(profile: CpuProfile): ReadonlyMap<number, number> {
  return new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
}

/** Milliseconds of each node itself. */
export function timeByNode(profile: CpuProfile): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  // A sample stands for the time until the next one.
  for (const [place, id] of profile.samples.entries())
    times.set(id, (times.get(id) ?? 0) + Math.max(0, profile.timeDeltas[place + 1] ?? 0) / 1e3);
  return times;
}

function sumBy(profile: CpuProfile, keyOf: (id: number) => string): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const [id, ms] of timeByNode(profile)) {
    const key = keyOf(id);
    times.set(key, (times.get(key) ?? 0) + ms);
  }
  return times;
}

function ownComponent({ functionName, url }: CallFrame): string | undefined {
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(garbage collector)') return 'garbage collection';
  return components.find(([pattern]) => pattern.test(url))?.[1];
}

export function labelOf(frame: CallFrame | undefined): string {
  if (frame === undefined) return '?';
  const file = frame.url.replace(/^.*\/(dist|node_modules)\//, '').replace(/\.js$/, '');
  const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
  return file === '' ? name : `${name} ${file}:${frame.lineNumber + 1}`;
}
