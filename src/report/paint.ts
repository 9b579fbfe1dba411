import { styleText } from 'node:util';
import type { Severity } from '../model/finding.ts';

/** Emphasis for a terminal; without colours every function returns its text. */
export interface Paint {
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly code: (text: string) => string;
  readonly severity: (severity: Severity, text: string) => string;
}

const colours = { critical: 'red', warning: 'yellow', info: 'cyan' } as const;

export function paintFor(hasColour: boolean): Paint {
  if (!hasColour) {
    const plain = (text: string): string => text;
    return { strong: plain, faint: plain, code: plain, severity: (_, text) => text };
  }
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    // Whether to colour was decided by the caller, for the stream that it writes to; not by this process's stdout.
    styleText(format, text, { validateStream: false });
  return {
    strong: (text) => style('bold', text),
    faint: (text) => style('dim', text),
    code: (text) => style('green', text),
    severity: (severity, text) => style(['bold', colours[severity]], text),
  };
}
