import type { Database } from './database.ts';

/**
 * The tables, version by version. Each entry leads from the version before it to its own, in one transaction with the number
 * (`user_version`). Entries that were released never change: files in the field have gone through them.
 */
export const migrations: readonly string[] = [
  // 1: one row for each target, node, finding, event, mute, record, collection and day.
  `
  create table target (
    id integer primary key,
    server text not null,
    datname text not null,
    -- When something of it was last kept; to the day, so that most writes leave it alone.
    kept_at_ms integer not null,
    unique (server, datname)
  );
  -- All of the ledger but its findings.
  create table ledger (
    target_id integer primary key references target on delete cascade,
    rest text not null
  );
  create table finding (
    target_id integer not null references target on delete cascade,
    id text not null,
    body text not null,
    unique (target_id, id)
  );
  create table event (
    -- autoincrement: the number of a forgotten event is not given to another.
    id integer primary key autoincrement,
    target_id integer not null references target on delete cascade,
    kind text not null,
    at_ms integer not null,
    body text not null
  );
  create index event_by_target on event (target_id, id);
  create index event_by_kind on event (kind, id);
  create index event_by_time on event (at_ms);
  create table mute (
    finding_id text primary key,
    body text not null
  );
  create table record (
    target_id integer not null references target on delete cascade,
    kind text not null,
    key text not null,
    body text not null,
    primary key (target_id, kind, key)
  ) without rowid;
  create table node (
    id integer primary key,
    target_id integer not null references target on delete cascade,
    name text not null,
    kept_at_ms integer not null,
    checkpoint blob,
    unique (target_id, name)
  );
  create table usage_collection (
    id integer primary key autoincrement,
    node_id integer not null references node on delete cascade,
    collection blob not null
  );
  create index usage_collection_by_node on usage_collection (node_id, id);
  create table usage_day (
    id integer primary key,
    node_id integer not null references node on delete cascade,
    day integer not null,
    record blob not null,
    unique (node_id, day)
  );
  create index usage_day_by_day on usage_day (day);
  `,
  // 2: what every evaluation changes in every finding moves out of its body, so that a finding that stays as it is is not written
  // again; and a day that was forgotten can be told from one on which nothing happened.
  `
  alter table ledger add column seen_at text;
  -- Null: at the ledger's seen_at, as nearly all of them.
  alter table finding add column last_seen text;
  update finding set last_seen = json_extract(body, '$.lastSeen'), body = json_remove(body, '$.lastSeen');
  update ledger set seen_at = (select max(last_seen) from finding f where f.target_id = ledger.target_id);
  update finding set last_seen = null
   where last_seen = (select seen_at from ledger l where l.target_id = finding.target_id);
  alter table node add column forgotten_before_day integer;
  `,
  // 3: a checksum over the text of each row.
  `
  alter table ledger add column sum integer;
  update ledger set sum = checksum(rest, seen_at);
  alter table finding add column sum integer;
  update finding set sum = checksum(id, body, last_seen);
  alter table event add column sum integer;
  update event set sum = checksum(kind, at_ms, body);
  alter table mute add column sum integer;
  update mute set sum = checksum(finding_id, body);
  alter table record add column sum integer;
  update record set sum = checksum(kind, key, body);
  `,
];
/** The version from which on rows of text have a checksum. */
export const checksumsSince = 3;

/** The version that this program writes and reads. */
export const schemaVersion = migrations.length;

/** Brings the tables to a version, by default the newest; the version they had, which is 0 for a new file. */
export function migrate(database: Database, to = schemaVersion): number {
  const from = Number(database.pragma('user_version') ?? 0);
  for (let version = from + 1; version <= to; version += 1) {
    database.transaction(() => {
      database.exec(migrations[version - 1] ?? '');
      database.exec(`pragma user_version = ${version}`);
    });
  }
  return from;
}
