"""The real program, started for a benchmark that talks to it over HTTP."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[1]
STARTED_WITHIN_SECONDS = 90.0


@dataclass(frozen=True)
class Running:
    """Where the page is, its process, and the file of its log."""

    url: str
    pid: int
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    @property
    def megabytes(self) -> int:
        """Of the page's process, in memory."""
        return round(psutil.Process(self.pid).memory_info().rss / 2**20)


@contextlib.contextmanager
def running(data: Path, **settings: str) -> Iterator[Running]:
    """``python app.py`` on a free port of 127.0.0.1 with the data folder ``data`` and these settings. Raises
    TimeoutError where it is not served in time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "STUDIO_PORT": str(port), "STUDIO_DATA": str(data), **settings}
    log = data / "log"
    with log.open("w") as file:
        studio = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=file, stderr=file)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url)
        yield Running(url, studio.pid, log)
    finally:
        studio.terminate()
        studio.wait(30)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + STARTED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(url, timeout=5).raise_for_status()
            return
        time.sleep(0.2)
    raise TimeoutError("The studio was not served in time.")
