"""One engine process as its client sees it: commands go in, messages come out, and a process that has frozen is ended.

It knows nothing of jobs. Nobody who sends a command waits for the process, however it fares.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import queue
import threading
import time
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

from studio.backends.messages import Command, Message, WorkerOptions
from studio.backends.worker import run_worker
from studio.settings import importable_by_children

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
LOOKS_A_PATIENCE = 8  # how often, while the patience lasts, somebody looks whether the process still says something
CLOSING_SECONDS = 10.0  # a step may still have to end


def _process_context() -> ForkServerContext | SpawnContext:
    """How the engine's process is made: a copy of one that has imported everything and done nothing, so that an engine
    that died is back in a second; where there is no such thing, a new interpreter."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["studio.backends.imports"])
    with importable_by_children(ROOT):
        forkserver.ensure_running()
    return context


class EngineProcess:
    """Starts at once. ``on_message`` is called with each message, and once, in the end, ``on_end``; both in a thread of
    the process's own, one after the other.

    A process that says nothing for ``patience`` seconds (0: for ever) is killed, whatever it is stuck in: a
    driver, or a signal that has stopped it.
    """

    def __init__(
        self, options: WorkerOptions, on_message: Callable[[Message], None], on_end: Callable[[], None]
    ) -> None:
        self._patience, self._on_message, self._on_end = options.settings.patience, on_message, on_end
        context = _process_context()
        self._pipe, self._far_end = context.Pipe()
        self._process = context.Process(target=run_worker, args=(self._far_end, options), daemon=True, name="engine")
        self._outbox: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._silent_since: float | None = None  # None while a message is being worked on
        self._threads = [
            threading.Thread(target=work, daemon=True, name=f"engine {work.__name__.strip('_')}")
            for work in (self._live, self._write)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def send(self, command: Command | None) -> None:
        """Never waits and never fails; None asks the process to end."""
        self._outbox.put(command)

    def close(self) -> None:
        """Ends the process, gently if it can be; what it said before is still passed on."""
        self.send(None)
        reader = self._threads[0]
        reader.join(CLOSING_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
            reader.join(CLOSING_SECONDS)

    def _live(self) -> None:
        """From the process's start, which may take as long as its imports, to its end."""
        try:
            self._process.start()
        except (OSError, EOFError):
            logger.exception("the engine's process cannot be started")
        self._far_end.close()
        if self._patience and self._process.pid is not None:
            threading.Thread(target=self._watch, daemon=True, name="engine watch").start()
        self._read()
        self._outbox.put(None)
        self._on_end()

    def _read(self) -> None:
        """Passes messages on until the process's end of the pipe closes."""
        while True:
            self._silent_since = time.monotonic()
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                return
            except Exception:  # a message cut short by a process that is dying, or one that cannot be understood
                logger.exception("the engine's message cannot be read")
                self._process.kill()
                return
            self._silent_since = None
            self._on_message(message)

    def _write(self) -> None:
        """Sends what is in the outbox; a process that reads nothing keeps nobody else waiting."""
        while (command := self._outbox.get()) is not None:
            with contextlib.suppress(OSError):  # the process is gone; the reader notices, too
                self._pipe.send(command)
        with contextlib.suppress(OSError):
            self._pipe.send(None)

    def _watch(self) -> None:
        while self._process.is_alive():
            since = self._silent_since
            if since is not None and time.monotonic() - since > self._patience:
                logger.error("the engine has said nothing for %g s and is ended", self._patience)
                self._process.kill()
                return
            self._process.join(self._patience / LOOKS_A_PATIENCE)
