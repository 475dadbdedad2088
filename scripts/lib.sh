# Sourced by every script here: where the project is, and a few words they share.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "root or sudo is needed for: $*"
  fi
}

# build PRESET [TARGET...]: configures and builds; everything without a TARGET. Run from anywhere.
build() {
  local preset=$1 launcher=()
  shift
  if have ccache; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cd "$ROOT" || return 1
  cmake --preset "$preset" "${launcher[@]}" || return 1
  if [ $# -gt 0 ]; then set -- --target "$@"; fi
  cmake --build --preset "$preset" -j "$(nproc)" "$@"
}
