#!/usr/bin/env bash
# Runs inside a root directory in which the package is installed: does what systemd would do with the unit, and looks at
# what answers.
#   service.sh idle       the configuration as installed, without a Kafka
#   service.sh publish    the configuration has a Kafka inside and lets user test in
set -euo pipefail

unit=/lib/systemd/system/mqttproxy.service
log=$(mktemp)
daemon=
trap '[ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null || true; cat "$log" >&2' EXIT

die() {
  echo "service.sh: $*" >&2
  exit 1
}

value() { sed -n "s/^$1=//p" "$unit"; }

get() { # PATH: status line, headers and body
  exec 3<>/dev/tcp/127.0.0.1/2381 || return 1
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
  cat <&3
  exec 3<&- 3>&-
}

answers() { # PATH TEXT
  local deadline=$((SECONDS + 60))
  until get "$1" 2>/dev/null | grep -q -- "$2"; do
    kill -0 "$daemon" 2>/dev/null || die "the service has ended"
    [ "$SECONDS" -lt "$deadline" ] || die "GET $1 does not answer $2"
    sleep 0.1
  done
}

# The words of ExecStart hold no quotes.
# shellcheck disable=SC2046
setpriv --reuid="$(value User)" --regid="$(value Group)" --clear-groups --no-new-privs --bounding-set=-all \
  --inh-caps=-all $(value ExecStart) </dev/null >>"$log" 2>&1 &
daemon=$!

answers /healthz '200 OK'
case ${1:-} in
  idle) answers /readyz 503 ;;
  publish)
    answers /readyz '200 OK'
    timeout 60 mosquitto_pub -h 127.0.0.1 -i phone1 -u test -P test -q 1 -t gateway/g/iphone/log -m hello ||
      die "the message was not acknowledged"
    get /metrics | grep -q '^mqttproxy_publish_outcomes_total{qos="1",outcome="stored"} 1' || die "nothing was stored"
    ;;
  *) die "idle or publish?" ;;
esac
[ "$(stat -c %U "/proc/$daemon")" = mqttproxy ] || die "it does not run as mqttproxy"

kill -TERM "$daemon"
code=0
wait "$daemon" || code=$?
daemon=
[ "$code" -eq 0 ] || die "SIGTERM: exit code $code"
