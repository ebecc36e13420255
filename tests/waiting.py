"""Waiting for what another process or thread does."""

from __future__ import annotations

import time
from collections.abc import Callable

WITHIN_SECONDS = 120.0  # however loaded the machine is
PAUSE_SECONDS = 0.02


def wait_until(happened: Callable[[], bool], what: str = "", within: float = WITHIN_SECONDS) -> None:
    """Returns as soon as ``happened`` says so; fails, saying ``what`` was waited for, where it does not in time."""
    deadline = time.monotonic() + within
    while not happened():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what or happened}"
        time.sleep(PAUSE_SECONDS)
