#!/usr/bin/env bash
# A minimal Debian root directory, to try what a machine would show that has nothing of ours.
#   fresh_root.sh check               says why there can be none, if so, with exit code 1
#   fresh_root.sh make DIR            this machine's Debian release from this machine's package sources
#   fresh_root.sh run [OPTION...] DIR COMMAND...    in it, with this machine's network and nothing of its environment
#     --offline         with a loopback device of its own and no other network
#     --read-only       with nothing that can be written
#     --bind FROM:TO    with this machine's folder FROM at TO
# Everything a command starts and mounts ends with it, so that DIR can be deleted like any other. debootstrap runs once:
# its result is kept in build/fresh-root.tar.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

isolated=(unshare --mount --pid --fork --kill-child)

check() {
  [ "$(id -u)" -eq 0 ] || die "only root can"
  have debootstrap || die "debootstrap is not installed"
  "${isolated[@]}" --net true 2>/dev/null || die "this process may not make namespaces"
}

bootstrap() { # DIR
  local mirror
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | sed -n 1p)
  [ -n "$mirror" ] || die "no package sources here; apt-get update comes first"
  debootstrap --variant=minbase "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$1" "$mirror" >&2
  : >"$1/etc/apt/sources.list"
}

# Names, package sources and the certificates and settings they need.
copy_settings() { # DIR
  local path
  for path in /etc/resolv.conf /etc/hosts /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d \
    /etc/apt/auth.conf.d /usr/share/keyrings /etc/ssl/certs /usr/local/share/ca-certificates; do
    [ ! -e "$path" ] || cp -rL --parents "$path" "$1" 2>/dev/null || true
  done
}

make() { # DIR
  [ ! -e "$1" ] || die "$1 is there already"
  local kept=$ROOT/build/fresh-root.tar
  mkdir -p "$(dirname "$1")" "$ROOT/build"
  if [ -f "$kept" ]; then
    mkdir "$1"
    tar -C "$1" -xf "$kept"
  else
    bootstrap "$1"
    tar -C "$1" -cf "$kept.part" .
    mv "$kept.part" "$kept"
  fi
  copy_settings "$1"
}

run() { # OPTION... DIR COMMAND...
  local spaces=() offline=0 read_only=0 bind=
  while :; do
    case ${1:-} in
      --offline) spaces=(--net) offline=1 ;;
      --read-only) read_only=1 ;;
      --bind)
        bind=$2
        shift
        ;;
      *) break ;;
    esac
    shift
  done
  [ $# -ge 2 ] || usage
  local dir=$1 keep
  shift
  # What reaches package sources through a proxy here does so there.
  mapfile -t keep < <(env | grep -iE '^(https?|ftp|no)_proxy=' || true)
  # shellcheck disable=SC2016
  "${isolated[@]}" "${spaces[@]}" bash -c '
    set -e
    dir=$1 offline=$2 read_only=$3 bind=$4
    shift 4
    if [ "$offline" = 1 ]; then ip link set lo up; fi
    mount --bind "$dir" "$dir"
    if [ "$read_only" = 1 ]; then mount -o remount,bind,ro "$dir"; fi
    mount -t proc proc "$dir/proc"
    mount --rbind /dev "$dir/dev"
    if [ -n "$bind" ]; then mkdir -p "$dir${bind#*:}" && mount --bind "${bind%%:*}" "$dir${bind#*:}"; fi
    exec chroot "$dir" "$@"
  ' -- "$dir" "$offline" "$read_only" "$bind" /usr/bin/env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${keep[@]}" "$@"
}

[ $# -ge 1 ] || usage
command=$1
shift
case $command/$# in
  check/0) check ;;
  make/1) make "$1" ;;
  run/0 | run/1) usage ;;
  run/*) run "$@" ;;
  *) usage ;;
esac
