#!/usr/bin/env bash
# Measures what the daemon costs, beside its targets, peers and floors. Installs and builds what is missing, mochi-mqtt
# and rumqttd included where Go and Cargo are there.
#   bench.sh [OPTION...]            the table (bench.sh --help lists the options of tests/bench/run.py)
#   bench.sh --curves [OPTION...]   how costs grow with connections, payload, subscriptions, workers
#   bench.sh --micro [--update]     instructions of single steps against tests/bench/micro/budget.json
#   bench.sh --plot FILE.json...    pictures (SVG) of results, beside them
# With --docs the result goes into docs/PERFORMANCE.md.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

build() { # TARGET...
  cmake --preset release -DMQTTPROXY_BENCH=ON >/dev/null
  scripts/build.sh release "$@"
}

build_peers() {
  mkdir -p build/peers
  if have go; then
    (cd tests/bench/peers/mochi && go build -o "$ROOT/build/peers/mochi" .) || echo "mochi-mqtt could not be built"
  fi
  if have cargo && [ ! -x build/peers/bin/rumqttd ]; then
    echo "building rumqttd, once; this takes some minutes"
    # Not --locked: the versions it was released with do not compile with today's Rust.
    cargo install --quiet --root build/peers --version 0.20.0 rumqttd || echo "rumqttd could not be built"
  fi
}

case ${1:-} in
  --micro)
    shift
    build micro
    exec tests/bench/micro/check.py build/release/tests/micro "$@"
    ;;
  --plot)
    shift
    scripts/packages.sh bench
    python3 -m venv build/venv-plot
    build/venv-plot/bin/python -m pip install -q -r tests/bench/requirements.txt
    exec build/venv-plot/bin/python tests/bench/plot.py "$@"
    ;;
  --help | -h) exec tests/bench/run.py --help ;;
esac
scripts/packages.sh bench
build mqttproxy mqttload rawproducer tree_bench sink
build_peers
exec tests/bench/run.py "$@"
