#!/usr/bin/env bash
# Installs the peers, builds the release binary and the tools, measures, and prints ratios:
#   run.sh [--quick | --full] [NAME ...]     against docker-registry, nginx and the machine
#   run.sh --against BINARY [...]   against another build of Portcall
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/setup.sh bench
[[ -f build/release/build.ninja ]] || cmake --preset release >/dev/null
cmake --build build/release --target portcall bench_receiver bench_loadgen bench_append bench_growth bench_audit bench_parts -j"$(nproc)"
export PORTCALL_BINARY="$PWD/build/release/app/portcall" PORTCALL_BUILD="$PWD/build/release" PYTHONPATH="$PWD/tests:$PWD/tests/bench"
if [[ "${1-}" == --against ]]; then
  exec /usr/bin/python3 tests/bench/compare.py "${@:2}"
fi
exec /usr/bin/python3 tests/bench/main.py "$@"
