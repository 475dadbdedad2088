#!/bin/bash
# Runs inside a root directory that systemd has booted, with the package installed and a configuration that has a Kafka
# inside: the unit, with everything it forbids, and what systemd does with it. Leaves /root/systemd.log, and
# /root/systemd.ok when all is well; then ends the system.
set -euo pipefail

exec >/root/systemd.log 2>&1
trap 'systemctl poweroff' EXIT

unit=mqttproxy.service
configuration=/etc/mqttproxy/mqttproxy.yaml

die() {
  systemctl status --no-pager "$unit" || true
  journalctl --no-pager -o cat -u "$unit" | tail -n 40
  echo "systemd.sh: $*"
  exit 1
}
show() { systemctl show --value -p "$1" "$unit"; }
wait_for() { # PROPERTY VALUE
  local deadline=$((SECONDS + 60))
  until [ "$(show "$1")" = "$2" ]; do
    [ "$SECONDS" -lt "$deadline" ] || die "$1 is $(show "$1"), not $2"
    sleep 0.1
  done
}
publish() { timeout 60 mosquitto_pub -h 127.0.0.1 -i phone1 -u test -P test -q 1 -t gateway/g/iphone/log -m hello; }
metrics() {
  exec 3<>/dev/tcp/127.0.0.1/2381
  printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
  cat <&3
  exec 3>&-
}
override() { # LINE...: instead of those before
  mkdir -p "/run/systemd/system/$unit.d"
  printf '%s\n' '[Service]' "$@" >"/run/systemd/system/$unit.d/test.conf"
  systemctl daemon-reload
}

systemctl restart "$unit" || die "it does not start"
[ "$(show ActiveState)" = active ] || die "it is not active"
wait_for StatusText ready
publish || die "the message was not acknowledged"

pid=$(show MainPID)
[ "$(stat -c %U "/proc/$pid")" = mqttproxy ] || die "it does not run as mqttproxy"
grep -q '^CapBnd:.0*$' "/proc/$pid/status" || die "it has capabilities"

systemctl reload "$unit" || die "reload fails"
[ "$(show MainPID)" = "$pid" ] || die "reload is a restart"
publish || die "the message was not acknowledged after a reload"

echo "-- killed: it is back"
kill -KILL "$pid"
wait_for NRestarts 1
wait_for StatusText ready
publish || die "the message was not acknowledged after a restart"

echo "-- hanging: the watchdog ends it, and it is back"
override WatchdogSec=1s TimeoutAbortSec=1s
systemctl restart "$unit"
wait_for StatusText ready
kill -STOP "$(show MainPID)"
wait_for NRestarts 1
wait_for StatusText ready

echo "-- stopped: at once and clean"
systemctl stop "$unit"
[ "$(show Result)" = success ] || die "stop: $(show Result)"

echo "-- a drain that is longer than TimeoutStopSec"
sed -i 's/backend: \[embedded\]/backend: ["127.0.0.1:1"]/' "$configuration"
printf '%s\n' 'kind: Node' 'limits: {drainTimeout: 4s}' --- | cat - <(sed '1,/^---$/d' "$configuration") >/root/new.yaml
cat /root/new.yaml >"$configuration"
override TimeoutStopSec=1s
systemctl start "$unit" || die "it does not start without Kafka"
case $(show StatusText) in 'not ready: '*) ;; *) die "status: $(show StatusText)" ;; esac
publish &
deadline=$((SECONDS + 60))
until metrics | grep -q '^mqttproxy_unacked 1'; do
  [ "$SECONDS" -lt "$deadline" ] || die "nothing waits for its acknowledgement"
  sleep 0.1
done
systemctl stop "$unit"
[ "$(show Result)" = exit-code ] || die "stop: $(show Result), not its own exit code"
[ "$(show ExecMainStatus)" = 1 ] || die "exit code $(show ExecMainStatus)"

echo "-- a configuration that is wrong: no restarts"
echo 'kind: Nothing' >"$configuration"
if systemctl start "$unit"; then die "it starts with a wrong configuration"; fi
[ "$(show ActiveState)" = failed ] || die "it is $(show ActiveState)"

touch /root/systemd.ok
