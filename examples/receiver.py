#!/usr/bin/env python3
"""Prints each notification as it arrives: receiver.py [PORT [FILE]]

FILE gets the last one as it came. With WEBHOOK_SECRET, only what is signed with it is taken.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SECRET = os.environ.get("WEBHOOK_SECRET", "")
LAST = Path(sys.argv[2]) if len(sys.argv) > 2 else None


def line_of(event: dict[str, Any]) -> str:
    target = event["target"]
    name = target["repository"] + (f":{target['tag']}" if "tag" in target else "")
    digest = target.get("digest", "")[:19]
    kind = target.get("mediaType", "").rsplit(".", 2)[-2:]
    origin = f"  from {target['fromRepository']}" if "fromRepository" in target else ""
    when = event["timestamp"][11:23]
    return f"  {when}  {event['action']:<6}  {event['request']['method']:<6}  {name:<16}  {digest:<19}  {'.'.join(kind)}{origin}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if SECRET and not hmac.compare_digest(self.headers.get("X-Signature", ""), signature):
            return self.answer(401)
        for event in json.loads(body)["events"]:
            print(line_of(event), flush=True)
        if LAST:
            LAST.write_bytes(body)
        self.answer(200)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 5002
    try:
        ThreadingHTTPServer(("localhost", port), Handler).serve_forever()
    except KeyboardInterrupt:
        pass
