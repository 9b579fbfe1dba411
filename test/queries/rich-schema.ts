/** Something of everything that a query may meet, on one major: run by a superuser in a database of its own. */
export const richSchema = (major: number): string => `
  create schema "Quoted ""Schema""";
  create schema "схема";
  create extension pg_trgm;
  create table parent (
    id int generated always as identity primary key,
    code text collate "C" not null,
    label varchar(20),
    amount numeric(10, 2),
    tags text[],
    document jsonb,
    words tsvector,
    span int4range,
    stored int generated always as (length(code)) stored,
    constraint code_once unique (code) deferrable,
    constraint no_overlap exclude using gist (span with &&)
  ) with (fillfactor = 80);
  insert into parent (code, label, amount, tags, document, words, span)
    select 'c' || g, case when g % 2 = 0 then 'l' || g % 7 end, g, array['t' || g], '{}', to_tsvector('simple', 'w' || g), int4range(g, g + 1)
    from generate_series(1, 500) g;
  create index partial_expression on parent (lower(code), (amount * 2) desc nulls last) include (label) where amount > 10;
  comment on index partial_expression is 'indexwarden: keep reason=test';
  comment on constraint code_once on parent is 'of the desk';
  create index with_class_options on parent using gist (words tsvector_ops (siglen = 100));
  create index by_trigram on parent using gin (label gin_trgm_ops) with (fastupdate = off);
  create index by_hash on parent using hash (label);
  create index by_block on parent using brin (id);
  create function first_word(text) returns text language sql immutable as 'select lower($1)';
  create index by_function on parent (first_word(code));
  create collation ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  create index by_collation on parent (label collate ignoring_case);
  create index by_hidden_collation on parent ((label < 'm' collate "en-x-icu"));
  cluster parent using parent_pkey;

  create table "Quoted ""Schema"""."Таблица; --" (id int not null, parent_id int, code text);
  alter table "Quoted ""Schema"""."Таблица; --"
    add constraint "Key %s" foreign key (parent_id) references parent (id) on delete cascade on update set null deferrable not valid;
  create unique index "Identity\\" on "Quoted ""Schema"""."Таблица; --" (id);
  alter table "Quoted ""Schema"""."Таблица; --" replica identity using index "Identity\\";
  alter table "Quoted ""Schema"""."Таблица; --" enable row level security;

  create table measured (at date not null, value int) partition by range (at);
  create table measured_1 partition of measured for values from ('2024-01-01') to ('2025-01-01');
  create table measured_2 partition of measured for values from ('2025-01-01') to ('2026-01-01') partition by list (value);
  create table measured_2_a partition of measured_2 for values in (1);
  create index measured_at on measured (at);
  create index incomplete on only measured (value);
  create table base (a int); create table derived (b int) inherits (base);
  create index derived_a on derived (a);
  create unlogged table "схема".fast (a int); create index on "схема".fast (a);
  create materialized view summary as select id, label from parent; create unique index on summary (id);
  create temporary table passing (a int); create index on passing (a);
  create table doubles (a int); insert into doubles values (1), (1);
  ${major >= 15 ? 'create unique index one_null on parent (label, id) nulls not distinct;' : ''}
  ${major >= 18 ? 'create table virtually (a int, v int generated always as (a * 2) virtual); create index on virtually (a); create table later (id int references parent (id) not enforced);' : ''}
  analyze;
  create table never_analysed (a int);
  set enable_seqscan = off; select count(*) from parent where id = 7; select count(*) from doubles; reset enable_seqscan;
`;

/** Cannot run inside a transaction, and fails: it leaves an invalid index behind. */
export const failingBuild = 'create unique index concurrently broken on doubles (a)';
