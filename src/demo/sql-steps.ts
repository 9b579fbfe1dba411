import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** A part of a script that is sent as one message, and so is one transaction. */
export interface SqlStep {
  readonly label: string;
  readonly sql: string;
}

/** Reads a script of this package, `demo/residency.sql`, from a checkout as well as from an installed package. */
export function readScript(path: string): Promise<string> {
  return readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
}

/** Splits a script at its lines `-- step: what it does`; what stands before the first is comment. */
export function splitSteps(script: string): readonly SqlStep[] {
  const parts = script.split(/^-- step: (.+)$/m);
  const steps: SqlStep[] = [];
  for (let index = 1; index + 1 < parts.length; index += 2) {
    steps.push({ label: parts[index] ?? '', sql: parts[index + 1] ?? '' });
  }
  return steps;
}
