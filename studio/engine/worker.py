"""The engine's process: loads the pack, then turns the crank, listening to the client between steps.

The client sends `Submit` and `Cancel`; the worker answers with `Ready` or `Broken` once, and lists of events.
It ends when the client sends None, or is gone.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeAlias

from studio.errors import PackError, StudioError
from studio.packs.catalogue import PackInfo
from studio.requests import Request

# How often a thread of the CPU's math library looks whether the others are done before it sleeps; read when torch is
# loaded. The usual 300,000 stall a whole machine when one other program is busy (see ARCHITECTURE.md).
SPINS = "2000"


@dataclass(frozen=True)
class Submit:
    job: str
    request: Request


@dataclass(frozen=True)
class Cancel:
    job: str
    keep: bool


@dataclass(frozen=True)
class Ready:
    """The pack is loaded on ``device``."""

    device: str


@dataclass(frozen=True)
class Broken:
    """The pack cannot be loaded; the worker ends after saying so."""

    error: StudioError


@dataclass(frozen=True)
class WorkerOptions:
    """``device`` as in the settings; ``inputs`` and ``rows`` as in the engine's limits."""

    pack: PackInfo
    device: str
    inputs: int
    rows: int


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
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    _quieten()
    from studio.engine.engine import Engine, Limits  # torch is imported here, in this process only
    from studio.packs.loading import load_pack, pick_device

    try:
        device = pick_device(options.device)
        pack = load_pack(options.pack, device)
    except PackError as error:
        pipe.send(Broken(error))
        return
    pipe.send(Ready(str(device)))
    engine = Engine({options.pack.name: pack}, Limits(options.inputs, options.rows))
    while True:
        try:
            command = inbox.get(block=not engine.has_work)
        except queue.Empty:
            events = engine.step()
        else:
            if command is None:
                return
            if isinstance(command, Submit):
                events = engine.submit(command.job, command.request)
            else:
                events = engine.cancel(command.job, keep=command.keep)
        if events:
            pipe.send(events)


def _quieten() -> None:
    """The libraries' progress bars and hints about packages that are not needed say nothing to the studio's user."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()
