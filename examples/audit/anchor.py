#!/usr/bin/env python3
"""Keeps what it is sent, one body a line: anchor.py PORT FILE"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(sys.argv[2], "ab") as kept:
            kept.write(body + b"\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    try:
        ThreadingHTTPServer(("localhost", int(sys.argv[1])), Handler).serve_forever()
    except KeyboardInterrupt:
        pass
