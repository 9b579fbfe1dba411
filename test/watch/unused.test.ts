import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { type LookOptions, look, named, runPrinted } from '../support/look.ts';
import {
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';

/** One schema a case; each has a table t of 2,000 rows. Everything is built before the counters are reset and t is read. */
const cases: Readonly<Record<string, string>> = {
  plain: 'create index i on t (a)',
  scanned: 'create index i on t (a)',
  kept_for_its_own_sake: `
    alter table t add primary key (id); alter table t alter a1 set not null;
    create unique index u on t (b, id); alter table t add constraint c unique (id, a);
    create unique index identity on t (a1, id); alter table t replica identity using index identity;
    create index on_disk on t (a); alter table t cluster on on_disk;
    create table r (during int4range); alter table r add constraint x exclude using gist (during with &&);
    insert into r select int4range(g, g + 1) from generate_series(1, 2000) g; analyze r`,
  unread: 'create index i on t (a)',
  tiny: 'delete from t where id > 10; vacuum_later; create index i on t (a)',
  expression: 'create index i on t (lower(s), (a + 1))',
  muted: `create index i on t (a); comment on index i is 'indexwarden: keep until=2999-01-01 reason=the yearly audit'`,
  mute_expired: `create index i on t (a); comment on index i is 'indexwarden: keep until=2020-01-01 reason=the audit of 2019'`,
  mute_endless: `create index i on t (a); comment on index i is E'for reports\\nindexwarden: keep'`,
  supports_key_quiet: `alter table t add primary key (id); ${child}`,
  supports_key_busy: `alter table t add primary key (id); ${child}`,
  supports_key_twice: `alter table t add primary key (id); ${child} create index longer on child (up, note)`,
  partitioned: `
    create table h (d int, a int) partition by range (d);
    create table h1 partition of h for values from (0) to (1000);
    create table h2 partition of h for values from (1000) to (3000);
    insert into h select g, g from generate_series(1, 2000) g; analyze h;
    create index i on h (a); create index half_used on h (d)`,
  parted_key: `
    alter table t add primary key (id);
    create table h (d int, up int references t) partition by range (d);
    create table h1 partition of h for values from (0) to (1000);
    create table h2 partition of h for values from (1000) to (3000);
    insert into h select g, g from generate_series(1, 2000) g; analyze h;
    create index i on h (up)`,
  parted_key_private: `
    alter table t add primary key (id);
    create table h (d int, up int references t) partition by range (d);
    create table h1 partition of h for values from (0) to (1000);
    create table h2 partition of h for values from (1000) to (3000);
    insert into h select g, g from generate_series(1, 2000) g; analyze h;
    create index i1 on h1 (up); create index i2 on h2 (up)`,
};

const child = '';

const majors = await postgresMajors();
