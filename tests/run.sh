#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests; the last line counts them.
set -uo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'EOF'
usage: tests/run.sh [--preset dev|release|asan|tsan] [--list] [--no-build] [SUITE[/TEST] ...]
  SUITE   a C++ suite (runtime http config store blobs sinks kafka ci audit registry broker app fuzz) or lint, e2e, examples, crash, abuse; default: all
  TEST    a part of a test's name: store/Writer, e2e/skopeo
EOF
}

preset=dev list=0 do_build=1 wanted=()
while (($#)); do
  case "$1" in
    --preset) preset="${2:?--preset needs a name}"; shift ;;
    --preset=*) preset="${1#*=}" ;;
    --list) list=1 ;;
    --no-build) do_build=0 ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) wanted+=("$1") ;;
  esac
  shift
done
[[ "$preset" =~ ^(dev|release|asan|tsan)$ ]] || { usage >&2; exit 2; }

python_suites=(lint e2e examples crash abuse)
((${#wanted[@]})) || wanted=(cpp "${python_suites[@]}")
build="build/$preset"
passed=0 failed=0 skipped=0 status=0

tests/setup.sh test || exit 1
if ((do_build)); then
  cmake --preset "$preset" >/dev/null || { echo "run.sh: cmake --preset $preset failed" >&2; exit 1; }
  cmake --build "$build" -j2 || exit 1
fi
export PORTCALL_BINARY="$PWD/$build/app/portcall" PORTCALL_BUILD="$PWD/$build"
export ASAN_OPTIONS="detect_stack_use_after_return=0:${ASAN_OPTIONS-}" UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"

# Adds a JUnit file's counts; a suite that left none has failed as a whole.
count() {
  local counts
  counts=$(/usr/bin/python3 - "$1" <<'EOF'
import sys
import xml.etree.ElementTree as tree
try:
    cases = list(tree.parse(sys.argv[1]).getroot().iter("testcase"))
except (OSError, tree.ParseError):
    print(0, 1, 0)
    sys.exit()
bad = sum(1 for c in cases if c.find("failure") is not None or c.find("error") is not None)
skip = sum(1 for c in cases if c.find("skipped") is not None)
print(len(cases) - bad - skip, bad, skip)
EOF
  )
  local p f s
  read -r p f s <<<"$counts"
  ((passed += p, failed += f, skipped += s))
}

run_cpp() {  # $1: a regular expression over the tests' names
  if ((list)); then
    ctest --test-dir "$build" -N -R "$1" | sed -n 's/^ *Test *#[0-9]*: //p'
    return
  fi
  local report="$PWD/$build/ctest.xml"
  rm -f "$report"
  ctest --test-dir "$build" -j2 --output-on-failure --no-tests=error -R "$1" --output-junit "$report" | grep -v ' Passed ' || true
  count "$report"
}

run_python() {  # $1: folder, $2: a part of the name
  local report="$PWD/$build/$1.xml" workers=2
  [[ "$1" == crash || "$1" == examples ]] && workers=0  # examples take the usual ports
  local arguments=(-q -p no:cacheprovider "tests/$1" -k "${2:-}")
  [[ "$1" == crash ]] && arguments+=(-s)  # its ledger's counts are worth reading
  [[ "$1" == abuse ]] && arguments+=(--dist loadgroup)  # what needs a broker shares one
  if ((list)); then
    /usr/bin/python3 -m pytest "${arguments[@]}" --collect-only 2>/dev/null | grep '::'
    return
  fi
  rm -f "$report"
  /usr/bin/python3 -m pytest "${arguments[@]}" -n "$workers" -rfEs --junit-xml "$report" || true
  count "$report"
}

for entry in "${wanted[@]}"; do
  suite="${entry%%/*}" test=""
  [[ "$entry" == */* ]] && test="${entry#*/}"
  case "$suite" in
    cpp) run_cpp '.' ;;
    lint | e2e | examples | crash | abuse) run_python "$suite" "$test" ;;
    *) run_cpp "^$suite/.*$test" ;;
  esac
done
((list)) && exit 0

((failed || passed == 0)) && status=1
echo
echo "$passed passed, $failed failed, $skipped skipped"
exit $status
