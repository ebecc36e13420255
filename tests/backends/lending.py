"""What stands in for ZeroGPU's machines: a scheduler that lends a GPU there is none of, and the studio as it starts there.

The package `spaces` is the real one: its decorator, forks, pipes and its way of ending a call. What only their machines
have is left out: where the package finds no torch, it moves no tensors, and that is how ``python -m
tests.backends.lending`` lets it be imported before the studio is started.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROGRAM = ("-m", "tests.backends.lending")


@dataclass
class Scheduler:
    """``asked`` holds the calls so far: their path, and what they said. ``seconds_left`` None is as many as anybody
    likes."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    seconds_left: int | None = None

    def of(self, path: str) -> list[dict[str, str]]:
        return [values for asked, values in self.asked if asked == path]

    @property
    def settings(self) -> dict[str, str]:
        """Of a studio that borrows here."""
        return {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": self.url}

    def answer(self, path: str, values: dict[str, str]) -> tuple[int, Any]:
        self.asked.append((path, values))
        if path != "/schedule":
            return 200, {}
        if self.seconds_left is not None and int(values["durationSeconds"]) > self.seconds_left:
            return 429, {"left": self.seconds_left, "wait": 3600}
        lent = len(self.of("/schedule"))
        return 200, {"idle": lent > 1, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": f"token-{lent}"}


@contextlib.contextmanager
def scheduler() -> Iterator[Scheduler]:
    serving = Scheduler()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            status, answer = serving.answer(parts.path, {name: one for name, [one] in parse_qs(parts.query).items()})
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield serving
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    sys.modules["torch"] = None  # type: ignore[assignment]
    import spaces  # noqa: F401

    del sys.modules["torch"]
    import app

    sys.exit(app.main())
