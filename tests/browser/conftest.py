"""The real program, started as a person starts it, and a real Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
STARTED_WITHIN_SECONDS = 60
# Nothing but the page under test: no sandbox (tests may run as root), no GPU, no calls home.
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@dataclass(frozen=True)
class Studio:
    """A running studio: where its page is, and where it keeps its pictures."""

    url: str
    data: Path
    pid: int
    seconds_to_page: float


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """``python app.py`` with the shipped pack, on a free port, with a data folder of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = tmp_path_factory.mktemp("data")
    environment = {**os.environ, "STUDIO_PORT": str(port), "STUDIO_DATA": str(data), "STUDIO_DEVICE": "cpu"}
    begun = time.monotonic()
    with (data / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_served(url, process, data / "log")
            yield Studio(url, data, process.pid, time.monotonic() - begun)
        finally:
            process.terminate()
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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    installed = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(studio: Studio, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens the studio as another person each time; options are those of a Playwright browser context.

    Fails the test afterwards if the page's own script raised anything.
    """
    contexts, raised = [], []

    def open_as_somebody(**options: object) -> Page:
        context = chromium.new_context(**{"locale": "en-US", **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: raised.append(str(error)))
        page.goto(studio.url)
        page.locator("#generate").wait_for(timeout=30_000)
        page.locator(".live-empty-title").wait_for()
        return page

    yield open_as_somebody
    for context in contexts:
        context.close()
    assert raised == []
