#!/usr/bin/env bash
# Carries out docker/Dockerfile without Docker – every RUN of it, in fresh root directories – and starts what a
# container would: as its user, on a file system that cannot be written. Some minutes, most of them for packages; needs
# root and the network.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ $# -eq 0 ] || usage

if ! reason=$("$ROOT/scripts/fresh_root.sh" check 2>&1); then
  echo "skipped: no fresh root directory, $reason"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What is compiled there comes from this machine's compiler cache, where there is one: only the paths differ.
cache=()
if have ccache; then
  from=$(ccache --get-config cache_dir)
  mkdir -p "$from"
  cache=(--bind "$from:/root/.cache/ccache")
fi

python3 "$ROOT/tests/packaging/dockerfile.py" "$ROOT/docker/Dockerfile" "$ROOT" "$work" "${cache[@]}"

field() { # NAME SEPARATOR
  python3 -c 'import json, sys; print(*json.load(open(sys.argv[1]))[sys.argv[2]], sep=sys.argv[3])' \
    "$work/image.json" "$@"
}
image=$(field root '')
user=$(field user '')
mapfile -t start < <(field start $'\n')
[ "$(field ports ' ')" = "1883 2381" ] || die "which ports?"
[ "${user%:*}" -ne 0 ] || die "it would run as root"

echo "== start"
mount_point=$image/etc/mqttproxy
# As compose.yaml has it. Nobody is called kafka here: it waits.
install -m 644 "$ROOT/docker/mqttproxy.yaml" "$ROOT/docker/api-token" "$mount_point/"
chmod 755 "$mount_point"
install -m 755 "$ROOT/tests/packaging/container.sh" "$image/container.sh"
"$ROOT/scripts/fresh_root.sh" run --offline --read-only "$image" \
  /container.sh "${user%:*}" "${user#*:}" "$(field health ' ')" "${start[@]}"
echo "image: built, started, healthy, stopped"
