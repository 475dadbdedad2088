#!/usr/bin/env bash
# Builds the Debian package, installs it into a fresh root directory and looks at what an administrator would: the
# service as its user and under systemd, the configuration over upgrade, removal and purge. Two minutes; needs root and
# the network.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ $# -eq 0 ] || usage

fresh=$ROOT/scripts/fresh_root.sh
if ! reason=$("$fresh" check 2>&1); then
  echo "skipped: no fresh root directory, $reason"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dir=$work/root
config=$dir/etc/mqttproxy/mqttproxy.yaml

inside() { "$fresh" run "$dir" "$@"; }
apt() {
  inside apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@"
}
service() { "$fresh" run --offline "$dir" bash /root/service.sh "$1"; }
step() { printf '== %s\n' "$*"; }
expect() { "${@:2}" || die "$1"; } # MESSAGE COMMAND...
absent() { [ ! -e "$1" ]; }
mode() { stat -c '%a %g' "$1"; }

# The package again, with a higher version and another configuration.
make_newer() { # DEB
  dpkg-deb -R "$1" "$work/newer"
  sed -i 's/^Version: .*/&+newer/' "$work/newer/DEBIAN/control"
  echo '# newer' >>"$work/newer/etc/mqttproxy/mqttproxy.yaml"
  dpkg-deb --root-owner-group -b "$work/newer" "$dir/root/newer.deb" >/dev/null
}

# Boots the root with systemd as its first process, which runs tests/packaging/systemd.sh.
boot() {
  cp "$ROOT/tests/packaging/systemd.sh" "$dir/root/"
  cat >"$dir/etc/systemd/system/test.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
ExecStart=/root/systemd.sh
UNIT
  mkdir -p "$dir/etc/systemd/system/default.target.wants"
  ln -s ../test.service "$dir/etc/systemd/system/default.target.wants/test.service"
  timeout --kill-after=10 240 systemd-nspawn --quiet --directory="$dir" --machine="mqttproxy-$$" --boot \
    --register=no --keep-unit --private-network </dev/null >"$work/boot.log" 2>&1 || true
  if [ ! -e "$dir/root/systemd.log" ]; then
    tail -n 5 "$work/boot.log"
    echo "systemd does not boot here: the unit was not tried"
    return
  fi
  cat "$dir/root/systemd.log"
  expect "the service under systemd: see above" [ -e "$dir/root/systemd.ok" ]
}

step build
deb=$("$ROOT/scripts/package.sh")
if have lintian; then lintian --allow-root --fail-on error,warning "$deb"; fi

step "a fresh root"
"$fresh" make "$dir"
cp "$deb" "$dir/root/mqttproxy.deb"
cp "$ROOT/tests/packaging/service.sh" "$dir/root/"
make_newer "$deb"
apt update

step install
apt install /root/mqttproxy.deb
group=$(inside getent group mqttproxy | cut -d: -f3)
expect "the configuration is not for root and mqttproxy only" [ "$(mode "$config")" = "640 $group" ]
expect "the user can log in" inside sh -c 'getent passwd mqttproxy | grep -q ":/nonexistent:/usr/sbin/nologin$"'
expect "the unit is not enabled" [ -L "$dir/etc/systemd/system/multi-user.target.wants/mqttproxy.service" ]
expect "a library is missing" inside sh -c '! ldd /usr/bin/mqttproxy | grep "not found"'
expect "check fails" inside mqttproxy check /etc/mqttproxy/mqttproxy.yaml
service idle

step "upgrade, configuration untouched"
apt install /root/newer.deb
expect "the new configuration is not there" grep -q '^# newer' "$config"
expect "the permissions are lost" [ "$(mode "$config")" = "640 $group" ]

step "upgrade, configuration changed"
cp "$ROOT/config/quickstart.yaml" "$config"
apt install --allow-downgrades /root/mqttproxy.deb mosquitto-clients
apt install /root/newer.deb
expect "the configuration was replaced" cmp -s "$ROOT/config/quickstart.yaml" "$config"
service publish

step systemd
apt install systemd systemd-sysv dbus
boot
cp "$ROOT/config/quickstart.yaml" "$config"

step remove
apt remove mqttproxy
expect "the binary is still there" absent "$dir/usr/bin/mqttproxy"
expect "the configuration is gone" cmp -s "$ROOT/config/quickstart.yaml" "$config"

step "install again and purge"
apt install /root/newer.deb
expect "the configuration was replaced" cmp -s "$ROOT/config/quickstart.yaml" "$config"
apt purge mqttproxy
expect "the configuration is still there" absent "$dir/etc/mqttproxy"
expect "the unit is still enabled" absent "$dir/etc/systemd/system/multi-user.target.wants/mqttproxy.service"
expect "the user is gone" inside getent passwd mqttproxy >/dev/null
echo "package: installed, upgraded, removed, purged"
