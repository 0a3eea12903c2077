#!/usr/bin/env bash
# Starts a real Kafka broker and Portcall, and shows an image's push, pull and delete as records. --exit: stop at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=kafka
. examples/common.sh

say "installing what is missing, building"
build_portcall kafka
registry="localhost:$(port_from 5000)" debug="localhost:$(port_from 5001)" broker="127.0.0.1:$(port_from 9092)"
topic=registry-events

say "starting Kafka on $broker (the first time its jars are fetched by Maven)"
rm -rf "$home/broker" "$home/data" # each run begins with an empty topic and an empty registry
: >"$home/broker.out"
PYTHONPATH=tests python3 -m harness.kafka "$home/broker" "${broker#*:}" >"$home/broker.out" 2>&1 &
kafka=$!
pids+=("$kafka")
broker_ready() {
  kill -0 "$kafka" 2>/dev/null || { cat "$home/broker.out" >&2; exit 1; }
  grep -qxF "$broker" "$home/broker.out"
}
within 300 "the broker" broker_ready
kcat -b "$broker" -L -t "$topic" >/dev/null # this broker makes a topic that a client names

say "starting Portcall with examples/kafka/config.yml"
# What the file says may be overridden as Distribution's file is: here, where a port was taken.
export REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$home/data" REGISTRY_HTTP_ADDR="$registry" REGISTRY_HTTP_DEBUG_ADDR="$debug"
export REGISTRY_NOTIFICATIONS_ENDPOINTS_0_BROKERS="[$broker]"
start_portcall examples/kafka/config.yml
make_image

say "pushing acme/hello:v1 with skopeo, pulling it, deleting its tag"
push acme/hello:v1
rm -rf "$home/pulled"
skopeo copy -q --src-tls-verify=false "docker://$registry/acme/hello:v1" "oci:$home/pulled:v1"
curl -fsS -X DELETE "http://$registry/v2/acme/hello/manifests/v1"

shown() { kcat -b "$broker" -C -t "$topic" -o beginning -e -q -X fetch.wait.max.ms=20 "$@" 2>"$home/kcat.log"; }
complete() { grep -q 'ce_type=portcall.tag.delete' <<<"$(shown -f '%h\n')"; }
within 30 "the events" complete

say "what a consumer of $topic sees: partition, offset, key, headers, value"
shown -f 'partition %p, offset %o, key %k\n  %h\n  %s\n\n'

((stay)) && say "once more: kcat -b $broker -C -t $topic -o beginning -J"
finish
