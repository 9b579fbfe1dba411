import { readFile } from 'node:fs/promises';
import { outsideTransactions, statementsIn } from './statement-log.ts';

/*
 * Every embedded server of the tests logs each statement, and when it is closed, what came from the program is looked through: the whole
 * suite is a test of the program's being read-only.
 */

/** Who sent it, in which process, and the id of its transaction, 0 as long as that has written nothing. */
export const loggingStatements: Readonly<Record<string, string>> = {
  log_statement: 'all',
  log_line_prefix: '[%p|%a|%x] ',
};

/** In a statement that a test sends over a connection of the program, outside of a transaction, to see what is left behind. */
export const ofATest = '-- of a test';

/** What the program sent outside of a transaction that began read-only with settings of its own, and what wrote; the first few. */
export async function harmIn(logFile: string): Promise<readonly string[]> {
  if ((await readFile(logFile, 'utf8').catch(() => '')) === '') return [];
  const sent = await statementsIn(logFile, 'indexwarden');
  return [
    ...outsideTransactions(sent)
      .filter((text) => !text.endsWith(ofATest))
      .map((text) => `outside of a read-only transaction: ${text}`),
    ...sent.filter(({ hasXid }) => hasXid).map(({ text }) => `with a transaction id: ${text}`),
  ]
    .slice(0, 5)
    .map((line) => line.slice(0, 300));
}
