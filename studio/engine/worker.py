"""The engine's process: loads the pack, then turns the crank, listening to the client between steps.

The client sends `Submit` and `Cancel`; the worker answers with `Ready` or `Broken` once, and lists of events.
It ends when the client sends None, or is gone.
"""

from __future__ import annotations

import contextlib
import faulthandler
import queue
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, TypeAlias

from studio.engine.batching import Limits, Pace
from studio.errors import PackError, StudioError
from studio.images.pixels import Image
from studio.packs.catalogue import PackInfo
from studio.requests import Request

if TYPE_CHECKING:
    from studio.packs.pack import Pack  # imports torch


@dataclass(frozen=True)
class Submit:
    job: str
    request: Request
    owner: str
    images: Mapping[str, Image]


@dataclass(frozen=True)
class Cancel:
    job: str
    keep: bool


@dataclass(frozen=True)
class Ready:
    """The pack is loaded on ``device``; a call holds ``inputs`` model inputs."""

    device: str
    inputs: float


@dataclass(frozen=True)
class Broken:
    """The pack cannot be loaded; the worker ends after saying so."""

    error: StudioError


@dataclass(frozen=True)
class WorkerOptions:
    """``device`` as in the settings. With ``calibrates``, the limit on inputs is found by trying instead.

    A step that takes longer than ``patience`` seconds ends the process; 0 waits for ever.
    """

    pack: PackInfo
    device: str
    limits: Limits
    calibrates: bool
    patience: float


Command: TypeAlias = Submit | Cancel
Inbox: TypeAlias = "queue.SimpleQueue[Command | None]"


def run_worker(pipe: Connection, options: WorkerOptions) -> None:
    """The process's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the client, which then closes the pipe
    inbox: Inbox = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, inbox), daemon=True).start()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        _serve(pipe, inbox, options)


def _listen(pipe: Connection, inbox: Inbox) -> None:
    """Empties the pipe at once, so that a client never waits for a step or for a pack to load."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            inbox.put(pipe.recv())
    inbox.put(None)


def _serve(pipe: Connection, inbox: Inbox, options: WorkerOptions) -> None:
    from studio.engine.imports import Engine, load_pack, pick_device  # torch is imported here, in this process only

    _quieten()
    try:
        device = pick_device(options.device)
        pack = load_pack(options.pack, device)
    except PackError as error:
        pipe.send(Broken(error))
        return
    limits, pace = _tune(pack, options)
    pipe.send(Ready(str(device), limits.inputs))
    engine = Engine({options.pack.name: pack}, limits, pace)
    while True:
        try:
            command = inbox.get(block=not engine.has_work)
        except queue.Empty:
            with _watched(options.patience):
                events = engine.step()
        else:
            if command is None:
                return
            if isinstance(command, Submit):
                events = engine.submit(command.job, command.request, command.owner, command.images)
            else:
                events = engine.cancel(command.job, keep=command.keep)
        if events:
            pipe.send(events)


def _tune(pack: Pack, options: WorkerOptions) -> tuple[Limits, Pace]:
    """The limits and the pace to begin with; strict mode never calibrates, since its bits depend on the batch size."""
    if options.limits.strict:
        from studio.engine.denoise import use_same_algorithms

        use_same_algorithms()
    if not options.calibrates or options.limits.strict:
        return options.limits, Pace()
    from studio.engine.calibration import calibrate

    calibration = calibrate(pack)
    return replace(options.limits, inputs=calibration.inputs), Pace(calibration.seconds_per_input)


@contextlib.contextmanager
def _watched(patience: float) -> Iterator[None]:
    """Ends the process, with every thread's stack in the log, when what happens inside takes too long.

    The watch is a thread of C code, so that it works even while the interpreter is stuck in a driver.
    """
    if patience:
        faulthandler.dump_traceback_later(patience, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _quieten() -> None:
    """The libraries' progress bars and hints about packages that are not needed say nothing to the studio's user."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()
