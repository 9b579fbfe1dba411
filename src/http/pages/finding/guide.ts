import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FindingKind } from '../../../model/finding.ts';
import { sectionOf } from '../../../report/terminal-markdown.ts';
import { createMarkdown } from '../../markdown.ts';
import { type Html, trusted } from '../html.ts';

/** What the documentation of a kind says, as parts of a finding's page; undefined where it says nothing about it. */
export interface Guide {
  readonly meaning: Html | undefined;
  readonly changes: Html | undefined;
  readonly confirming: Html | undefined;
}

/** Reads a kind's page of the documentation once. Without documentation beside the program there is no guide. */
export function createGuides(docsDirectory: string): (kind: FindingKind) => Guide {
  const known = new Map<FindingKind, Guide>();
  const markdown = createMarkdown();
  return (kind) => {
    const before = known.get(kind);
    if (before !== undefined) return before;
    const text = pageOf(docsDirectory, kind);
    const section = (heading: RegExp): Html | undefined => {
      const found = sectionOf(text, heading);
      return found === undefined || found === '' ? undefined : trusted(embedded(markdown.render(found)));
    };
    const guide = {
      meaning: section(/what it means/i),
      changes: section(/what would change|when it closes/i),
      confirming: section(/how to confirm/i),
    };
    known.set(kind, guide);
    return guide;
  };
}

function pageOf(docsDirectory: string, kind: FindingKind): string {
  try {
    return readFileSync(join(docsDirectory, 'detectors', `${kind}.md`), 'utf8');
  } catch {
    return '';
  }
}

/** Links lead from where the page stands, and ids are those of the page it is put into. */
const embedded = (html: string): string =>
  html.replaceAll(/<a href="(?![a-z]+:|\/|#)/g, '<a href="/docs/detectors/').replaceAll(/ id="[^"]*"/g, '');
