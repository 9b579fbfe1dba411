import { type CpuProfile, labelOf } from './profile.ts';

interface Frame {
  readonly label: string;
  ms: number;
  readonly children: Map<string, Frame>;
}

const [width, rowHeight, margin] = [1200, 17, 10];
/** What is narrower says nothing and makes the file large. */
const shareMin = 0.003;
/** Of the text's size in a monospaced face. */
const letterWidth = 6.6;

/** Colours by where a function lives: ours, libraries, the platform, the collector of garbage. */
const colours: readonly (readonly [pattern: RegExp, colour: string])[] = [
  [/^\(garbage/, '#d9a5a5'],
  [/ (postgres|collectors)\//, '#9cc3e6'],
  [/ (analysis|detectors|findings|plan)\//, '#f2c572'],
  [/ (history|store)\//, '#b7d7a8'],
  [/ (metrics|http|report)\//, '#c9b6e4'],
  [/ watch\//, '#e8dcb5'],
  [/ (pg|pg-[a-z]+|zod|postgres-[a-z]+)\//, '#b9cfe0'],
  [/.*/, '#dddddd'],
];

/**
 * A flame graph: the main thread's time by stacks, callers below and as wide as what they and all they call took. Idle time is left
 * out, functions that took less than 0.3 % too. Names and milliseconds stand in tooltips.
 */
export function flameGraph(profile: CpuProfile, title: string): string {
  const root = frameOf(profile);
  const boxes: string[] = [];
  let depthMax = 0;
  const draw = (frame: Frame, fromMs: number, depth: number): void => {
    depthMax = Math.max(depthMax, depth);
    boxes.push(box(frame, fromMs, depth, root.ms));
    let at = fromMs;
    for (const child of [...frame.children.values()].sort((a, b) => (a.label < b.label ? -1 : 1))) {
      if (child.ms >= root.ms * shareMin) draw(child, at, depth + 1);
      at += child.ms;
    }
  };
  draw(root, 0, 0);
  const height = (depthMax + 1) * rowHeight + 3 * margin + 20;
  const shift = height - margin - rowHeight;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width + 2 * margin}" height="${height}" font-family="monospace" font-size="11">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${margin}" y="22" font-size="13">${escaped(title)}</text>
<g transform="translate(${margin} ${shift})">
${boxes.join('\n')}
</g>
</svg>
`;
}

function box({ label, ms }: Frame, fromMs: number, depth: number, allMs: number): string {
  const x = (fromMs / allMs) * width;
  const boxWidth = (ms / allMs) * width;
  const letters = Math.floor((boxWidth - 4) / letterWidth);
  const shown = letters < 3 ? '' : label.length <= letters ? label : `${label.slice(0, letters - 1)}…`;
  const colour = colours.find(([pattern]) => pattern.test(label))?.[1] ?? '';
  const y = -depth * rowHeight;
  const told = `${label}: ${ms.toFixed(0)} ms, ${((100 * ms) / allMs).toFixed(1)} %`;
  const text = shown === '' ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(shown)}</text>`;
  return `<g><title>${escaped(told)}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.3, boxWidth - 0.4).toFixed(1)}" height="${rowHeight - 1}" fill="${colour}"/>${text}</g>`;
}

/** The samples as one tree, functions that call themselves directly in one box. */
function frameOf({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const selfMs = new Map<number, number>();
  for (const [place, id] of samples.entries())
    selfMs.set(id, (selfMs.get(id) ?? 0) + Math.max(0, timeDeltas[place + 1] ?? 0) / 1e3);
  const root: Frame = { label: 'main thread, busy', ms: 0, children: new Map() };
  const add = (id: number, parent: Frame): number => {
    const node = byId.get(id);
    if (node === undefined || node.callFrame.functionName === '(idle)') return 0;
    const label = labelOf(node.callFrame);
    const frame: Frame =
      parent.label === label ? parent : (parent.children.get(label) ?? { label, ms: 0, children: new Map() });
    if (frame !== parent) parent.children.set(label, frame);
    let ms = selfMs.get(id) ?? 0;
    for (const child of node.children ?? []) ms += add(child, frame);
    // A box that its caller shares has been counted there.
    if (frame === parent) return ms;
    frame.ms += ms;
    return ms;
  };
  const [top] = nodes;
  for (const child of top?.children ?? []) root.ms += add(child, root);
  return root;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
