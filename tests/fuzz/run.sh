#!/bin/sh
# Runs every fuzz target (every file in corpus/) for a bounded time; fails when one of them finds something.
#
# usage: tests/fuzz/run.sh BUILD_DIR SECONDS_PER_TARGET
#
# Findings and what the run learned stay in BUILD_DIR/fuzz/; a finding is replayed with BUILD_DIR/fuzz/TARGET FILE.
set -eu

if [ $# -ne 2 ]; then
  echo "usage: $0 BUILD_DIR SECONDS_PER_TARGET" >&2
  exit 2
fi
here=$(dirname "$0")
fuzz=$1/fuzz
seconds=$2
failed=""

for corpus in "$here"/corpus/*.txt; do
  name=$(basename "$corpus" .txt)
  target=$fuzz/$name
  if [ ! -x "$target" ]; then
    echo "$target is missing: build it first" >&2
    exit 2
  fi
  mkdir -p "$fuzz/learned/$name" "$fuzz/findings/$name"
  seeds=$fuzz/seeds/$name
  rm -rf "$seeds"
  python3 "$here/make_corpus.py" "$corpus" "$seeds"
  echo "== $name: $seconds s"
  "$target" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$fuzz/findings/$name/" "$fuzz/learned/$name" "$seeds" >"$fuzz/$name.log" 2>&1 || failed="$failed $name"
  tail -n 8 "$fuzz/$name.log"
done

if [ -n "$failed" ]; then
  echo "findings in:$failed (see $fuzz/findings and the logs beside it)" >&2
  exit 1
fi
echo "nothing found"
