#!/usr/bin/env bash
# Starts a receiver and Portcall, and shows notifications that outlive the outage of both. --exit: stop at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=webhook
. examples/common.sh

say "installing what is missing, building"
build_portcall
registry="localhost:$(port_from 5000)" debug="localhost:$(port_from 5001)" receiver_port=$(port_from 5002)
rm -rf "$home/data" "$home/received" "$home/last.json" # each run begins with an empty registry

receive() {
  WEBHOOK_SECRET=correct-horse-battery python3 examples/receiver.py "$receiver_port" "$home/last.json" >>"$home/received" &
  receiver=$!
  pids+=("$receiver")
  within 20 "the receiver" taken "$receiver_port"
}
received() { [[ "$(wc -l <"$home/received")" -ge "$1" ]]; }
pending() { metrics | sed -n 's/^registry_notifications_pending{endpoint="receiver"} //p'; }
some_pending() { [[ "$(pending)" == "$1" ]]; }

say "starting a receiver on localhost:$receiver_port and Portcall with examples/webhook/config.yml"
receive
# What the file says may be overridden as Distribution's file is: here, where a port was taken.
export REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$home/data" REGISTRY_HTTP_ADDR="$registry" REGISTRY_HTTP_DEBUG_ADDR="$debug"
export REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL="http://localhost:$receiver_port/events"
start_portcall examples/webhook/config.yml
make_image

say "pushing acme/hello:v1 with skopeo; the notification:"
push acme/hello:v1
within 20 "the notification" received 1
cat "$home/last.json"
echo

say "the receiver goes away; pushing v2 and v3"
kill "$receiver"
wait "$receiver" 2>/dev/null || true
push acme/hello:v2
push acme/hello:v3
within 20 "the log" some_pending 2
echo "pending: $(pending)"

say "and Portcall is killed (-9) and started again"
{ kill -9 "$server" && wait "$server"; } 2>/dev/null || true
start_portcall examples/webhook/config.yml
within 20 "the log" some_pending 2
echo "pending: $(pending)"

say "the receiver comes back; all that was delivered, in order:"
receive
within 30 "the backlog" nothing_pending
cat "$home/received"
metrics | grep '^registry_notifications_delivery_total{.*delivered' || true
finish
