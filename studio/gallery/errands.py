"""Work on many pictures that takes a while: exports and imports, each in the background, with progress, until it is
done or stopped. What an export makes is kept for an hour, for whoever knows its name."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from studio.errors import QueueFull, StudioError
from studio.message import Message

logger = logging.getLogger(__name__)

AT_ONCE = 1
MOST_OF_ONE, MOST_WAITING = 2, 16
KEPT_SECONDS, KEPT = 3600.0, 32
State = Literal["waiting", "running", "done", "stopped", "failed"]
_Item = TypeVar("_Item")


class Stopped(Exception):
    """Whoever wanted it wants it no more."""


@dataclass(eq=False)
class BackgroundJob:
    """``title`` is the name that a browser saves ``path`` under; ``told`` is what the page says when it is done."""

    id: str
    owner: str
    path: Path
    title: str
    total: int = 0
    done: int = 0
    state: State = "waiting"
    problem: Message | None = None
    told: dict[str, Any] = field(default_factory=dict)
    ended: float | None = None
    is_stopped: bool = False
    has_ended: threading.Event = field(default_factory=threading.Event)

    def over(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Goes through ``items`` and counts them; raises `Stopped` once it is stopped."""
        for item in items:
            if self.is_stopped:
                raise Stopped
            yield item
            self.done += 1


class BackgroundJobs:
    """What is under way, and files in ``folder``, which is emptied at the start. Safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._errands: dict[str, BackgroundJob] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="errands")
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            left.unlink(missing_ok=True)

    def start(self, owner: str, title: str, total: int, work: Callable[[BackgroundJob], None]) -> BackgroundJob:
        """``work`` writes to the errand's path, or tells what came of it. Raises `QueueFull`."""
        with self._lock:
            self._forget()
            waiting = [each for each in self._errands.values() if each.ended is None]
            if len(waiting) >= MOST_WAITING or sum(each.owner == owner for each in waiting) >= MOST_OF_ONE:
                raise QueueFull("Other exports and imports are still under way. Please wait until they are done.")
            name = secrets.token_hex(16)
            errand = self._errands[name] = BackgroundJob(name, owner, self.folder / name, title, total)
        self._pool.submit(self._run, errand, work)
        return errand

    def find(self, name: str) -> BackgroundJob | None:
        with self._lock:
            return self._errands.get(name)

    def stop(self, name: str) -> None:
        if errand := self.find(name):
            errand.is_stopped = True

    def close(self) -> None:
        with self._lock:
            for errand in self._errands.values():
                errand.is_stopped = True
        self._pool.shutdown(cancel_futures=True)

    def _run(self, errand: BackgroundJob, work: Callable[[BackgroundJob], None]) -> None:
        state: State = "done"
        try:
            if errand.is_stopped:
                raise Stopped
            errand.state = "running"
            self.folder.mkdir(parents=True, exist_ok=True)
            work(errand)
        except Stopped:
            state = "stopped"
        except StudioError as error:
            state, errand.problem = "failed", error.message
        except OSError as error:
            reason = str(error.strerror)
            state, errand.problem = "failed", Message("The data folder cannot be written to ({reason}).", reason=reason)
        except Exception as error:
            logger.exception("an export or import failed")
            kind = type(error).__name__
            state, errand.problem = "failed", Message("This could not be done ({kind}); the log says more.", kind=kind)
        if state != "done":
            errand.path.unlink(missing_ok=True)
        errand.ended = time.monotonic()
        errand.state = state
        errand.has_ended.set()

    def _forget(self) -> None:
        """Drops what ended long ago, and the oldest of too many."""
        ended = [each for each in self._errands.values() if each.ended is not None]
        since = time.monotonic() - KEPT_SECONDS
        for errand in ended[: max(0, len(ended) - KEPT)] + [each for each in ended if (each.ended or 0) < since]:
            self._errands.pop(errand.id, None)
            errand.path.unlink(missing_ok=True)
