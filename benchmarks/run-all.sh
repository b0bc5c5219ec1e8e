#!/bin/sh
# The benchmarks that need no data of others. usage: run-all.sh PYTHON
set -eu
cd "$(dirname "$0")/.."
echo "== repair: three realistic repositories"
"$1" benchmarks/repair.py --repositories tests/repositories
echo "== planner"
"$1" benchmarks/planner.py
echo "== count"
"$1" benchmarks/count.py
echo "== tests that a patch may break (--repository DIR: in a checkout of your own)"
if command -v bwrap >/dev/null 2>&1; then
  "$1" benchmarks/related.py
else
  echo "left out: it needs bubblewrap"
fi
echo "== scheduler"
"$1" benchmarks/scheduler.py
echo "== a trajectory's turn (MINI=PYTHON: beside mini-swe-agent, from an environment that has it)"
if command -v bwrap >/dev/null 2>&1; then
  "$1" benchmarks/overhead.py ${MINI:+--mini "$MINI"}
else
  echo "left out: it needs bubblewrap"
fi
echo "== ledger"
if "$1" -c 'import redis; redis.Redis().ping()' 2>/dev/null; then
  "$1" benchmarks/ledger.py
else
  echo "redis is left out: none answers at 127.0.0.1:6379"
  "$1" benchmarks/ledger.py --url ""
fi
echo "== sandboxes"
if docker image inspect runoff-test >/dev/null 2>&1; then
  "$1" benchmarks/sandbox.py
else
  echo "docker is left out: no engine, or no image runoff-test (sh tests/base-image.sh)"
  "$1" benchmarks/sandbox.py --only bubblewrap
fi
