-- What the two data scripts share. Everything drawn is a function of a name and a number, so that two runs on the same
-- day give the same rows; only "today" moves. The functions live in pg_temp and are gone with the session.
-- The setting demo.scale multiplies: 1 is a programme of 80 people with some 110,000 assignments.

-- How many rows a step makes: a number at scale 1, multiplied, and never less than three.
create function pg_temp.scaled(at_scale_one integer) returns integer language sql stable as $$
  select greatest(3, ceil(at_scale_one * current_setting('demo.scale')::numeric))::integer
$$;

-- The key of the n-th row of a table.
create function pg_temp.id_of(kind text, n bigint) returns uuid language sql immutable as $$
  select md5(kind || ' ' || n)::uuid
$$;

-- A throw of dice that always falls the same way: 0 <= result < 1, from the first 32 bits of a hash.
create function pg_temp.dice(what text, n bigint) returns double precision language sql immutable as $$
  select ('x' || substr(md5(what || ':' || n), 1, 8))::bit(32)::bigint / 4294967296::double precision
$$;

-- A whole number from 1 to "upto".
create function pg_temp.roll(what text, n bigint, upto integer) returns integer language sql immutable as $$
  select 1 + floor(pg_temp.dice(what, n) * upto)::integer
$$;

-- One of the choices; a choice that is named twice comes twice as often.
create function pg_temp.pick(what text, n bigint, variadic choices text[]) returns text language sql immutable as $$
  select choices[pg_temp.roll(what, n, cardinality(choices))]
$$;

-- A moment in the last "days" days, evenly spread over the first "total" numbers, oldest first.
create function pg_temp.moment(n bigint, total bigint, days integer) returns timestamptz language sql stable as $$
  select date_trunc('second', now()) - make_interval(secs => days * 86400.0 * (total - n + 0.5) / total)
$$;
