"""The list of small breaks in tests/mutate fits the code. Whether the tests notice them, tests/mutate/run.py tells in an hour."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "mutate"))

from mutants import ROOT, load  # noqa: E402

MUTANTS = load()


def test_what_is_broken_stands_once() -> None:
    texts = {one.file: (ROOT / one.file).read_text() for one in MUTANTS}
    misfits = [f"{one.file}: {one.promise}" for one in MUTANTS if texts[one.file].count(one.find) != 1]
    assert misfits == []


def test_each_break_is_one_and_none_stands_twice() -> None:
    assert [one.promise for one in MUTANTS if one.put == one.find] == []
    assert len({(one.file, one.find, one.put) for one in MUTANTS}) == len(MUTANTS)
