#!/usr/bin/env bash
# Static checks of our own C++.
#   lint.sh format     clang-format would change nothing, docs/CONFORMANCE.md is what the code says, docs/PERFORMANCE.md
#                      what the results say
#   lint.sh tidy       clang-tidy (.clang-tidy) on src/, with the compile commands of the release preset
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

sources() { find "$@" -type f \( -name '*.cpp' -o -name '*.hpp' \) -print0 | sort -z; }

case ${1:-} in
  format)
    sources include src tests -not -path '*/build/*' | xargs -0 clang-format --dry-run -Werror
    scripts/conformance.py --check
    tests/bench/report.py --check
    ;;
  tidy)
    [ -f build/release/compile_commands.json ] || die "build the release preset first"
    # One process per file on every core; xargs fails when one of them does.
    # What the release build compiles: a file for one sanitizer only has no compile command here.
    sed -n "s|^ *\"file\": \"\($ROOT/src/.*\)\",*\$|\1|p" build/release/compile_commands.json | sort |
      xargs -d '\n' -n 1 -P "$(nproc)" clang-tidy -quiet -p build/release
    ;;
  *) usage ;;
esac
