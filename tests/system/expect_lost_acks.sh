#!/usr/bin/env bash
# The test of the durability tests: against a daemon that acknowledges before Kafka does they must fail, and for the
# reason they exist.
#   expect_lost_acks.sh BINARY PYTHON     BINARY is built by the preset mutation-early-ack
set -euo pipefail
binary=${1:?binary} python=${2:?python}
cd "$(dirname "$0")/../.."

caught() { # TEST MESSAGE
  local output code=0
  output=$(MQTTPROXY_BIN=$binary "$python" -m pytest -q "tests/system/test_durability.py" -k "$1" 2>&1) || code=$?
  if [ "$code" -ne 1 ] || ! grep -q "^E .*$2" <<<"$output"; then
    printf '%s\n' "$output"
    echo "not caught: $1 should have failed with '$2' (pytest ended with $code)" >&2
    exit 1
  fi
  echo "caught: $1"
}

caught test_acked_is_stored_when_the_node_dies_while_kafka_is_away 'acked but not in Kafka'
caught test_nothing_is_acked_while_kafka_is_away 'received 4002, expected d000' # PUBACK where PINGRESP belongs
