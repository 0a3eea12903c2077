"""Every act in every state of a hostile world: how long it takes, what it costs, and what is lost.

A cell is one registry: the world is well, turns bad, the act, and the world is well again. Then all that was promised to
a client must have arrived everywhere, or have ended as the operator had asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from acts import ACTS
from matrix import PROPERTY
from open_cells import OPEN
from states import STATES
from world import World, peak_memory

from harness import kafka


def _cell(state: str, act: str) -> object:
    marks = [pytest.mark.xdist_group("kafka")] if state.startswith("Kafka") else []  # one broker for them all
    if (state, act) in OPEN:
        failure, reason = OPEN[state, act]
        marks.append(pytest.mark.xfail(strict=True, raises=failure, reason=reason))
    return pytest.param(state, act, id=f"{state}: {act}", marks=marks)


def test_open_cells_are_cells() -> None:
    assert set(OPEN) <= {(state, act) for state in STATES for act in ACTS}


@pytest.mark.parametrize("state_name, act_name", [_cell(state, act) for state in STATES for act in ACTS])
def test_cell(state_name: str, act_name: str, tmp_path: Path, pytestconfig: pytest.Config,
              record_property: Callable[[str, object], None]) -> None:
    facts: dict[str, object] = {"state": state_name, "act": act_name}
    record_property(PROPERTY, facts)
    with ExitStack() as stack:
        state = STATES[state_name](tmp_path, lambda: kafka.shared(pytestconfig).start())
        stack.callback(state.close)
        world = World(state, tmp_path)
        stack.callback(lambda: print(f"--- the registry's log\n{world.server.log()[-6000:]}"))
        stack.callback(world.close)
        world.begin()
        state.enter(world)
        memory, files = peak_memory(world.server), world.file_size()
        started = time.monotonic()
        facts["ending"] = ACTS[act_name](world)
        facts["seconds"] = time.monotonic() - started
        memory, files = max(memory, peak_memory(world.server)), max(files, world.file_size())
        facts |= {"memory": memory, "files": files}
        state.leave(world)
        world.recover()
        facts |= vars(world.settle())
        world.check_sizes(memory, files)
