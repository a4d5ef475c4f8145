#!/usr/bin/env bash
# A hundred rounds of programs that are over soon.
for _ in $(seq "${1:-100}"); do
  printf "%s\n" /* | sort >/dev/null
  ls / >/dev/null
  sleep 0.005
  python3 -c 'import time; time.sleep(0.005)' &
  perl -e 'select(undef, undef, undef, .01)'
  echo 'a b' | awk '{print $2}' | sed s/b/c/ >/dev/null
  (: | cat)
done
wait
