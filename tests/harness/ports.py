"""Ports that stay ours across restarts of a server."""

from __future__ import annotations

import random
import socket

# Below the ephemeral range, so that no outgoing connection takes a port between the probe and its use.
_FIRST, _LAST = 15_000, 32_000


def free_port(host: str = "127.0.0.1") -> int:
    for _ in range(200):
        port = random.SystemRandom().randrange(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port found")
