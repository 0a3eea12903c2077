#!/usr/bin/env bash
# Installs what is missing on Debian 12, and nothing else: setup.sh [build] [quickstart] [kafka] [ci] [test] [bench]
set -euo pipefail

build=(clang-19 lld-19 llvm-19 libclang-rt-19-dev libboost1.81-dev libboost-url1.81-dev libsqlite3-dev
  prometheus-cpp-dev nlohmann-json3-dev libyaml-cpp-dev libre2-dev libcli11-dev libgtest-dev libgmock-dev
  libssl-dev librdkafka-dev libjemalloc-dev zlib1g-dev pkg-config ccache cmake ninja-build)
quickstart=(skopeo umoci python3 curl)
kafka=(maven openjdk-17-jre-headless kcat openssl)  # a real broker, its jars by Maven, and a consumer
ci=(gcc git python3-venv webhook)                  # Gitea and its runner are built, Buildbot is installed, once
command -v go >/dev/null || ci+=(golang-go)
tests=(clang-tidy-19 clang-format-19 python3 python3-pytest python3-pytest-xdist skopeo umoci podman buildah containerd
  docker.io prometheus docker-registry curl jq openssl e2fsprogs strace tinyproxy microsocks "${kafka[@]}" "${ci[@]}")
bench=(docker-registry nginx wrk python3 "${kafka[@]}")

wanted=()
for part in "${@:-build}"; do
  case "$part" in
    build) wanted+=("${build[@]}") ;;
    quickstart) wanted+=("${build[@]}" "${quickstart[@]}") ;;
    test) wanted+=("${build[@]}" "${tests[@]}") ;;
    kafka) wanted+=("${kafka[@]}") ;;
    ci) wanted+=("${ci[@]}") ;;
    bench) wanted+=("${build[@]}" "${bench[@]}") ;;
    *) echo "setup.sh: unknown part '$part' (build, quickstart, kafka, ci, test, bench)" >&2; exit 2 ;;
  esac
done

# One query for all. What dpkg has never heard of goes to its stderr and stays out of the list.
installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "${wanted[@]}" 2>/dev/null || true)"
missing=()
for package in "${wanted[@]}"; do
  [[ "$installed" == *" installed:$package "* || " ${missing[*]-} " == *" $package "* ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

if ((EUID != 0)); then
  echo "setup.sh: missing packages, and only root can install them. Run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

# Debian starts the services that it installs (docker, containerd, nginx, a registry on port 5000): not here.
guard=/usr/sbin/policy-rc.d
if [[ ! -e $guard ]]; then
  trap 'rm -f "$guard"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$guard"
  chmod 755 "$guard"
fi
export DEBIAN_FRONTEND=noninteractive
echo "setup.sh: installing ${missing[*]}"
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
