#!/usr/bin/env bash
# From a fresh clone to a running mqttproxy with a Kafka inside: installs packages, builds, runs config/quickstart.yaml
# and prints what to paste into a second terminal. Ctrl-C ends it.
#   quickstart.sh            MQTT on 127.0.0.1:1883, API on 127.0.0.1:2381
#   quickstart.sh --smoke    on free ports; pastes the lines itself, checks the record, stops
set -euo pipefail
. "$(dirname "$0")/lib.sh"

smoke=false
case ${1:-} in
  '') ;;
  --smoke) smoke=true ;;
  *) usage ;;
esac

work=$ROOT/build/quickstart
config=$ROOT/config/quickstart.yaml
log=$work/mqttproxy.log
daemon=

stop_daemon() {
  [ -n "$daemon" ] || return 0
  kill -TERM "$daemon" 2>/dev/null || true
  local code=0
  wait "$daemon" || code=$?
  daemon=
  return "$code"
}

# The address=HOST:PORT on the first line of the daemon's log that holds the event EVENT.
address_of() { # EVENT
  sed -n "s/.* $1 .*\\baddress=\\([0-9.]*:[0-9]*\\).*/\\1/p" "$log" | head -n 1
}

start_daemon() {
  mkdir -p "$work"
  if $smoke; then
    sed -e 's/^port: .*/port: 0/' -e 's/\(127\.0\.0\.1\):2381/\1:0/' "$config" >"$work/smoke.yaml"
    config=$work/smoke.yaml
  fi
  : >"$log"
  "$ROOT/build/release/mqttproxy" --config "$config" </dev/null >>"$log" 2>&1 &
  daemon=$!
  local deadline=$((SECONDS + 60))
  until grep -q ' started ' "$log"; do
    if ! kill -0 "$daemon" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      cat "$log" >&2
      die "mqttproxy did not start"
    fi
    sleep 0.1
  done
}

publish_command() {
  local mqtt
  mqtt=$(address_of 'listening proxy=mqttproxy')
  echo "mosquitto_pub -h ${mqtt%:*} -p ${mqtt##*:} -i phone1 -u test -P test -q 1" \
    "-t gateway/gate123/iphone/log -m hello"
}
subscribe_command() {
  local mqtt
  mqtt=$(address_of 'listening proxy=mqttproxy')
  echo "mosquitto_sub -h ${mqtt%:*} -p ${mqtt##*:} -i phone2 -u test -P test -q 1 -t phones/+/alert"
}
post_command() {
  local body='{"topic": "phones/phone2/alert", "qos": 1, "payload": "hello"}'
  echo "curl -sS -d '$body' http://$(address_of 'api listening')/apis/v1/mqttproxy/mqttproxy/topics/publish"
}
read_command() { echo "kcat -C -b $(address_of 'embedded kafka') -t iot_phone -o beginning -e -q -J"; }

show() {
  cat "$log"
  cat <<TEXT

mqttproxy is running, with a Kafka of its own inside (nothing in it survives a restart).
Paste into a second terminal – a phone behind a gateway publishes; mosquitto_pub ends when the record is in Kafka:

  $(publish_command)

and read it as any Kafka consumer would – topic, key and headers come from config/quickstart.yaml:

  $(read_command)

And the other way: a phone that subscribes in one terminal, a backend that posts in another:

  $(subscribe_command)
  $(post_command)

Health: http://$(address_of 'api listening')/readyz   Metrics: http://$(address_of 'api listening')/metrics
Ctrl-C stops it.

TEXT
}

expect() { # TEXT WHAT
  case $record in
    *"$1"*) ;;
    *) die "the record has no $2 ($1): $record" ;;
  esac
}

run_smoke() {
  echo "+ $(publish_command)"
  timeout 30 $(publish_command) </dev/null || die "publishing failed"
  echo "+ $(read_command)"
  record=$(timeout 30 $(read_command) </dev/null) || die "reading failed"
  echo "$record"
  expect '"topic":"iot_phone"' topic
  expect '"key":"phone1"' key
  expect '"payload":"hello"' payload
  expect '"gatewayID","gate123"' header
  echo "+ $(subscribe_command) -C 1"
  timeout 30 $(subscribe_command) -C 1 </dev/null >"$work/received" &
  local subscriber=$! deadline=$((SECONDS + 30))
  until grep -q '^mqttproxy_subscriptions 1' <<<"$(curl -sS "http://$(address_of 'api listening')/metrics")"; do
    [ "$SECONDS" -lt "$deadline" ] || die "the subscription does not show in /metrics"
    sleep 0.1
  done
  echo "+ $(post_command)"
  timeout 30 bash -c "$(post_command)" || die "posting failed"
  wait "$subscriber" || die "no message has come"
  record=$(cat "$work/received")
  echo "$record"
  expect hello "message posted"
  stop_daemon || die "mqttproxy ended with $?"
  echo "quickstart: the record is in Kafka, the message has reached its subscriber"
}

"$ROOT/scripts/packages.sh" run
"$ROOT/scripts/build.sh" release mqttproxy
trap 'stop_daemon || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
start_daemon
show
if $smoke; then
  run_smoke
else
  tail -q -n 0 -f --pid="$daemon" "$log" &
  wait "$daemon"
fi
