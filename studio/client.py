"""How everybody else talks to the engine: submit a request, follow its events, cancel it.

`EngineClient` is the protocol; `LocalClient` starts the engine's process on this machine, watches over it and starts
it again when it dies. The client imports no torch.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from studio.engine.batching import Limits
from studio.engine.worker import Broken, Cancel, Command, Ready, Submit, WorkerOptions, run_worker
from studio.errors import EngineStopped, JobFailed, StudioError, UnknownJob
from studio.events import ENDS, Drawn, Event, Failed, Previewed, Progressed, Queued
from studio.images.pixels import Image
from studio.packs.catalogue import PackInfo, find_pack
from studio.requests import Request
from studio.settings import Settings, importable_by_children

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
KEPT_JOBS = 1000  # ended jobs that can still be followed
MOST_DEATHS, DEATHS_WITHIN_SECONDS = 3, 120.0  # then the engine is not started again
PASSING = (Previewed, Progressed)  # of which only a picture's latest counts, until it is drawn
CLOSING_SECONDS = 10.0  # a step may still have to end


class EngineClient(Protocol):
    """What the pages and the command line know of the engine."""

    def packs(self) -> tuple[PackInfo, ...]:
        """The packs that requests may name."""

    def submit(self, request: Request, owner: str = "", images: Sequence[Image] = ()) -> str:
        """Takes a request in, with the images that it names; returns the job's name, which cannot be guessed. Owners
        take turns in the engine."""

    def events(self, job: str, heartbeat: float | None = None) -> Iterator[list[Event]]:
        """The job so far, then its news as they come, to its end; of previews only the latest of each picture.

        With ``heartbeat``, an empty list comes whenever that many seconds pass without news. Any number may follow a
        job, at any time. Raises `UnknownJob`.
        """

    def cancel(self, job: str, *, keep: bool = False) -> None:
        """Stops the job at its next step; with ``keep``, unfinished pictures are drawn as they are. Never fails."""


class _Log:
    """A job's events as its followers see them: the latest preview of each picture, the latest place in the queue,
    everything else in full."""

    def __init__(self) -> None:
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
            self._events[slot] = self._count, event
            self._news.notify_all()

    def _drop_previews_of(self, event: Event) -> None:
        """What is drawn, or over, needs no previews any more; they would fill the memory."""
        if isinstance(event, Drawn):
            for kind in PASSING:
                self._events.pop((kind, event.index), None)
        elif isinstance(event, ENDS):
            self._events = {slot: item for slot, item in self._events.items() if not isinstance(item[1], PASSING)}

    def follow(self, heartbeat: float | None) -> Iterator[list[Event]]:
        seen = 0
        while True:
            with self._news:
                self._news.wait_for(lambda seen=seen: self._count > seen, heartbeat)  # type: ignore[misc]
                fresh = sorted((item for item in self._events.values() if item[0] > seen), key=lambda item: item[0])
                seen = self._count
            news = [event for _, event in fresh]
            yield news
            if news and isinstance(news[-1], ENDS):
                return


def _worker_options(pack: PackInfo, settings: Settings) -> WorkerOptions:
    limits = Limits(
        inputs=settings.batch or Limits.inputs,
        rows=settings.rows,
        waiting=settings.queue,
        each=settings.each,
        strict=settings.strict,
    )
    return WorkerOptions(pack, settings.device, limits, settings.batch is None, settings.patience)


def _process_context() -> ForkServerContext | SpawnContext:
    """How the engine's process is made: a copy of one that has imported everything and done nothing, so that an engine
    that died is back in a second; where there is no such thing, a new interpreter."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["studio.engine.imports"])
    with importable_by_children(ROOT):
        forkserver.ensure_running()
    return context


