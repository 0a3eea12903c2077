#!/usr/bin/env bash
# Builds Portcall and shows an image's push, pull and delete arriving at a receiver. --exit: stop at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

stay=1
case "${1-}" in
  "") ;;
  --exit) stay=0 ;;
  *) echo "usage: examples/quickstart.sh [--exit]" >&2; exit 2 ;;
esac

say() { printf '\n== %s\n' "$*"; }

say "installing what is missing, building"
tests/setup.sh quickstart
[[ -f build/release/build.ninja ]] || cmake --preset release >/dev/null
cmake --build build/release --target portcall -j"$(nproc)"

home="$PWD/build/quickstart"
mkdir -p "$home"

taken() { (exec 3<>"/dev/tcp/localhost/$1") 2>/dev/null; }
port_from() {
  local port=$1
  while taken "$port"; do port=$((port + 10)); done
  echo "$port"
}
registry="localhost:$(port_from 5000)" debug="localhost:$(port_from 5001)" receiver_port=$(port_from 5002)

pids=()
stop() {
  ((${#pids[@]})) || return 0
  kill "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
  pids=()
}
trap stop EXIT
trap 'exit 130' INT TERM

say "starting a receiver on localhost:$receiver_port and Portcall with examples/quickstart.yml"
python3 examples/receiver.py "$receiver_port" &
pids+=($!)
until taken "$receiver_port"; do sleep 0.05; done
# What quickstart.yml says may be overridden as Distribution's file is: here, where a port was taken.
export REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$home/data" REGISTRY_HTTP_ADDR="$registry" REGISTRY_HTTP_DEBUG_ADDR="$debug"
export REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL="http://localhost:$receiver_port/events"
build/release/cli/portcall serve examples/quickstart.yml >"$home/portcall.log" 2>&1 &
server=$!
pids+=("$server")
for _ in $(seq 200); do
  curl -fso /dev/null "http://$registry/v2/" && break
  kill -0 "$server" 2>/dev/null || { cat "$home/portcall.log" >&2; exit 1; }
  sleep 0.1
done
curl -fsSo /dev/null "http://$registry/v2/"

export XDG_RUNTIME_DIR="$home"
image="$home/image"
if [[ ! -f "$image/index.json" ]]; then
  rm -rf "$image"
  umoci init --layout "$image"
  umoci new --image "$image:v1"
  printf 'hello\n' >"$home/hello.txt"
  umoci insert --image "$image:v1" "$home/hello.txt" /hello.txt
fi

metrics() { curl -fsS "http://$debug/metrics"; }
# Every notification has been answered when nothing is pending; the gauge is some 50 ms behind.
arrived() {
  sleep 0.3
  for _ in $(seq 100); do
    grep -q '^registry_notifications_pending{.*} 0$' <<<"$(metrics)" && return
    sleep 0.1
  done
  echo "notifications are late; see $home/portcall.log" >&2
  exit 1
}

say "pushing acme/hello:v1 with skopeo"
skopeo copy -q --dest-tls-verify=false "oci:$image:v1" "docker://$registry/acme/hello:v1"
arrived
say "pulling it"
rm -rf "$home/pulled"
skopeo copy -q --src-tls-verify=false "docker://$registry/acme/hello:v1" "oci:$home/pulled:v1"
arrived
say "deleting its tag"
curl -fsS -X DELETE "http://$registry/v2/acme/hello/manifests/v1"
arrived

say "what the metrics page says (http://$debug/metrics)"
metrics | grep -E '^(registry_notifications_pending|registry_notifications_(retries_count|http_latency_seconds|total_latency_seconds)_(sum|count))'

say "up: registry http://$registry, debug server http://$debug (metrics at /metrics), receiver http://localhost:$receiver_port"
echo "data and log: $home"
if ((stay)); then
  echo "Ctrl-C stops it."
  wait "$server"
else
  stop
  echo "stopped."
fi
