"""How fast a full log goes into a real Kafka broker, beside Kafka's own measuring producer."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import wait
from harness.kafka import Broker, tool
from harness.server import merged
from report import Line, Report
from tools import REPOSITORIES, Target

LINGER = 5
SERVER = ("-Xmx1g", "-Xms1g", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")  # as kafka-server-start.sh
CLIENT = ("-Xmx512m", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")  # as kafka-producer-perf-test.sh
SAMPLE = 500


def stream(broker: Broker, topic: str) -> dict[str, Any]:
    return {"name": topic, "type": "kafka", "brokers": [broker.address], "topic": topic, "from": "earliest",
            "properties": {"linger.ms": LINGER}}


def drain(target: Target, broker: Broker, topic: str, events: int) -> float:
    """Events a second from the moment the endpoint is in the file until the last one's settlement is on disk."""
    server = target.server
    begun = time.monotonic()
    server.write_config(merged(server.config, {"notifications": {"endpoints": [stream(broker, topic)]}}))
    assert server.process
    server.process.send_signal(signal.SIGHUP)

    def settled() -> bool:
        # The gauge is as of the last flush: zero means that the cursor is on disk.
        delivered = server.metric("registry_notifications_delivery_total", endpoint=topic, delivery_type="delivered")
        return delivered >= events and server.pending(topic) == 0

    wait.until(settled, "the log is settled", 600, pause=0.05)
    rate = events / (time.monotonic() - begun)
    assert broker.count(topic) == events, f"{broker.count(topic)} records of {events} events"
    return rate


def size_of(broker: Broker, topic: str) -> int:
    """The mean of value, key and headers together."""
    sizes = [len(one.value.encode()) + len((one.key or "").encode()) + sum(len(n) + len(v.encode()) for n, v in one.headers)
             for one in broker.records(topic, SAMPLE)]
    return round(sum(sizes) / len(sizes))


def perf_test(broker: Broker, topic: str, records: int, size: int, **more: int) -> float:
    """Records a second by Kafka's own count."""
    settings = {"bootstrap.servers": broker.address, "acks": "all", "enable.idempotence": "true", "linger.ms": LINGER} | more
    said = tool("org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", str(records),
                "--record-size", str(size), "--throughput", "-1", "--producer-props",
                *(f"{name}={value}" for name, value in settings.items()), options=CLIENT, seconds=600)
    last = said.strip().splitlines()[-1]
    found = re.search(rf"^{records} records sent, ([\d.]+) records/sec", last)
    assert found, last
    return float(found[1])


def full_log(report: Report, folder: Path, quick: bool) -> None:
    rounds, events = (2, 20_000) if quick else (5, 400_000)
    rates: dict[str, list[float]] = {"ours": [], "default": [], "tuned": []}
    with Broker(folder / "broker", options=SERVER) as broker, Target(folder / "ours", False, []) as target:
        target.get(events - REPOSITORIES)  # and the tag that each repository has
        # Neither side pays for a broker that has just started; and our records' size must be known.
        broker.create("warm-ours", "warm-theirs")
        drain(target, broker, "warm-ours", events)
        size = size_of(broker, "warm-ours")
        perf_test(broker, "warm-theirs", events // 4, size)
        for number in range(rounds):
            runs: list[tuple[str, Callable[[str], float]]] = [
                ("ours", lambda topic: drain(target, broker, topic, events)),
                ("default", lambda topic: perf_test(broker, topic, events, size)),
                ("tuned", lambda topic: perf_test(broker, topic, events, size, **{"batch.size": 262_144})),
            ]
            for name, run in runs if number % 2 else reversed(runs):
                broker.create(f"{name}-{number}")
                rates[name].append(run(f"{name}-{number}"))
    report.say(f"  records of {size:,} B (value, key and headers), acks=all, idempotence, linger {LINGER} ms")
    report.add(Line(f"kafka, {events:,} events of a full log", "events/s", rates["ours"], rates["default"],
                    "kafka-producer-perf-test", 1.0))
    report.add(Line("kafka, the same against larger batches", "events/s", rates["ours"], rates["tuned"],
                    "the same with batch.size=256 KiB"))
