"""A pipe that a program writes its log to, and that nobody reads."""

from __future__ import annotations

import os
import threading


class FullPipe:
    """Full from the beginning, and read by nobody until `drain`."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.write_end, False)
        try:
            while True:
                os.write(self.write_end, b"." * 4096)
        except BlockingIOError:
            os.set_blocking(self.write_end, True)
        self.got = bytearray()
        self.thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        while block := os.read(self.read_end, 65536):
            self.got += block

    def drain(self) -> None:
        self.thread.start()

    def text(self) -> str:
        return bytes(self.got).decode(errors="replace")

    def close(self) -> None:
        os.close(self.write_end)
        if self.thread.is_alive():
            self.thread.join()
        os.close(self.read_end)
