#!/usr/bin/env bash
# Installs the Debian packages this project needs; what is there already is left alone, so a second run is quick.
#   packages.sh build      what building needs
#   packages.sh package    build, and what scripts/package.sh needs
#   packages.sh run        build, and the command line clients of the quick start
#   packages.sh test       run, and what scripts/test.sh needs: Python, a Java runtime and Maven for a real Kafka, load
#                          balancers and Prometheus, for its promtool (Debian starts them when it has installed them),
#                          tools for network namespaces and systemd's units
#   packages.sh bench      build, and what scripts/bench.sh needs: Kafka, a peer (Debian starts mosquitto when it has
#                          installed it)
#   packages.sh all        package and test, and what `scripts/test.sh --all` needs: clang for fuzzing and
#                          linting, root directories to install into, a browser
set -euo pipefail
. "$(dirname "$0")/lib.sh"

build=(ca-certificates g++ cmake ninja-build pkg-config ccache libboost1.81-dev libyaml-cpp-dev librdkafka-dev
  nlohmann-json3-dev libssl-dev libcpp-httplib-dev libspdlog-dev libre2-dev libjemalloc-dev libcli11-dev prometheus-cpp-dev
  libsystemd-dev libgtest-dev libgmock-dev)
packaging=(dpkg-dev file)
run=(mosquitto-clients kcat curl)
test=(python3 python3-venv procps default-jre-headless maven haproxy nginx libnginx-mod-stream iproute2 systemd prometheus)
bench=(python3 python3-venv openssl default-jre-headless maven mosquitto valgrind)
all=(clang clang-tidy clang-format libclang-rt-14-dev llvm debootstrap lintian systemd-container
  man-db bash-completion valgrind chromium chromium-driver)
# Node.js may be there without being Debian's, whose packages would then be in conflict with it.
if ! have npm; then all+=(nodejs npm); fi

case ${1:-} in
  build) wanted=("${build[@]}") ;;
  package) wanted=("${build[@]}" "${packaging[@]}") ;;
  run) wanted=("${build[@]}" "${run[@]}") ;;
  test) wanted=("${build[@]}" "${run[@]}" "${test[@]}") ;;
  bench) wanted=("${build[@]}" "${bench[@]}") ;;
  all) wanted=("${build[@]}" "${packaging[@]}" "${run[@]}" "${test[@]}" "${all[@]}") ;;
  *) usage ;;
esac

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=()
for package in "${wanted[@]}"; do
  installed "$package" || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

have apt-get || die "no apt-get here; please install by hand: ${missing[*]}"
echo "installing: ${missing[*]}"
as_root apt-get -q -o DPkg::Lock::Timeout=300 update
as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install "${missing[@]}"
