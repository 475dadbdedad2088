#!/bin/bash
# Runs inside an image's root directory: starts a container's command as its user, asks its health check, stops it.
#   container.sh UID GID HEALTHCHECK COMMAND...     HEALTHCHECK is one word
set -euo pipefail

uid=$1 gid=$2 health=$3
shift 3

die() {
  echo "container.sh: $*" >&2
  exit 1
}
as_user=(setpriv --reuid="$uid" --regid="$gid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all)

if "${as_user[@]}" "$health" 2>/dev/null; then die "the health check is content before there is anything"; fi
HOSTNAME=container "${as_user[@]}" "$@" </dev/null &
daemon=$!
trap 'kill -KILL "$daemon" 2>/dev/null || true' EXIT

deadline=$((SECONDS + 60))
until "${as_user[@]}" "$health" 2>/dev/null; do
  kill -0 "$daemon" 2>/dev/null || die "it has ended"
  [ "$SECONDS" -lt "$deadline" ] || die "the health check is never content"
  sleep 0.1
done
[ "$(stat -c %u "/proc/$daemon")" = "$uid" ] || die "it does not run as $uid"

kill -TERM "$daemon"
code=0
wait "$daemon" || code=$?
trap - EXIT
[ "$code" -eq 0 ] || die "SIGTERM: exit code $code"
