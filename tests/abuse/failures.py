"""How a cell can break its promise. What is none of these is a mistake of the test's, and no open cell excuses it."""

from __future__ import annotations


class Failure(AssertionError):
    pass


class Late(Failure):
    """Not within the bound."""


class Unexpected(Failure):
    """Another answer, end or exit code than the state allows."""


class Lost(Failure):
    """What was acknowledged was not delivered, or ended as nobody had asked for; or what was refused was told of."""


class Grown(Failure):
    """More memory or files than the bound."""
