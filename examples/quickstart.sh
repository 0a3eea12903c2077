#!/usr/bin/env bash
# Builds Portcall and shows an image's push, pull and delete arriving at a receiver. --exit: stop at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
name=quickstart
. examples/common.sh

say "installing what is missing, building"
build_portcall
registry="localhost:$(port_from 5000)" debug="localhost:$(port_from 5001)" receiver_port=$(port_from 5002)

say "starting a receiver on localhost:$receiver_port and Portcall with examples/quickstart.yml"
python3 examples/receiver.py "$receiver_port" &
pids+=($!)
within 10 "the receiver" taken "$receiver_port"
# What quickstart.yml says may be overridden as Distribution's file is: here, where a port was taken.
export REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$home/data" REGISTRY_HTTP_ADDR="$registry" REGISTRY_HTTP_DEBUG_ADDR="$debug"
export REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL="http://localhost:$receiver_port/events"
start_portcall examples/quickstart.yml
make_image

arrived() { within 15 "the notifications" nothing_pending; }

say "pushing acme/hello:v1 with skopeo"
push acme/hello:v1
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
finish
