import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { inRepository } from '../support/repository.ts';

/** The store as it is shipped: JavaScript, which any Node.js runs without a loader, and so starts in a moment. */
export interface Compiled {
  /** URL of a compiled file, by its path in the repository. */
  readonly url: (file: string) => URL;
  readonly remove: () => void;
}

/** Compiles files and all that they import, into a folder in which packages are found. */
export function compile(name: string, ...files: readonly string[]): Compiled {
  const folder = inRepository('.cache', `store-${name}-${process.pid}`);
  const outputOf = (file: string): string => path.join(folder, file.replace(/\.ts$/, '.js'));
  const done = new Set<string>();
  const todo = [...files];
  for (let file = todo.pop(); file !== undefined; file = todo.pop()) {
    if (done.has(file)) continue;
    done.add(file);
    const source = readFileSync(inRepository(file), 'utf8');
    const { outputText } = ts.transpileModule(source, {
      fileName: file,
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    });
    mkdirSync(path.dirname(outputOf(file)), { recursive: true });
    writeFileSync(outputOf(file), outputText);
    for (const { fileName } of ts.preProcessFile(outputText, true, true).importedFiles)
      if (fileName.startsWith('.'))
        todo.push(path.posix.join(path.posix.dirname(file), fileName.replace(/\.js$/, '.ts')));
  }
  return {
    url: (file) => pathToFileURL(outputOf(file)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
