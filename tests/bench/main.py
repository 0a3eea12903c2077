"""Runs the measurements and prints ratios: main.py [--quick | --full] [--list] [NAME ...]"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import audit
import bounded
import delivery
import failing
import growth
import isolation
import kafka
import memory
import parts
import registry
import scale
from report import Report

MEASUREMENTS = {
    "delivery": delivery.fast_receiver,
    "delivery-20ms": delivery.slow_receiver,
    "delivery-flaky": failing.at_random,
    "delivery-busy": failing.beyond_four,
    "lateness": delivery.lateness,
    "manifest-put": registry.manifest_put,
    "manifest-get": registry.manifest_get,
    "manifest-get-off": registry.manifest_get_without_events,
    "blob-get": registry.blob_get,
    "blob-push": registry.blob_push,
    "append": registry.append,
    "audit": audit.verify,
    "audit-checkpoints": audit.checkpoints,
    "parts": parts.gains,
    "kafka": kafka.full_log,
    "scale": scale.dead_backlog,
    "bounded": bounded.log,
    "growth": growth.cost,
    "isolation": isolation.lateness,
    "memory": memory.bounded,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Portcall against docker-registry and the machine, as ratios")
    parser.add_argument("--quick", action="store_true", help="a smoke run: small numbers, the ratios mean little")
    parser.add_argument("--full", action="store_true", help="growth: also a log of ten million events, some 10 GB")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}; default: all")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(MEASUREMENTS))
        return 0
    if unknown := set(arguments.names) - set(MEASUREMENTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    measurements = MEASUREMENTS | {"growth": partial(growth.cost, full=arguments.full)}
    failed = []
    report = Report()
    report.say("median [least–greatest] of several rounds; only ratios count")
    for name in arguments.names or MEASUREMENTS:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="portcall-bench-") as folder:
            try:
                measurements[name](report, Path(folder), arguments.quick)
            except Exception as error:  # one that fails must not hide the others
                failed.append(name)
                report.say(f"{name}: FAILED: {type(error).__name__}: {str(error)[:600]}")
        print(f"  ({name}: {time.monotonic() - begun:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
