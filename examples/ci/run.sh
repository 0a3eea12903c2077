#!/usr/bin/env bash
# Starts a real Gitea with its runner and Portcall, and shows the build that a push starts. --exit: stop at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=ci
. examples/common.sh

say "installing what is missing, building"
build_portcall ci
registry="localhost:$(port_from 5000)" debug="localhost:$(port_from 5001)" gitea_port=$(port_from 3000)

say "starting Gitea and its runner on http://127.0.0.1:$gitea_port (the first time they are built, for some minutes)"
rm -rf "$home/gitea" "$home/data" # each run begins with no builds and an empty registry
: >"$home/gitea.out"
PYTHONPATH=tests python3 -m harness.gitea "$home/gitea" "$gitea_port" >"$home/gitea.out" 2>"$home/gitea.log" &
gitea=$!
pids+=("$gitea")
gitea_ready() {
  kill -0 "$gitea" 2>/dev/null || { cat "$home/gitea.log" >&2; exit 1; }
  [[ -s "$home/gitea.out" ]]
}
within 1800 "Gitea" gitea_ready

say "starting Portcall with examples/ci/config.yml"
# What the file says may be overridden as Distribution's file is: here the token, and where a port was taken.
export REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$home/data" REGISTRY_HTTP_ADDR="$registry" REGISTRY_HTTP_DEBUG_ADDR="$debug"
export REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL="http://127.0.0.1:$gitea_port"
REGISTRY_NOTIFICATIONS_ENDPOINTS_0_TOKEN=$(<"$home/gitea.out")
export REGISTRY_NOTIFICATIONS_ENDPOINTS_0_TOKEN
start_portcall examples/ci/config.yml
make_image

builds="$home/gitea/builds.log"
count() { grep -c '^build ' "$builds" 2>/dev/null || true; }
built() { [[ "$(count)" == "$1" ]]; }

say "pushing acme/hello:v1 with skopeo; what the build says:"
push acme/hello:v1
within 60 "the build" built 1
cat "$builds"

say "pushing the same image again, pulling it, and pushing what belongs to another team"
push acme/hello:v1
push other/hello:v1
rm -rf "$home/pulled"
skopeo copy -q --src-tls-verify=false "docker://$registry/acme/hello:v1" "oci:$home/pulled:v1"
within 30 "the log" nothing_pending
echo "builds: $(count)"

say "tagging it acme/hello:v2; what the build says:"
push acme/hello:v2
within 60 "the build" built 2
sed -n '/^build 2,/,$p' "$builds"

say "its runs: http://127.0.0.1:$gitea_port/ci/deploy/actions"
finish
