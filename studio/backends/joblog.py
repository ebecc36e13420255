"""What is kept of a job's events, for whoever follows it now or later."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from dataclasses import replace

from studio.events import ENDS, Drawn, Event, Failed, Previewed, Progressed, Queued

PASSING = (Previewed, Progressed)  # of which only a picture's latest counts, until it is drawn


class JobLog:
    """A job's events as its followers see them: the latest preview of each picture, the latest place in the queue,
    everything else in full. Safe to use from many threads."""

    def __init__(self, *, is_kept: bool = True) -> None:
        self.is_kept = is_kept  # else it is forgotten once whoever asked has cancelled it: it may hold pictures
        self._news = threading.Condition()
        self._events: dict[object, tuple[int, Event]] = {}
        self._count = 0
        self.has_ended = False

    def add(self, event: Event) -> None:
        with self._news:
            if self.has_ended:
                return
            self._count += 1
            slot: object = self._count
            if isinstance(event, (Previewed, Progressed)):
                slot = type(event), event.index
            elif isinstance(event, Queued):
                slot = Queued
            self.has_ended = isinstance(event, ENDS)
            self._drop_previews_of(event)
            self._events[slot] = self._count, _untraced(event)
            self._news.notify_all()

    def _drop_previews_of(self, event: Event) -> None:
        """What is drawn, or over, needs no previews any more; they would fill the memory."""
        if isinstance(event, Drawn):
            for kind in PASSING:
                self._events.pop((kind, event.index), None)
        elif isinstance(event, ENDS):
            self._events = {slot: item for slot, item in self._events.items() if not isinstance(item[1], PASSING)}

    def follow(self, heartbeat: float | None) -> Iterator[list[Event]]:
        """The story so far, then the news as they come; an empty list after ``heartbeat`` seconds without any."""
        seen = 0
        while True:
            with self._news:
                self._news.wait_for(lambda seen=seen: self._count > seen, heartbeat)  # type: ignore[misc]
                fresh = sorted((item for item in self._events.values() if item[0] > seen), key=lambda item: item[0])
                seen = self._count
            news = [_untraced(event) for _, event in fresh]
            yield news
            if news and isinstance(news[-1], ENDS):
                return


def _untraced(event: Event) -> Event:
    """A failure with a copy of its error. What is raised gets a traceback, which holds all that was being worked on: of
    an error that is kept, that would be kept as well."""
    return replace(event, error=copy.copy(event.error)) if isinstance(event, Failed) else event
