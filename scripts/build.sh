#!/usr/bin/env bash
# Configures and builds a preset of CMakePresets.json into build/PRESET, through ccache where it is installed.
#   build.sh PRESET [TARGET...]     everything without a TARGET
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ $# -ge 1 ] || usage

preset=$1
shift
launcher=()
if have ccache; then
  launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  # Paths below the project count as relative: another clone on this machine finds what this one has compiled.
  export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
fi
if [ $# -gt 0 ]; then set -- --target "$@"; fi
cd "$ROOT"
cmake --preset "$preset" "${launcher[@]}"
cmake --build --preset "$preset" -j "$(nproc)" "$@"
