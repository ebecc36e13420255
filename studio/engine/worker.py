"""The engine's process: loads the pack, then turns the crank, listening to the client between steps.

The client sends `Submit` and `Cancel`; the worker answers with `Ready` or `Broken` once, lists of events, and
`Alive` wherever a second passes without any. It ends when the client sends None, or is gone. No command can end it:
what one raises is that job's failure.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import queue
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, TypeAlias

from studio.engine.batching import Limits, Pace
from studio.errors import JobFailed, PackError, StudioError
from studio.events import Event, Failed
from studio.images.pixels import Image
from studio.packs.catalogue import PackInfo
from studio.requests.request import Request

if TYPE_CHECKING:  # both import torch
    from studio.engine.engine import Engine
    from studio.packs.pack import Pack

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0  # between two signs of life, at most, unless a step takes longer
OWN_PATIENCE = 0.8  # of the client's
LONGEST_LOADING_SECONDS = 3600.0  # a pack that takes longer to load counts as stuck


@dataclass(frozen=True)
class Submit:
    job: str
    request: Request
    owner: str
    images: Mapping[str, Image]
    address: str = ""


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
class Alive:
    """Nothing new; the worker is well."""


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
Message: TypeAlias = Ready | Broken | Alive | list[Event]
Inbox: TypeAlias = "queue.SimpleQueue[Command | None]"


def run_worker(pipe: Connection, options: WorkerOptions) -> None:
    """The process's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the client, which then closes the pipe
    inbox: Inbox = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, inbox), daemon=True).start()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        engine = _load(pipe, options)
        if engine is not None:
            _serve(pipe, inbox, engine, options.patience)


def _listen(pipe: Connection, inbox: Inbox) -> None:
    """Empties the pipe at once, so that a client never waits for a step or for a pack to load."""
    while True:
        try:
            inbox.put(pipe.recv())
        except (EOFError, OSError):
            break
        except Exception:  # the bytes are out of the pipe; the next command can be read
            logger.exception("a command cannot be read")
    inbox.put(None)


def _load(pipe: Connection, options: WorkerOptions) -> Engine | None:
    """The engine with its pack; None where the pack cannot be loaded, after saying so."""
    with _beating(pipe):
        from studio.engine.imports import Engine, load_pack, pick_device  # torch is imported here, here only

        _quieten()
        try:
            device = pick_device(options.device)
            pack = load_pack(options.pack, device)
        except PackError as error:
            answer: Message = Broken(error)
        else:
            limits, pace = _tune(pack, options)
            answer = Ready(str(device), limits.inputs)
    pipe.send(answer)
    return None if isinstance(answer, Broken) else Engine({options.pack.name: pack}, limits, pace)


def _serve(pipe: Connection, inbox: Inbox, engine: Engine, patience: float) -> None:
    beat = time.monotonic()
    while True:
        try:
            command = inbox.get(block=not engine.has_work, timeout=BEAT_SECONDS)
        except queue.Empty:
            with _watched(patience):
                events = engine.step()
        else:
            if command is None:
                return
            events = _obey(engine, command)
        if events:
            pipe.send(events)
        elif time.monotonic() - beat < BEAT_SECONDS:
            continue
        else:
            pipe.send(Alive())
        beat = time.monotonic()


def _obey(engine: Engine, command: Command) -> list[Event]:
    """What a command raises is the failure of its job, and of nothing else."""
    try:
        if isinstance(command, Submit):
            return engine.submit(command.job, command.request, command.owner, command.images, command.address)
        return engine.cancel(command.job, keep=command.keep)
    except Exception as error:
        logger.exception("a command cannot be obeyed")
        with contextlib.suppress(Exception):
            engine.cancel(command.job)  # whatever of it the engine has taken
        return [Failed(command.job, JobFailed(f"The engine could not take this ({type(error).__name__})."))]


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
def _beating(pipe: Connection) -> Iterator[None]:
    """Signs of life from a thread while what happens inside takes as long as it takes: a download, say."""
    is_over = threading.Event()

    def beat() -> None:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < LONGEST_LOADING_SECONDS:
                pipe.send(Alive())
                if is_over.wait(BEAT_SECONDS):
                    return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@contextlib.contextmanager
def _watched(patience: float) -> Iterator[None]:
    """Ends the process, with every thread's stack in the log, when what happens inside takes too long.

    The watch is a thread of C code, so that it works even while the interpreter is stuck in a driver. It is a little
    less patient than the client, which can only end the process, without saying where it was stuck.
    """
    if patience:
        faulthandler.dump_traceback_later(OWN_PATIENCE * patience, exit=True)
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
