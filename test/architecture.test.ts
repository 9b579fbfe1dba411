import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { filesBelow, inRepository, readText } from './support/repository.ts';

/*
 * Imports point one way: a file may use its own folder and the layers to the right of its own (here: below), never those to the
 * left. Within one layer neighbours do not know each other, with one exception.
 */
const layers: readonly (readonly string[])[] = [
  ['main'],
  ['cli', 'demo'],
  ['watch'],
  ['http', 'notify', 'scheduler', 'postgres', 'store', 'config'],
  ['metrics', 'report', 'plan'],
  ['findings'],
  ['detectors'],
  ['history'],
  ['analysis'],
  ['collectors'],
  ['model'],
];
/** Neighbours in its layer may import it: connections and addresses are described there. */
const openToNeighbours = 'config';

/** Layers from here on are pure: no files, sockets, clocks, randomness or environment. */
const firstPureLayer = layers.findIndex((layer) => layer.includes('metrics'));
/** What of Node.js computes and does nothing else. */
const pureBuiltins = ['node:crypto', 'node:zlib', 'node:assert', 'node:util', 'node:buffer'];
const impurePackages = ['pg', 'express', 'node-cron', 'pino', 'cli-progress'];
const impureGlobals =
  /\b(?:Date\.now\(|new Date\(\)|performance\.now\(|Math\.random\(|setTimeout\(|setInterval\(|process\.|fetch\(|console\.)/;

/** The only files that may pass on what others export. */
const rollCalls = ['src/detectors/index.ts', 'src/collectors/index.ts'];

/** Longer files are halls: a reader no longer sees what belongs together. */
const linesMax = 500;

interface Source {
  /** From the repository's root: `src/model/units.ts`. */
  readonly file: string;
  readonly text: string;
  /** Its folder below src; `main` for src/main.ts. */
  readonly unit: string;
  readonly imports: readonly string[];
  readonly tree: ts.SourceFile;
}

const sources = filesBelow('src')
  .filter((file) => file.endsWith('.ts'))
  .map(readSource);

describe('architecture', () => {
  it('has a place in the table for every folder of src', () => {
    const units = new Set(sources.map((source) => source.unit));
    expect([...units].filter((unit) => layerOf(unit) === -1)).toEqual([]);
  });

  it('imports point one way', () => {
    const offences = sources.flatMap((source) =>
      ownImports(source).flatMap((target) => {
        const why = whyForbidden(source.unit, unitOf(target));
        return why === undefined ? [] : [`${source.file} imports ${target}: ${why}`];
      }),
    );
    expect(offences).toEqual([]);
  });

  it('imports name existing files by their .ts ending, and leave src for nothing', () => {
    const offences = sources.flatMap((source) =>
      ownImports(source)
        .filter(
          (target) =>
            !target.startsWith('src/') || !target.endsWith('.ts') || !existsSync(inRepository(target)),
        )
        .map((target) => `${source.file} imports ${target}`),
    );
    expect(offences).toEqual([]);
  });

  it('keeps the core pure', () => {
    const pure = sources.filter((source) => layerOf(source.unit) >= firstPureLayer);
    const offences = pure.flatMap((source) => [
      ...source.imports
        .filter((name) => (isBuiltin(name) ? !pureBuiltins.includes(name) : impurePackages.includes(name)))
        .map((name) => `${source.file} imports ${name}`),
      ...codeLines(source)
        .filter((line) => impureGlobals.test(line))
        .map((line) => `${source.file} is not pure: ${line.trim()}`),
    ]);
    expect(offences).toEqual([]);
  });

  it('uses only dependencies of production', () => {
    const { dependencies } = JSON.parse(readText('package.json')) as { dependencies: Record<string, string> };
    const offences = sources.flatMap((source) =>
      source.imports
        .filter((name) => !name.startsWith('.') && !isBuiltin(name))
        .filter((name) => dependencies[packageOf(name)] === undefined)
        .map((name) => `${source.file} imports ${name}`),
    );
    expect(offences).toEqual([]);
  });

  it('speaks to PostgreSQL from one folder', () => {
    const mayImportPg = ['postgres', 'demo', 'config'];
    const offences = sources
      .filter((source) => source.imports.includes('pg') && !mayImportPg.includes(source.unit))
      .map((source) => source.file);
    expect(offences).toEqual([]);
  });

  it('has named exports only', () => {
    expect(sources.filter(hasDefaultExport).map((source) => source.file)).toEqual([]);
  });

  it('has no barrels but the roll calls', () => {
    const offences = sources
      .filter((source) => !rollCalls.includes(source.file))
      .filter((source) => path.basename(source.file) === 'index.ts' || passesOn(source))
      .map((source) => source.file);
    expect(offences).toEqual([]);
  });

  it('has no folder or file for odds and ends', () => {
    expect(
      sources.map((source) => source.file).filter((file) => /\b(?:utils?|helpers?|misc|common)\b/.test(file)),
    ).toEqual([]);
  });

  it(`has no file longer than ${linesMax} lines`, () => {
    const lengths = sources.map((source) => [source.file, source.text.split('\n').length - 1] as const);
    expect(lengths.filter(([, lines]) => lines > linesMax)).toEqual([]);
  });
});

describe('every detector', () => {
  const rollCall = readText('src', 'detectors', 'index.ts');
  const folders = readdirSync(inRepository('src', 'detectors'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

  it.each(folders)('%s has a declaration, a test, a page and its line in the roll call', (id) => {
    const missing = [
      `src/detectors/${id}/detector.ts`,
      `test/detectors/${id}.test.ts`,
      `docs/detectors/${id}.md`,
    ].filter((file) => !existsSync(inRepository(file)));
    if (!rollCall.includes(`'./${id}/detector.ts'`)) missing.push(`a line in src/detectors/index.ts`);
    expect(missing).toEqual([]);
  });
});

function readSource(file: string): Source {
  const text = readText(file);
  return {
    file,
    text,
    unit: unitOf(file),
    imports: ts.preProcessFile(text, true, true).importedFiles.map((imported) => imported.fileName),
    tree: ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true),
  };
}

function unitOf(file: string): string {
  const [, first = ''] = file.split('/');
  return first.replace(/\.ts$/, '');
}

const layerOf = (unit: string): number => layers.findIndex((layer) => layer.includes(unit));

const ownImports = (source: Source): readonly string[] =>
  source.imports
    .filter((name) => name.startsWith('.'))
    .map((name) => path.posix.join(path.posix.dirname(source.file), name));

function whyForbidden(from: string, to: string): string | undefined {
  if (from === to) return undefined;
  if (to === 'main') return 'nothing imports main';
  const [own, other] = [layerOf(from), layerOf(to)];
  if (other > own) return undefined;
  if (other < own) return `${to} lies to the left of ${from}`;
  return to === openToNeighbours ? undefined : `${to} is a neighbour of ${from} in the same layer`;
}

const isBuiltin = (name: string): boolean => name.startsWith('node:');

const packageOf = (name: string): string =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');

/** Lines without comments; good enough for looking for calls. */
function codeLines(source: Source): readonly string[] {
  const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ');
  return source.text
    .replaceAll(/\/\*[\s\S]*?\*\//g, blank)
    .split('\n')
    .map((line) => line.replace(/(^|\s)\/\/.*$/, ''));
}

const hasDefaultExport = (source: Source): boolean =>
  source.tree.statements.some(
    (statement) =>
      ts.isExportAssignment(statement) ||
      (ts.canHaveModifiers(statement) &&
        ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword) ===
          true),
  );

const passesOn = (source: Source): boolean =>
  source.tree.statements.some(
    (statement) => ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined,
  );
