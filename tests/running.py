"""The real program, started as a person starts it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")

ROOT = Path(__file__).parents[1]
STARTED_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Studio:
    """A running studio: where its page is, and where it keeps its pictures."""

    url: str
    data: Path
    pid: int
    seconds_to_page: float

    @property
    def log(self) -> str:
        return (self.data / "log").read_text()


@contextlib.contextmanager
def running_studio(
    data: Path,
    *,
    ends: signal.Signals = signal.SIGTERM,
    program: tuple[str, ...] = ("app.py",),
    at: str = "127.0.0.1",
    **settings: str,
) -> Iterator[Studio]:
    """``python app.py`` (or another ``program``) on a free port, with the data folder ``data`` and these settings beside
    the first values, looked for ``at`` an address; ended by the signal ``ends``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"STUDIO_PORT": str(port), "STUDIO_DATA": str(data), "STUDIO_DEVICE": "cpu", "STUDIO_GRACE": "0"}
    own["STUDIO_BATCH"] = "8"  # finding the best takes seconds at each start
    own["STUDIO_STAGES"] = "1"  # which is quicker
    own["STUDIO_PRECISION"] = "exact"  # so that pictures are the same on every machine
    data.mkdir(exist_ok=True)
    begun = time.monotonic()
    with (data / "log").open("w") as log:
        environment = {**os.environ, **own, **settings}
        process = subprocess.Popen([sys.executable, *program], cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            url = f"http://{at}:{port}"
            _wait_until_served(url, process, data / "log")
            yield Studio(url, data, process.pid, time.monotonic() - begun)
        finally:
            process.send_signal(ends)
            process.wait(30)


def _wait_until_served(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the page was not served in time:\n{log.read_text()}")


def run_async(work: Coroutine[Any, Any, Result]) -> Result:
    """``asyncio.run`` in a thread of its own: Playwright keeps a loop in the thread that drives the browser."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
