#!/usr/bin/env bash
# Starts Portcall with an audit log and an anchor for its checkpoints, pushes, and shows that changes are found. --exit: stop at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=audit
. examples/common.sh

say "installing what is missing, building"
build_portcall
registry="localhost:$(port_from 5000)" debug="localhost:$(port_from 5001)" anchor_port=$(port_from 5002)
log="$home/log" anchor="$home/anchor.jsonl"
rm -rf "$home/data" "$log" "$home/copy" "$anchor"

say "starting an anchor on localhost:$anchor_port and Portcall with examples/audit/config.yml"
python3 examples/audit/anchor.py "$anchor_port" "$anchor" &
pids+=($!)
within 20 "the anchor" taken "$anchor_port"
# What the file says may be overridden as Distribution's file is.
export REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$home/data" REGISTRY_HTTP_ADDR="$registry" REGISTRY_HTTP_DEBUG_ADDR="$debug"
export REGISTRY_NOTIFICATIONS_ENDPOINTS_0_DIRECTORY="$log"
export REGISTRY_NOTIFICATIONS_ENDPOINTS_1_URL="http://localhost:$anchor_port/checkpoints"
start_portcall examples/audit/config.yml
make_image
cp "$log/checkpoint.pub" "$home/trusted.pub" # as it would be copied to where the log is verified

say "pushing acme/hello:v1 with skopeo, asking for its deletion"
push acme/hello:v1
curl -sS -o /dev/null -X DELETE "http://$registry/v2/acme/hello/manifests/v1"
within 15 "the records" nothing_pending
within 15 "a checkpoint at the anchor" test -s "$anchor"

say "the records, some of their members:"
"$portcall" audit export "$log" | python3 -c '
import json, sys
for record in map(json.loads, sys.stdin):
    target = record["target"]
    what = record.get("note") or target.get("repository", "") + ":" + (target.get("tag") or target.get("digest", "")[:15])
    print(" ", record["n"], record["recorded"][11:23], record["action"], record["outcome"], what, record["source"].get("address", ""))'

say "a checkpoint, as it arrived at the anchor:"
tail -n 1 "$anchor"

say "verifying, with the anchor and a copy of the verifier key:"
verify() { "$portcall" audit verify "$1" --anchor "$anchor" --key "$home/trusted.pub"; }
verify "$log" && echo "verified"

say "somebody edits the second record of a copy:"
cp -r "$log" "$home/copy"
sed -i '2s/"outcome":"success"/"outcome":"failure"/' "$home"/copy/audit-*.jsonl
verify "$home/copy" && { echo "audit: the edit was not found" >&2; exit 1; }

say "somebody cuts the end off, of records and checkpoints alike:"
rm -rf "$home/copy"
cp -r "$log" "$home/copy"
sed -i '2,$d' "$home"/copy/audit-*.jsonl
rm "$home/copy/checkpoints" "$home/copy/state"
verify "$home/copy" && { echo "audit: the cut was not found" >&2; exit 1; }
finish
