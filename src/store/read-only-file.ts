import { existsSync } from 'node:fs';
import { perform } from './calls.ts';
import { applicationId, Database, SqliteError } from './database.ts';
import { schemaVersion } from './migrations.ts';
import type { Answer, Ask, CallKind } from './protocol.ts';

/** A file of ours that somebody else may have open and write to. */
export interface ReadOnlyFile {
  /** Answers as of one moment. Only for calls that read: SQLite refuses the others. */
  readonly call: <K extends CallKind>(kind: K, ask: Ask<K>) => Answer<K>;
  readonly close: () => void;
}

/** Somebody may be busy for a moment; nobody should wait for a report longer. */
const patienceMs = 2_000;

/**
 * Opens the file to read it, beside a daemon that writes it: with its write-ahead log neither waits for the other. No lock of ours is taken and
 * nothing is changed. Throws an `Error` that says why it cannot be read.
 */
export function openReadOnlyFile(path: string): ReadOnlyFile {
  if (!existsSync(path)) throw new Error('there is no such file: no daemon has written it yet');
  let database: Database | undefined;
  try {
    database = new Database(path, patienceMs, { readOnly: true });
    const found = database;
    if (found.pragma('application_id') !== applicationId) throw new Error('it is no store of indexwarden');
    const version = Number(found.pragma('user_version') ?? 0);
    if (version !== schemaVersion)
      throw new Error(
        `it was written by ${version > schemaVersion ? 'a newer' : 'an older'} indexwarden (version ${version} of its tables; this one reads ${schemaVersion})`,
      );
    return {
      call: (kind, ask) => {
        // One moment for all rows of an answer, whatever is written meanwhile.
        found.exec('begin');
        try {
          return perform(found, kind, ask, { nowMs: 0 });
        } finally {
          found.exec('rollback');
        }
      },
      close: () => found.close(),
    };
  } catch (caught) {
    database?.close();
    throw caught instanceof SqliteError ? new Error(caught.message, { cause: caught }) : caught;
  }
}
