"""The real program, started as a person starts it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.parent import tied
from tests.waiting import wait_until

Result = TypeVar("Result")

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Studio:
    """A running studio: where its page is, and where it keeps its pictures."""

    url: str
    data: Path
    pid: int
    seconds_to_page: float  # of the processor: others may keep it from us

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
    the first values, looked for ``at`` an address; ended by the signal ``ends``, and with this process, should that be killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"STUDIO_PORT": str(port), "STUDIO_DATA": str(data), "STUDIO_DEVICE": "cpu", "STUDIO_GRACE": "0"}
    own["STUDIO_BATCH"] = "8"  # finding the best takes seconds at each start
    own["STUDIO_STAGES"] = "1"  # which is quicker
    own["STUDIO_PRECISION"] = "exact"  # so that pictures are the same on every machine
    data.mkdir(exist_ok=True)
    with (data / "log").open("w") as log:
        environment = {**os.environ, **own, **settings}
        process = subprocess.Popen(tied(program), cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            url = f"http://{at}:{port}"
            _wait_until_served(url, process, data / "log")
            used = psutil.Process(process.pid).cpu_times()
            yield Studio(url, data, process.pid, used.user + used.system)
        finally:
            process.send_signal(ends)
            try:
                process.wait(30)
            finally:
                process.kill()


def _wait_until_served(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def is_served() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

    try:
        wait_until(is_served, "the page")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log.read_text()}") from None


def run_async(work: Coroutine[Any, Any, Result]) -> Result:
    """``asyncio.run`` in a thread of its own: Playwright keeps a loop in the thread that drives the browser."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
