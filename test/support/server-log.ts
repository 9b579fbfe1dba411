import { readFile } from 'node:fs/promises';

/** Settings under which a server logs every statement, each lock wait and each temporary file, with who, and in which transaction. */
export const loggingEverything: Readonly<Record<string, string>> = {
  log_statement: 'all',
  log_line_prefix: '[%p|%a|%x] ',
  log_lock_waits: 'on',
  // Above our lock_timeout: whoever waits longer than this, or makes others wait, gets a line.
  deadlock_timeout: '400ms',
  log_temp_files: '0',
};

export interface LogEntry {
  readonly pid: number;
  readonly application: string;
  /** Id of the transaction; 0 as long as it has written nothing. */
  readonly xid: number;
  readonly level: string;
  readonly text: string;
}

/** The entries of a server's log in order, continued lines joined. */
export async function readLog(file: string): Promise<readonly LogEntry[]> {
  const log = await readFile(file, 'utf8');
  return log.split(/^(?=\[\d+\|)/m).flatMap((entry) => {
    const parts = /^\[(\d+)\|([^|]*)\|(\d+)\] (\w+): {2}([\s\S]*)$/.exec(entry);
    if (parts === null) return [];
    const [, pid, application = '', xid, level = '', text = ''] = parts;
    return [
      { pid: Number(pid), application, xid: Number(xid), level, text: text.replace(/\n\t/g, '\n').trim() },
    ];
  });
}

/** The statements that an application sent, without the words before them. */
export const statementsOfApplication = (entries: readonly LogEntry[], application: string) =>
  entries
    .filter((entry) => entry.application === application && entry.level === 'LOG')
    .flatMap((entry) => {
      const sent = /^(?:statement|execute [^:]*): ([\s\S]*)$/.exec(entry.text)?.[1];
      return sent === undefined ? [] : [{ ...entry, text: sent.trim() }];
    });
