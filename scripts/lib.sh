# Sourced by every script here: where the project is, and a few words they share.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

usage() { # prints the calling script's head comment
  sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
  exit 2
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
