#!/usr/bin/env bash
# Builds the release preset and measures several nodes that share their sessions through a real Kafka: start with stored
# sessions, memory per session, latency, sessions that come back at once. Arguments go to
# tests/system/cluster_figures.py (--help lists them). A few minutes.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

scripts/packages.sh test
scripts/build.sh release mqttproxy
python3 -m venv build/venv
build/venv/bin/python -m pip install -q -r tests/requirements.txt
tests/kafka/kafka.sh fetch >/dev/null
exec env PYTHONPATH=tests build/venv/bin/python tests/system/cluster_figures.py "$@"
