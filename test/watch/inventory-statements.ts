/** Things of every kind that an inventory may name, in the schema `a`. Run by a superuser in a database of its own. */
export const inventorySchema = `
  create extension pg_trgm;
  create schema a; create schema b;
  create type a.mood as enum ('sad', 'ok');
  create domain a.code as text;
  create type a.pair as (x int, y int);
  create function a.f(text) returns text language sql immutable as 'select lower($1)';
  create function a.same(text, text) returns boolean language sql immutable as 'select $1 = $2';
  create operator a.=== (function = a.same, leftarg = text, rightarg = text);
  create collation a.bytes from "C";
  create text search configuration a.words (copy = simple);
  create operator class a.numbers for type int using btree as
    operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int, int);
  create table a.t (id int primary key, w text, n int not null, m a.mood, c a.code, p a.pair);
  insert into a.t select g, 'w' || g, g, 'ok', 'c', row(g, g)::a.pair from generate_series(1, 500) g;
  create index by_function on a.t (a.f(w));
  create index by_operator on a.t (n) where w operator(a.===) 'x';
  create index by_collation on a.t ((w < 'm' collate a.bytes));
  create index by_words on a.t using gin (to_tsvector('a.words', w));
  create index by_class on a.t (n a.numbers);
  create index by_mood on a.t (n) where m = 'sad';
  create index by_field on a.t (((p).x));
  create index by_code on a.t (c);
  create unique index by_number on a.t (n);
  create table a.r (t int, constraint to_t foreign key (t) references a.t (id));
  create table a.h (d int, v int) partition by range (d);
  create table a.h1 partition of a.h for values from (0) to (100);
  create table a.h2 (d int, v int);
  create index h_d on a.h (d); create index h_v on only a.h (v); create index h1_v on a.h1 (v);
  insert into a.h select g, g from generate_series(0, 99) g;
  create table a.base (i int); create table a.heir (i int);
  create materialized view a.seen as select id from a.t; create unique index seen_id on a.seen (id);
  create table a.twice (i int); insert into a.twice values (1), (1);
  analyze;`;

/** Statements after which facts of the inventory are others than before, in this order. */
export const changing: readonly string[] = [
  'create table a.u (x int, y int)',
  'create index u_x on a.u (x)',
  'alter index a.u_x rename to u_first',
  'alter index a.u_first set (fillfactor = 70)',
  'alter table a.u set (fillfactor = 80)',
  'alter table a.u rename to v',
  'alter table a.v rename column x to first',
  'alter table a.v alter column first set not null',
  'alter table a.v alter column first type bigint',
  'alter table a.v set schema b',
  'alter table b.v add constraint once unique (y)',
  'alter table b.v rename constraint once to only_once',
  'alter table b.v drop constraint only_once',
  'create unique index v_y on b.v (y)',
  'alter table b.v add primary key using index v_y',
  'alter table b.v replica identity using index v_y',
  'alter table b.v cluster on v_y',
  'alter table b.v enable row level security',
  'alter table b.v set unlogged',
  'alter schema b rename to "B b"',
  'alter schema "B b" rename to b',
  'alter schema a rename to aa',
  'alter schema aa rename to a',
  'alter table a.t rename column w to "W"',
  'alter table a.t rename column "W" to w',
  'alter function a.f(text) rename to g',
  'alter function a.g(text) set schema b',
  "alter function b.g(text) set search_path = ''",
  'alter operator a.=== (text, text) set schema b',
  'alter collation a.bytes rename to octets',
  'alter text search configuration a.words rename to terms',
  'alter operator class a.numbers using btree rename to digits',
  'alter operator class a.digits using btree set schema b',
  'alter type a.mood rename to temper',
  "alter type a.temper rename value 'sad' to 'sorry'",
  'alter type a.pair rename attribute x to abscissa',
  'alter domain a.code rename to sign',
  "comment on index a.by_code is 'indexwarden: keep'",
  'comment on index a.by_code is null',
  'alter table a.r add constraint again foreign key (t) references a.t (n) not valid',
  'alter table a.r validate constraint again',
  'alter table a.r alter constraint again deferrable',
  'alter table a.r rename constraint again to twice',
  'alter table a.r drop constraint twice',
  'create operator family a.further using btree; alter operator family a.further using btree add operator 3 = (int, int)',
  'create operator class a.later for type int using hash as operator 1 =, function 1 hashint4(int)',
  'alter table a.h attach partition a.h2 for values from (100) to (200)',
  'alter index a.h_v attach partition a.h1_v',
  'alter table a.h detach partition a.h2',
  'alter table a.heir inherit a.base',
  'alter table a.heir no inherit a.base',
  'reindex index a.by_code',
  'reindex index concurrently a.by_code',
  'refresh materialized view a.seen',
  'truncate a.twice, a.heir; insert into a.twice values (1), (1); create index twice_i on a.twice (i)',
  'truncate a.twice; insert into a.twice values (1), (1)',
  'create unique index concurrently twice_once on a.twice (i)',
  'delete from a.twice; reindex index a.twice_once',
  'drop index concurrently a.twice_once',
  'alter extension pg_trgm add table a.base',
  'alter extension pg_trgm drop table a.base',
  'alter table a.t drop column c',
  'drop index a.by_field',
  'drop materialized view a.seen',
  'drop table a.heir',
  'drop schema b cascade',
];

/** Statements that change no fact but counts, of which an inventory is kept. */
export const keeping: readonly string[] = [
  "insert into a.t select g, 'w' || g, g, 'ok', 'c', row(g, g)::a.pair from generate_series(501, 5000) g",
  'analyze a.t',
  'delete from a.t where id > 400',
  'vacuum a.t',
  'vacuum analyze',
  'create temporary table passing (i int primary key, w text check (w <> $$x$$)); create index on passing (w); comment on index passing_pkey is $$x$$; drop table passing',
  'begin; create table a.never (i int); rollback',
];
