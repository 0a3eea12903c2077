"""Who was promised what, and the comparison with what arrived.

Every request carries a user agent of its own, which its events repeat: so each event is traced to the one request that
caused it, whatever was killed in between.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from harness.receiver import Notification

Key = tuple[str, str]  # action, tag


@dataclass
class Request:
    agent: str
    repository: str
    owner: bool  # of the only client that changes this repository: its requests there are ordered
    expected: list[Key]
    status: int = 0  # 0: nobody knows whether it took effect

    @property
    def promised(self) -> bool:
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        return self.status >= 400


@dataclass
class Verdict:
    endpoint: str
    delivered: int = 0
    duplicates: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Ledger:
    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._lock = threading.Lock()

    def begin(self, agent: str, repository: str, owner: bool, expected: list[Key]) -> Request:
        request = Request(agent, repository, owner, expected)
        with self._lock:
            self.requests.append(request)
        return request

    def summary(self) -> str:
        promised = [r for r in self.requests if r.promised]
        events = sum(len(r.expected) for r in promised)
        unknown = sum(1 for r in self.requests if r.status == 0)
        return f"requests={len(self.requests)} promised={len(promised)} unknown={unknown} promised_events={events}"

    def complete(self, notifications: list[Notification]) -> bool:
        seen = Counter(n.event["request"]["useragent"] for n in notifications if 200 <= n.status < 300)
        return all(seen[r.agent] >= len(r.expected) for r in self.requests if r.promised)

    def check(self, endpoint: str, notifications: list[Notification]) -> Verdict:
        """`notifications` in the order of arrival, refused attempts included."""
        verdict = Verdict(endpoint)
        first: dict[str, Notification] = {}  # by event id
        accepted: dict[str, float] = {}
        accepts: Counter[str] = Counter()
        for one in sorted(notifications, key=lambda n: n.arrived):
            event_id = one.event["id"]
            if event_id in first and first[event_id].body != one.body:
                verdict.wrong.append(f"{event_id}: two bodies under one id")
            first.setdefault(event_id, one)
            if 200 <= one.status < 300:
                accepts[event_id] += 1
                accepted.setdefault(event_id, one.answered)
        verdict.delivered = len(accepted)
        verdict.duplicates = sum(count - 1 for count in accepts.values())
        self._check_requests(verdict, first, accepted)
        self._check_order(verdict, first, accepted)
        return verdict

    def _check_requests(self, verdict: Verdict, first: dict[str, Notification], accepted: dict[str, float]) -> None:
        by_agent: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for event_id in accepted:
            event = first[event_id].event
            by_agent[event["request"]["useragent"]].append(event)
        for request in self.requests:
            found = Counter((e["action"], e["target"].get("tag", "")) for e in by_agent.pop(request.agent, []))
            expected = Counter(request.expected)
            if request.promised:
                verdict.lost += [f"{request.agent} {request.repository}: {key}" for key in expected - found]
            elif request.refused and found:
                verdict.wrong.append(f"{request.agent}: refused with {request.status}, yet {found}")
            elif found and found != expected:
                verdict.wrong.append(f"{request.agent}: a part of one change: {found} of {expected}")
            if found - expected:
                verdict.wrong.append(f"{request.agent}: events nobody caused, or two ids for one: {found - expected}")
        verdict.wrong += [f"{agent}: not of the ledger" for agent in by_agent]

    def _check_order(self, verdict: Verdict, first: dict[str, Notification], accepted: dict[str, float]) -> None:
        place = {r.agent: number for number, r in enumerate(self.requests) if r.owner}
        lanes: dict[str, list[Notification]] = defaultdict(list)
        for one in first.values():
            lanes[one.event["target"]["repository"]].append(one)
        for repository, lane in lanes.items():
            # An accepted event lets the next of its lane go, so arrivals repeat the log's order.
            lane.sort(key=lambda n: n.arrived)
            for before, after in zip(lane, lane[1:]):
                done = accepted.get(before.event["id"])
                if done is None or after.arrived < done:
                    verdict.wrong.append(f"{repository}: {after.event['id']} was sent before {before.event['id']} was accepted")
            owned = [place[agent] for n in lane if (agent := n.event["request"]["useragent"]) in place]
            if owned != sorted(owned):
                verdict.wrong.append(f"{repository}: arrivals are not in the order of the requests")
