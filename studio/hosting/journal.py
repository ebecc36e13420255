"""A line in the log for each job that is taken, and one for how it ended; what was asked for without its words."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from studio.events import ENDS, Drawn, Event, Failed
from studio.requests.request import Request

logger = logging.getLogger(__name__)

FIELDS = ("pack", "count", "width", "height", "steps", "sampler", "guidance")

Record: TypeAlias = Callable[[Event], Event]
Accept: TypeAlias = Callable[[str, str, Request], None]


class Journal:
    """Put it `around` what records jobs. ``tells_prompts``: the words, too. Safe to use from many threads."""

    def __init__(self, tells_prompts: bool = False) -> None:
        self._tells_prompts = tells_prompts
        self._lock = threading.Lock()
        self._taken: dict[str, tuple[float, int]] = {}  # of jobs that have not ended: since when, and pictures so far

    def around(self, record: Record, accept: Accept) -> tuple[Record, Accept]:
        """What a `LocalClient` calls with each event, and with each job that it takes."""

        def take(job: str, owner: str, request: Request) -> None:
            accept(job, owner, request)
            with self._lock:
                self._taken[job] = time.monotonic(), 0
            logger.info("a job is taken", extra={"job": job, **self._described(request)})

        def see(event: Event) -> Event:
            event = record(event)
            self._note(event)
            return event

        return see, take

    def _described(self, request: Request) -> Mapping[str, Any]:
        fields = (*FIELDS, "prompt") if self._tells_prompts else FIELDS
        return {"task": request.TASK, **{name: getattr(request, name) for name in fields if hasattr(request, name)}}

    def _note(self, event: Event) -> None:
        with self._lock:
            since, pictures = self._taken.get(event.job, (time.monotonic(), 0))
            if isinstance(event, ENDS):
                self._taken.pop(event.job, None)
            elif isinstance(event, Drawn) and event.job in self._taken:
                self._taken[event.job] = since, pictures + 1
        if isinstance(event, ENDS):
            ended = {"job": event.job, "drawn": pictures, "seconds": round(time.monotonic() - since, 3)}
            if isinstance(event, Failed):
                ended |= {"error": type(event.error).__name__, "reason": event.error.logged}
            logger.info("a job %s", type(event).__name__.lower(), extra=ended)
