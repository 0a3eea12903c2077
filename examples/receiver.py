#!/usr/bin/env python3
"""Prints each notification as it arrives: receiver.py [PORT]"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


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
        for event in json.loads(body)["events"]:
            print(line_of(event), flush=True)
        self.send_response(200)
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
