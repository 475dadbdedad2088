#!/usr/bin/env bash
# Builds the release preset with the load generator and runs every measurement; arguments go to tests/bench/run.py
# (--help lists them). Needs Java and Maven for Kafka; mosquitto is measured beside when it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-2}
# CMAKE_ARGS is a list of words, e.g. "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache".
cmake --preset release -DMQTTPROXY_BENCH=ON ${CMAKE_ARGS:-}
cmake --build --preset release --target mqttproxy mqttload rawproducer tree_bench -j"$jobs"
exec tests/bench/run.py "$@"
