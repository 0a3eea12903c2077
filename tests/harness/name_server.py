"""A name server on an address of its own, and programs that ask no other."""

from __future__ import annotations

import random
import shlex
import socket
import struct
import subprocess
import threading
from pathlib import Path

from harness import need

_HEADER = struct.Struct(">6H")
_ANSWERED = 0x8180  # a response, recursion available
_TYPE_A, _CLASS_IN = 1, 1
_TTL_SECONDS = 1


class NameServer:
    """Says 127.0.0.1 to every name, unless it is `dead`: then it reads the questions and never answers."""

    def __init__(self) -> None:
        need.root()  # resolv.conf knows no other port
        self.dead = False
        self.questions = 0
        self.names: set[str] = set()  # that were asked for
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        chance = random.SystemRandom()
        self.address = f"127.{chance.randrange(1, 255)}.{chance.randrange(1, 255)}.{chance.randrange(2, 255)}"
        self._socket.bind((self.address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                question, sender = self._socket.recvfrom(4096)
            except OSError:
                return
            if not question:  # close()
                return
            self.questions += 1
            self.names.add(self._name(question))
            if not self.dead:
                self._socket.sendto(self._answer(question), sender)

    @staticmethod
    def _name(question: bytes) -> str:
        labels, at = [], _HEADER.size
        while size := question[at]:
            labels.append(question[at + 1:at + 1 + size].decode())
            at += 1 + size
        return ".".join(labels)

    def _answer(self, question: bytes) -> bytes:
        number = _HEADER.unpack_from(question)[0]
        end = question.index(b"\0", _HEADER.size) + 5  # the name, its type and class
        (kind,) = struct.unpack_from(">H", question, end - 4)
        found = kind == _TYPE_A  # nothing of another type
        record = struct.pack(">HHHIH4s", 0xC000 | _HEADER.size, _TYPE_A, _CLASS_IN, _TTL_SECONDS, 4, bytes((127, 0, 0, 1)))
        return _HEADER.pack(number, _ANSWERED, 1, int(found), 0, 0) + question[_HEADER.size:end] + (record if found else b"")

    def wrap(self, program: Path, folder: Path) -> Path:
        """The program, with this as its only name server: a mount namespace has an /etc/resolv.conf of its own."""
        config = folder / "resolv.conf"
        config.write_text(f"nameserver {self.address}\n")
        mount = shlex.join(["mount", "--bind", str(config), "/etc/resolv.conf"])
        tried = subprocess.run([need.program("unshare"), "--mount", "sh", "-c", mount], capture_output=True, text=True)
        if tried.returncode != 0:
            need.unavailable(f"an /etc/resolv.conf of its own cannot be had here: {tried.stderr.strip()}")
        inner = f'{mount} && exec {shlex.quote(str(program))} "$@"'
        wrapper = folder / "named.sh"
        wrapper.write_text(f"#!/bin/sh\nexec unshare --mount sh -c {shlex.quote(inner)} sh \"$@\"\n")
        wrapper.chmod(0o755)
        return wrapper

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (self.address, 53))
        self._socket.close()
