import type { ReportDocument } from './document.ts';
import { timeInWords } from './facts.ts';

/** Where a report comes from and what time it is about: one line below its title. */
export const provenance = ({ toolVersion, generatedAt, since }: ReportDocument): string =>
  `Made by indexwarden ${toolVersion} on ${timeInWords(generatedAt, '')} UTC, from what the servers said then. Events since ${timeInWords(since, '')}. All times are UTC.`;

export const unreadWords = (reason: string): string =>
  `Nothing of this database could be read: ${reason}. That says nothing about its indexes.`;
