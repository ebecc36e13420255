"""What an engine's deaths mean: which requests are not tried again, and how long to wait before the next engine."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import replace
from typing import TypeAlias

from studio.backends.messages import Submit
from studio.errors import EngineStopped
from studio.requests.request import Request

COUNTED_SECONDS = 120.0  # deaths longer ago say nothing of how soon the next is likely
LONGEST_PAUSE_SECONDS = 30.0  # before an engine that keeps dying is started again
MOST_LIVES = 2  # engines that may die while one job waits in them, or one request is drawn
KEPT_SUSPECTS = 1000
SUSPECTED_SECONDS = 600.0  # after which a request may be tried again: perhaps something else was to blame

Suspect: TypeAlias = tuple[str, Request]  # whose address or name, and what they asked for, whatever its seed


class Quarantine:
    """Remembers what was being drawn when engines died, so that one request cannot keep everybody else out."""

    def __init__(self) -> None:
        self._deaths: OrderedDict[Suspect, list[float]] = OrderedDict()

    def add(self, job: Submit) -> None:
        """An engine died of it, perhaps."""
        suspect = _suspect(job)
        self._deaths[suspect] = [*self._deaths.pop(suspect, []), time.monotonic()]
        while len(self._deaths) > KEPT_SUSPECTS:
            self._deaths.popitem(last=False)

    def refusal(self, job: Submit) -> EngineStopped | None:
        """Why it is not taken; None if it is."""
        since = time.monotonic() - SUSPECTED_SECONDS
        if sum(death > since for death in self._deaths.get(_suspect(job), ())) < MOST_LIVES:
            return None
        return EngineStopped(
            "The engine ended {count} times while it was drawing this, so it is not tried again. Please ask "
            "for something else: another size, or fewer pictures.",
            count=MOST_LIVES,
        )


class RestartDelay:
    """Longer the more engines have died lately."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque()

    def after_death(self) -> float:
        """Seconds to wait before the next engine: none after one death, then twice as long after each."""
        now = time.monotonic()
        self._deaths.append(now)
        while now - self._deaths[0] > COUNTED_SECONDS:
            self._deaths.popleft()
        return min(LONGEST_PAUSE_SECONDS, 2.0 ** (len(self._deaths) - 2)) if len(self._deaths) > 1 else 0.0


def _suspect(job: Submit) -> Suspect:
    return job.address or job.owner, replace(job.request, seed=0)
