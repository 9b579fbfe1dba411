import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json. */
export const repositoryRoot = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

export const inRepository = (...steps: readonly string[]): string => path.join(repositoryRoot, ...steps);

export const readText = (...steps: readonly string[]): string => readFileSync(inRepository(...steps), 'utf8');

/** Files below a folder of the repository, as paths from its root with `/`, in order. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(inRepository(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(repositoryRoot, path.join(entry.parentPath, entry.name)))
    .map((file) => file.split(path.sep).join('/'))
    .sort();
}
