"""The ledger itself: what it takes for lost."""

from __future__ import annotations

import pytest
from accounts import Account, Key, settle
from failures import Lost

PROMISED: list[Key] = [("push", "abuse/app", f"t{number}") for number in range(6)]
QUIET = Account(dead={}, expired=0, kept=0)


def lost(delivered: list[Key], account: Account = QUIET, unknown: set[Key] | None = None, may_expire: bool = False) -> str:
    return str(settle("main", PROMISED, unknown or set(), set(delivered), account, may_expire))


def test_what_is_allowed() -> None:
    assert lost(PROMISED) == "nothing"
    maybe: Key = ("push", "abuse/app", "maybe")
    assert lost([*PROMISED, maybe], unknown={maybe}) == lost(PROMISED, unknown={maybe}) == "nothing"
    assert lost(PROMISED[2:], Account({}, 2, 0), may_expire=True) == "2 expired"
    assert lost([*PROMISED[:1], *PROMISED[3:]], Account({}, 2, 0), may_expire=True) == "2 expired"
    assert lost(PROMISED[:4], Account({}, 0, 2)) == "2 kept aside"
    assert lost(PROMISED[4:], Account({}, 3, 1), may_expire=True) == "3 expired, 1 kept aside"


@pytest.mark.parametrize("delivered, account, may_expire", [
    (PROMISED[1:], QUIET, False),
    (PROMISED[1:], Account({PROMISED[0]: "maxretries"}, 0, 0), True),
    (PROMISED[1:], Account({}, 1, 0), False),
    (PROMISED[2:], Account({}, 1, 0), True),
    ([*PROMISED[:2], PROMISED[3], PROMISED[5]], Account({}, 2, 0), True),
    (PROMISED[:4], Account({}, 0, 1), False),
    ([*PROMISED, ("push", "abuse/app", "refused")], QUIET, True),
], ids=["nowhere", "dead", "expired unasked", "more than expired", "not the oldest", "more than kept", "a refused one"])
def test_what_is_not(delivered: list[Key], account: Account, may_expire: bool) -> None:
    with pytest.raises(Lost):
        lost(delivered, account, may_expire=may_expire)
