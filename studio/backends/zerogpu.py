"""The engine on ZeroGPU (Hugging Face Spaces), where a GPU is lent for the time of one call, to a fork of the page's
process.

Each job is one call of one generator, through which all tabs go, so that one fork stays warm for all of them. In it the
engine is driven by `Engine.step` as everywhere; after each step its events come back, where the job is followed, its
pictures are written and whoever asks for it again finds it. Nobody can speak to a fork while it works, so a job is
stopped by a note in a folder that both see.

Import this before torch and gradio.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import spaces

from studio.backends.messages import Cancel, Command, Embed, LoadPack, Message, Ready, Submit, WorkerOptions
from studio.backends.placing import inputs_of
from studio.backends.worker import begin, handle_command, look, quieten
from studio.engine.scheduler import QueueCounts, ThroughputEstimate, refusal
from studio.errors import JobFailed
from studio.events import ENDS, Cancelled, Event, Failed

if TYPE_CHECKING:
    from studio.engine.embedding import Embedder
    from studio.engine.model_pool import ModelPool

logger = logging.getLogger(__name__)

AT_ONCE = 4  # calls; more wait here, where they can still be cancelled for nothing
BEGINNING_SECONDS = 15.0  # of a call: importing torch, loading the first pack
SECONDS_PER_INPUT = 0.05  # of a model of Stable Diffusion's size, until we know better
MARGIN = 1.5  # asked for, above what is expected: what runs over may be ended
LONGEST_SECONDS = 300.0  # that are asked for
LOADING_SECONDS = 0.05  # between two looks at a pack that is being loaded


class ZeroGpuBackend:
    """In place of an `EngineProcess`; every job's call is made in the context in which it was sent, since the platform
    counts its seconds for whoever asked."""

    def __init__(
        self, options: WorkerOptions, on_message: Callable[[Message], None], on_end: Callable[[], None]
    ) -> None:
        self._looker = _import_engine()
        settings = options.settings
        frugal = replace(settings, batch=int(options.limits.inputs), compile=False)  # the seconds are other people's
        self._options = replace(options, settings=frugal)
        self._on_message, self._on_end = on_message, on_end
        self._residency: ModelPool | None = None  # in the fork alone
        self._is_closing = False
        self._call = spaces.GPU(self._drawn, duration=self._seconds)
        self._inbox = ThreadPoolExecutor(1, "lent gpu inbox")  # whoever sends something is not kept waiting
        self._calls = ThreadPoolExecutor(AT_ONCE, "lent gpu")
        self._looks = ThreadPoolExecutor(1, "looks")
        self._telling, self._lock = threading.Lock(), threading.Lock()
        # A fork made while another thread multiplies inherits the library's locks taken, and waits for them for ever.
        self._multiplying = threading.RLock()
        release = self._multiplying.release
        os.register_at_fork(before=self._multiplying.acquire, after_in_parent=release, after_in_child=release)
        self._waiting: dict[str, tuple[Submit, Future[None]]] = {}
        self._paces: dict[str, ThroughputEstimate] = {}
        self._notes = tempfile.TemporaryDirectory(prefix="latent-studio-")
        self._inbox.submit(self._tell, Ready("ZeroGPU", options.limits.inputs))

    def send(self, command: Command | None) -> None:
        with contextlib.suppress(RuntimeError):  # closed already
            self._inbox.submit(contextvars.copy_context().run, self._handle_command, command)

    def _handle_command(self, command: Command | None) -> None:
        match command:
            case Submit():
                self._submit(command)
            case Cancel():
                self._cancel(command)
            case Embed():
                self._looks.submit(self._look, command)
            case LoadPack() | None:  # a pack is loaded by the call that needs it
                pass

    def close(self) -> None:
        """What is being drawn is stopped and what waits is not begun; of neither anything is told, so that it counts as
        interrupted."""
        self._is_closing = True
        with self._lock:
            jobs = list(self._waiting)
        for job in jobs:
            self._note(job, keep=False).touch()
        self._inbox.shutdown(wait=True, cancel_futures=True)
        self._looks.shutdown(wait=False, cancel_futures=True)
        self._calls.shutdown(wait=True, cancel_futures=True)
        self._notes.cleanup()
        self._on_end()

    def _submit(self, command: Submit) -> None:
        with self._lock:
            waiting = [each for each, call in self._waiting.values() if not call.running()]
            crowd = QueueCounts(
                sum(each.owner == command.owner for each in waiting),
                sum(each.address == command.address for each in waiting) if command.address else 0,
                len(waiting),
            )
            refused = refusal(self._options.limits, crowd)
            if refused is None:
                context = contextvars.copy_context()
                call = self._calls.submit(context.run, self._follow, command)
                self._waiting[command.job] = command, call
                return
        self._tell([Failed(command.job, refused)])

    def _cancel(self, command: Cancel) -> None:
        with self._lock:
            _, call = self._waiting.get(command.job, (None, None))
        if call is None:
            return
        if call.cancel():
            self._forget(command.job)
            self._tell([Cancelled(command.job)])
        else:
            self._note(command.job, command.keep).touch()

    def _follow(self, command: Submit) -> None:
        """Makes the call, and passes on what comes of it; whatever happens to it, the job comes to an end."""
        job, began, has_ended = command.job, 0.0, False
        try:
            for message in self._call(command):
                began = began or time.monotonic()
                self._tell(message)
                has_ended = has_ended or _ends(message, job)
        except Exception as error:  # of the platform: no seconds left, no GPU free, a call that took too long
            reason = str(getattr(error, "message", error)) or type(error).__name__
            logger.warning("a call on a lent GPU ended: %s", reason)
            self._tell([Failed(job, JobFailed("ZeroGPU could not draw this: {reason}", reason=reason))])
            has_ended = True
        else:
            pace = self._paces.setdefault(command.pack.name, ThroughputEstimate())
            pace.took(time.monotonic() - began, inputs_of(command.request, command.pack))
        if not has_ended:
            self._tell([Failed(job, JobFailed("ZeroGPU could not draw this: the call ended too early"))])
        self._forget(job)

    def _drawn(self, command: Submit) -> Iterator[Message]:
        """In the fork: the engine at work on one job, a message after each step."""
        if self._residency is None:
            self._residency, messages = begin(self._options)
            yield from messages
        if self._residency is None:
            return
        yield from driven(self._residency, command, self._note(command.job, True), self._note(command.job, False))

    def _seconds(self, command: Submit) -> int:
        """How long the call may take, as the platform is asked for it beforehand."""
        pace = self._paces.get(command.pack.name, ThroughputEstimate(SECONDS_PER_INPUT))
        expected = BEGINNING_SECONDS + (pace.seconds(inputs_of(command.request, command.pack)) or 0.0)
        return round(min(LONGEST_SECONDS, MARGIN * expected))

    def _look(self, command: Embed) -> None:
        """By the gallery's own small model, which stays on the CPU, in this process."""
        with self._multiplying:
            seen = look(self._looker, command)
        self._tell(seen)

    def _note(self, job: str, keep: bool) -> Path:
        return Path(self._notes.name) / f"{job}.{'keep' if keep else 'stop'}"

    def _forget(self, job: str) -> None:
        with self._lock:
            self._waiting.pop(job, None)
        for keep in (True, False):
            self._note(job, keep).unlink(missing_ok=True)

    def _tell(self, message: Message) -> None:
        """One after the other, as the client expects it."""
        if message != [] and not self._is_closing:
            with self._telling:
                self._on_message(message)


def _import_engine() -> Embedder:
    """Here rather than in each fork. Forks of a process that has used torch's threads hang, so it has one only."""
    import torch

    from studio.backends.imports import Embedder

    quieten()
    torch.set_num_threads(1)
    return Embedder()


def driven(residency: ModelPool, command: Submit, keep: Path, stop: Path) -> Iterator[list[Event]]:
    """The job from beginning to end, a list of events for each step, even where it is empty: between two of them the
    platform can stop. A file at ``keep`` or ``stop`` cancels the job. A generator that is closed leaves nothing behind
    in the engine."""
    events = handle_command(residency, command)
    try:
        while True:
            yield events
            if _ends(events, command.job):
                return
            if keep.exists() or stop.exists():
                events = handle_command(residency, Cancel(command.job, keep=keep.exists()))
            else:
                events = [*residency.settle(), *residency.engine.step()]
                if residency.is_loading:
                    time.sleep(LOADING_SECONDS)
    finally:
        handle_command(residency, Cancel(command.job, keep=False))


def _ends(message: Message, job: str) -> bool:
    return isinstance(message, list) and any(isinstance(event, ENDS) and event.job == job for event in message)
