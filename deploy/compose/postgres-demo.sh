#!/bin/sh
# Fills a fresh server with the demo's two databases, in the order in which `indexwarden demo` does. The image of PostgreSQL runs it
# once, when its data folder is empty. DEMO_FOLDER and VIEW_FILE say where the scripts are.
set -eu

demo=${DEMO_FOLDER:-/demo}
view=${VIEW_FILE:-/demo-views/column-statistics-view.sql}
scale=${DEMO_SCALE:-1}

run() {
  database=$1
  shift
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$database" "$@" > /dev/null
}

run postgres --file "$demo/role.sql"
run postgres --set password="${INDEXWARDEN_PASSWORD:?}" <<'SQL'
alter role indexwarden password :'password';
SQL

load() {
  name=$1
  shift
  run postgres --command "create database $name template template0"
  run "$name" --command 'create extension pgstattuple; create extension pg_freespacemap; create extension pg_stat_statements'
  run "$name" --command "set demo.scale = '$scale'" --file "$demo/$name.sql" --file "$demo/data-functions.sql" \
    --file "$demo/$name-data.sql" "$@"
  run "$name" --file "$view" --file "$demo/$name-probes.sql"
  run "$name" --command 'vacuum (analyze)'
}

load residency --file "$demo/residency-ageing.sql"
load backtest

# Two people share an address: this fails, and leaves the invalid index that a failed concurrent build leaves.
if run residency --command 'create unique index concurrently uq_people_email on people (email)' 2> /dev/null; then
  echo 'the unique index on people.email could be built, though two people share an address' >&2
  exit 1
fi
