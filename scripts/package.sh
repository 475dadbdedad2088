#!/usr/bin/env bash
# Builds the Debian package of this version: build/package/mqttproxy_VERSION_ARCHITECTURE.deb, whose name it prints.
# For the Debian release it is built on, whose libraries it needs.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ $# -eq 0 ] || usage

"$ROOT/scripts/packages.sh" package >&2
"$ROOT/scripts/build.sh" release mqttproxy >&2
rm -rf "$ROOT/build/package"
cpack --config "$ROOT/build/release/CPackConfig.cmake" -B "$ROOT/build/package" >&2
rm -rf "$ROOT/build/package/_CPack_Packages"
ls "$ROOT"/build/package/*.deb
