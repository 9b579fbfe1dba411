/** A reader of the exposition formats, strict and small, so that tests judge a page by what it says and not by how it was written. */
export interface ParsedSample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string | undefined;
  readonly samples: readonly ParsedSample[];
}

export interface ParsedPage {
  readonly families: readonly ParsedFamily[];
  readonly samples: readonly ParsedSample[];
  readonly hasEnd: boolean;
}

/** Throws on anything out of place: a family in two pieces, a sample before its type, text after the end. */
export function parseExposition(page: string): ParsedPage {
  if (!page.endsWith('\n')) throw new Error('the last line has no end');
  const families: { name: string; type: string; help: string; unit?: string; samples: ParsedSample[] }[] = [];
  let hasEnd = false;
  for (const line of page.slice(0, -1).split('\n')) {
    if (hasEnd) throw new Error(`text after the end: ${line}`);
    if (line === '# EOF') {
      hasEnd = true;
      continue;
    }
    const meta = /^# (HELP|TYPE|UNIT) (\S+) (.+)$/s.exec(line);
    if (meta !== null) {
      const [, keyword, name = '', text = ''] = meta;
      let family = families.at(-1);
      if (family?.name !== name) {
        if (families.some((known) => known.name === name)) throw new Error(`${name} is in two pieces`);
        family = { name, type: '', help: '', samples: [] };
        families.push(family);
      }
      if (family.samples.length > 0) throw new Error(`${keyword} of ${name} after its samples`);
      if (keyword === 'TYPE') family.type = text;
      else if (keyword === 'HELP') family.help = text;
      else family.unit = text;
      continue;
    }
    const sample = parseSample(line);
    const family = families.at(-1);
    if (family === undefined || !belongsTo(sample.name, family))
      throw new Error(`${sample.name} stands below ${family?.name ?? 'nothing'}`);
    family.samples.push(sample);
  }
  return {
    families: families.map((family) => ({ unit: undefined, ...family })),
    samples: families.flatMap((family) => family.samples),
    hasEnd,
  };
}

function belongsTo(name: string, family: { readonly name: string; readonly type: string }): boolean {
  const suffixes: Readonly<Record<string, readonly string[]>> = {
    counter: ['', '_total'],
    info: ['_info'],
    histogram: ['_bucket', '_sum', '_count'],
    gauge: [''],
  };
  return (suffixes[family.type] ?? []).some((suffix) => name === `${family.name}${suffix}`);
}

const unescapes: Readonly<Record<string, string>> = { '\\': '\\', '"': '"', n: '\n' };

/** One sample line; any escape but the three there are is an error. */
export function parseSample(line: string): ParsedSample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0];
  if (name === undefined) throw new Error(`no metric name: ${line}`);
  const labels = new Map<string, string>();
  let at = name.length;
  if (line[at] === '{') {
    at += 1;
    while (line[at] !== '}') {
      const label = /^[a-zA-Z_][a-zA-Z0-9_]*/.exec(line.slice(at))?.[0];
      if (label === undefined) throw new Error(`no label name at ${at}: ${line}`);
      at += label.length;
      if (line.slice(at, at + 2) !== '="') throw new Error(`no value at ${at}: ${line}`);
      at += 2;
      let value = '';
      while (line[at] !== '"') {
        if (line[at] === undefined) throw new Error(`unended value: ${line}`);
        if (line[at] === '\\') {
          const character = unescapes[line[at + 1] ?? ''];
          if (character === undefined) throw new Error(`unknown escape: ${line}`);
          value += character;
          at += 2;
        } else {
          value += line[at];
          at += 1;
        }
      }
      at += 1;
      if (labels.has(label)) throw new Error(`label ${label} twice: ${line}`);
      labels.set(label, value);
      if (line[at] === ',') at += 1;
      else if (line[at] !== '}') throw new Error(`no comma at ${at}: ${line}`);
    }
    at += 1;
  }
  const text = line.slice(at);
  if (!/^ (-?[0-9.]+(e[+-]?[0-9]+)?|NaN|[+-]Inf)$/.test(text)) throw new Error(`no value: ${line}`);
  const value = text.trim().replace('Inf', 'Infinity');
  return { name, labels, value: Number(value) };
}
