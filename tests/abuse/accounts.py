"""What clients were promised, and what became of it at each endpoint."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from failures import Lost

Key = tuple[str, str, str]  # action, repository, tag

_ACTIONS = ("push", "pull", "mount", "delete")  # as the database numbers them
_REMOVED = 2  # a cursor's kind: its endpoint was taken from the file


@dataclass
class Promises:
    """Each key is used once, so that a key is an event."""

    made: list[Key] = field(default_factory=list)  # in the order of the answers
    unknown: set[Key] = field(default_factory=set)  # nobody knows whether it took effect

    def note(self, key: Key, status: int, sure: bool = True) -> None:
        """`status` 0: no answer came. Not `sure`: the answer promises no event."""
        if status == 0 or (200 <= status < 300 and not sure):
            self.unknown.add(key)
        elif 200 <= status < 300:
            self.made.append(key)


@dataclass
class Loss:
    """What the operator had asked for."""

    expired: int = 0
    kept: int = 0  # for an endpoint that was removed

    def __str__(self) -> str:
        words = [f"{self.expired} expired"] * (self.expired > 0) + [f"{self.kept} kept aside"] * (self.kept > 0)
        return ", ".join(words) or "nothing"


@dataclass
class Account:
    """One endpoint's, as the database has it when nobody uses it."""

    dead: dict[Key, str]  # reasons
    expired: int  # events
    kept: int  # pending of an endpoint that was removed


def open_account(database: Path, endpoint: str) -> Account:
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT action, repository, tag, reason, events FROM dead WHERE endpoint = ?"
        rows = connection.execute(query, [endpoint]).fetchall()
        query = "SELECT coalesce(sum(matched - settled), 0) FROM cursors WHERE endpoint = ? AND kind = ?"
        (kept,) = connection.execute(query, [endpoint, _REMOVED]).fetchone()
    expired = sum(events for *_, reason, events in rows if reason == "expired")
    dead = {(_ACTIONS[action], *place): reason for action, *place, reason, _ in rows if reason != "expired"}
    return Account(dead, expired, kept)


def settle(endpoint: str, promised: list[Key], unknown: set[Key], delivered: set[Key], account: Account,
           may_expire: bool) -> Loss:
    """Raises Lost for what nobody had asked for."""
    strange = delivered - set(promised) - unknown
    if strange:
        raise Lost(f"{endpoint} was told of what was refused: {sorted(strange)[:5]}")
    if account.dead:
        raise Lost(f"{endpoint}: {len(account.dead)} dead letters, such as {next(iter(account.dead.items()))}")
    missing = [key for key in promised if key not in delivered]
    if account.expired and not may_expire:
        raise Lost(f"{endpoint}: {account.expired} events expired")
    silent = missing
    if account.expired:
        silent = missing[account.expired:]
        span = promised.index(missing[-1]) - promised.index(missing[0]) + 1 if missing else 0
        if span != len(missing):
            raise Lost(f"{endpoint}: not the oldest events expired, but {len(missing)} of {span} in a row")
    if len(silent) > account.kept:
        raise Lost(f"{endpoint}: {len(silent)} of {len(promised)} events are nowhere ({account.kept} kept): {silent[:5]}")
    return Loss(account.expired, len(silent))