class LocalClient:
    """An engine process on this machine. ``record`` sees each event before anybody else and may replace it.

    Use as a context manager, or call `close`.
    """

    def __init__(self, settings: Settings, record: Callable[[Event], Event] = lambda event: event) -> None:
        self._pack = find_pack(settings.pack)
        self._options = _worker_options(self._pack, settings)
        self._record = record
        self._lock = threading.Lock()
        self._logs: OrderedDict[str, _Log] = OrderedDict()
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._refusal: StudioError | None = None
        self.inputs: float | None = None  # most model inputs in a call, once the engine is there
        self._is_closing = False
        self._pipe: Connection
        self._start()

    def __enter__(self) -> LocalClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def packs(self) -> tuple[PackInfo, ...]:
        return (self._pack,)

    def submit(self, request: Request, owner: str = "", images: Sequence[Image] = ()) -> str:
        job, log = secrets.token_hex(16), _Log()
        with self._lock:
            self._logs[job] = log
            self._forget_old()
            if self._refusal:
                log.add(Failed(job, self._refusal))
            else:
                self._send(Submit(job, request, owner, {image.digest: image for image in images}))
        return job

    def events(self, job: str, heartbeat: float | None = None) -> Iterator[list[Event]]:
        log = self._logs.get(job)
        if log is None:
            raise UnknownJob("This job is no longer known. Its finished pictures are kept in the data folder.")
        return log.follow(heartbeat)

    def cancel(self, job: str, *, keep: bool = False) -> None:
        with self._lock:
            self._send(Cancel(job, keep))

    def close(self) -> None:
        """Ends the engine process; running jobs end with it."""
        with self._lock:
            self._is_closing = True
            self._send(None)
        self._reader.join(CLOSING_SECONDS)  # what was drawn before is still written down
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()
            self._reader.join(CLOSING_SECONDS)

    def _start(self) -> None:
        context = _process_context()
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=run_worker, args=(far_end, self._options), daemon=True, name="engine")
        self._reader = threading.Thread(
            target=self._live, args=(self._process, self._pipe, far_end), daemon=True, name="engine events"
        )
        self._reader.start()

    def _live(self, process: BaseProcess, pipe: Connection, far_end: Connection) -> None:
        """From the engine's start, which may take as long as its imports, to its end."""
        try:
            process.start()
        except (OSError, EOFError):
            logger.exception("the engine's process cannot be started")
        far_end.close()
        self._read(pipe)

    def _send(self, command: Command | None) -> None:
        with contextlib.suppress(OSError):  # the engine is gone; the reader notices, too, and fails the jobs
            self._pipe.send(command)

    def _read(self, pipe: Connection) -> None:
        """Passes the worker's messages on until its end of the pipe closes."""
        while True:
            try:
                message = pipe.recv()
            except Exception as error:  # the end of the pipe, or a message cut short by a process that died
                if not isinstance(error, (EOFError, OSError)):
                    logger.exception("the engine's message cannot be read")
                    self._process.terminate()
                break
            if isinstance(message, Broken):
                self._refusal = message.error
            elif isinstance(message, Ready):
                self.inputs = message.inputs
                logger.info("the engine runs on %s, %g model inputs a call", message.device, message.inputs)
            else:
                for event in message:
                    self._publish(event)
        self._recover()

    def _publish(self, event: Event) -> None:
        try:
            event = self._record(event)
        except Exception:
            logger.exception("an event could not be recorded")
            event = Failed(event.job, JobFailed("The picture could not be written down; the log says why."))
        log = self._logs.get(event.job)
        if log is not None:
            log.add(event)

    def _recover(self) -> None:
        """The process is gone: its jobs fail, and unless it cannot live at all, it is started again."""
        with self._lock:
            now = time.monotonic()
            self._deaths.append(now)
            often = len(self._deaths) == MOST_DEATHS and now - self._deaths[0] < DEATHS_WITHIN_SECONDS
            if often and self._refusal is None:
                self._refusal = EngineStopped(
                    f"The engine ended {MOST_DEATHS} times in a row. Please restart the studio."
                )
            error = self._refusal or EngineStopped(
                "The engine ended, or was stuck, while this job was in it, and has been started again. "
                "Please try again."
            )
            unfinished = [job for job, log in self._logs.items() if not log.has_ended]
            if self._refusal is None and not self._is_closing:
                self._start()
        for job in unfinished:
            self._publish(Failed(job, error))

    def _forget_old(self) -> None:
        """Drops the oldest ended jobs beyond `KEPT_JOBS`."""
        spare = len(self._logs) - KEPT_JOBS
        for job in [job for job, log in self._logs.items() if log.has_ended][: max(0, spare)]:
            del self._logs[job]
