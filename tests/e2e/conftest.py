"""Fixtures that the end-to-end tests share."""

from __future__ import annotations

import pytest

from harness import kafka
from harness.kafka import Broker


@pytest.fixture
def broker(pytestconfig: pytest.Config) -> Broker:
    return kafka.shared(pytestconfig).start()
