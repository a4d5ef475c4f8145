#!/usr/bin/env bash
# postgres.sh FOLDER: a database of its own, with sessions that sleep, wait for a row, and commit.
set -eu
data=$1/data
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
initdb -D "$data" -A trust -U postgres >/dev/null
postgres -D "$data" -k "$1" -c listen_addresses= >/dev/null 2>&1 &
ask() { psql -q -h "$1" -U postgres -f "$2" >/dev/null 2>&1; }
until psql -q -h "$1" -U postgres -c 'create table t (i int, n int); insert into t values (1, 0)' >/dev/null 2>&1; do
  sleep 0.1
done
many() { for _ in $(seq 20000); do echo "$1"; done; }
many 'select pg_sleep(0.005);' >"$1/sleeps.sql"
many 'begin; update t set n = n + 1; select pg_sleep(0.005); commit;' >"$1/updates.sql"
ask "$1" "$1/sleeps.sql" &
ask "$1" "$1/updates.sql" &
ask "$1" "$1/updates.sql" &
wait
