#!/usr/bin/env bash
# Installs what is missing, builds, tests, and says how each stage went. Needs no terminal.
#   test.sh           unit and component tests, the running daemon, the running daemon with a real Kafka, the commands of
#                     README and GETTING_STARTED
#   test.sh --all     and again under sanitizers; fuzzing, linting, the status page in a browser, the quick start,
#                     the Debian package and the Dockerfile, and the test of the tests
# Logs: build/test-logs/. Exit code 0 when every stage passed; the last line counts stages.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

all=false
case ${1:-} in
  '') ;;
  --all) all=true ;;
  *) usage ;;
esac

cd "$ROOT" || exit 1
exec </dev/null
logs=$ROOT/build/test-logs
mkdir -p "$logs"
python=$ROOT/build/venv/bin/python

names=()
declare -A result seconds detail started limits pids

interrupted() {
  [ "${#pids[@]}" -eq 0 ] || kill -TERM "${pids[@]}" 2>/dev/null
  exit 130
}
trap interrupted INT TERM

# What a test runner said last, for the table.
summary_of() { # LOG
  sed -nE -e 's/^=+ (.*(passed|failed|error).*) =+$/\1/p' -e 's/^([0-9]+% tests passed.*)$/\1/p' \
    -e 's/^((caught|package|image|skipped): .*)$/\1/p' \
    -e 's/^([0-9]+ steps within the budget|not compared: .*)$/\1/p' "$1" | tail -n 1
}

# begin NAME TIME-OUT NEEDS COMMAND...: starts COMMAND, unless a stage among NEEDS (comma separated) did not pass.
begin() {
  local name=$1 need
  names+=("$name")
  limits[$name]=$2 seconds[$name]=0 started[$name]=$SECONDS
  for need in ${3//,/ }; do
    if [ "${result[$need]}" != passed ]; then
      result[$name]=failed
      detail[$name]="not run: $need failed"
      return
    fi
  done
  printf '== %s\n' "$name"
  timeout --kill-after=30 "$2" "${@:4}" >"$logs/$name.log" 2>&1 &
  pids[$name]=$!
}

# finish NAME: waits for what begin NAME started.
finish() {
  local name=$1 code=0
  [ -n "${pids[$name]:-}" ] || return 0
  wait "${pids[$name]}" || code=$?
  unset "pids[$name]"
  seconds[$name]=$((SECONDS - started[$name]))
  detail[$name]=$(summary_of "$logs/$name.log")
  if [ "$code" -eq 0 ]; then
    result[$name]=passed
    return
  fi
  result[$name]=failed
  [ "$code" -ne 124 ] || detail[$name]="not done after ${limits[$name]} s"
  printf '%s\n' "-- $name failed (exit code $code), the end of $logs/$name.log:"
  tail -n 100 "$logs/$name.log"
}

stage() { # NAME TIME-OUT NEEDS COMMAND...
  begin "$@"
  finish "$1"
}

begin_pytest() { # NAME TIME-OUT NEEDS FOLDER BINARY
  begin "$1" "$2" "$3" env MQTTPROXY_BIN="$ROOT/build/$5/mqttproxy" \
    "$python" -m pytest -p no:cacheprovider --basetemp="$ROOT/build/test-data/$1" "tests/$4"
}

pytest() {
  begin_pytest "$@"
  finish "$1"
}

report() {
  local name passed=0 failed=0
  printf '\n%-22s %-7s %8s  %s\n' stage result seconds detail
  for name in "${names[@]}"; do
    printf '%-22s %-7s %8d  %s\n' "$name" "${result[$name]}" "${seconds[$name]}" "${detail[$name]}"
    if [ "${result[$name]}" = passed ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  done
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}

mkdir -p "$ROOT/build/test-data"
stage packages 900 '' scripts/packages.sh "$($all && echo all || echo test)"
stage build 1800 packages scripts/build.sh release
stage unit 600 build ctest --preset release -j "$(nproc)" --no-tests=error
stage python 300 packages bash -c \
  'python3 -m venv build/venv && build/venv/bin/python -m pip install -q -r tests/requirements.txt'
stage kafka 600 packages tests/kafka/kafka.sh fetch
pytest integration 600 build,python integration release
# Linting takes the time in which the system tests wait for Kafka to start, die and come back.
if $all; then begin tidy 2400 build nice -n 10 scripts/lint.sh tidy; fi
pytest system 1800 build,python,kafka system release
pytest docs 600 build,python,kafka docs release

if $all; then
  finish tidy
  stage format 120 packages scripts/lint.sh format
  stage micro 600 build scripts/bench.sh --micro
  stage unit-bench 600 build bash -c \
    'cmake --preset release -DMQTTPROXY_BENCH=ON && scripts/build.sh release unit_bench && build/release/tests/unit_bench'
  pytest bench 120 build,python bench release
  for sanitizer in asan tsan; do
    stage "build-$sanitizer" 1800 packages scripts/build.sh "$sanitizer"
    stage "unit-$sanitizer" 900 "build-$sanitizer" ctest --preset "$sanitizer" -j "$(nproc)" --no-tests=error
  done
  # These wait more than they work.
  begin build-fuzz 1800 packages nice -n 10 scripts/build.sh fuzz fuzz_targets
  begin_pytest integration-asan 1200 build-asan,python integration asan
  pytest integration-tsan 1200 build-tsan,python integration tsan
  finish integration-asan
  finish build-fuzz
  stage mqtt.js 300 packages bash -c \
    'mkdir -p build/mqtt.js && cp tests/foreign/package.json build/mqtt.js/ && cd build/mqtt.js &&
     npm install --no-package-lock --ignore-scripts --no-audit --no-fund'
  pytest foreign 600 build,python,mqtt.js foreign release
  pytest browser 600 build,python browser release
  stage fuzz 600 build-fuzz tests/fuzz/run.sh build/fuzz 30
  stage build-mutation 900 packages scripts/build.sh mutation-early-ack mqttproxy
  stage mutation 600 build-mutation,python,kafka \
    tests/system/expect_lost_acks.sh "$ROOT/build/mutation-early-ack/mqttproxy" "$python"
  stage quickstart 900 build scripts/quickstart.sh --smoke
  stage package 600 build scripts/package_test.sh
  stage image 1800 build scripts/image_test.sh
fi
report
