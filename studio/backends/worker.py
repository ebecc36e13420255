"""The engine's process: loads the pack, then turns the crank, listening to the client between steps.

The client sends commands; the worker answers with `Ready` or `Broken` once, lists of events, `Packs` whenever one of
them has changed, and `Alive` about once a second. It ends when the client sends None, or is gone. No
command can end it: what one raises is that job's failure.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import queue
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, TypeAlias

from studio.backends.messages import (
    Alive,
    Broken,
    Cancel,
    Command,
    Embed,
    Embedded,
    LoadPack,
    Message,
    Packs,
    Ready,
    Submit,
    WorkerOptions,
)
from studio.engine.scheduler import Limits, ThroughputEstimate
from studio.errors import JobFailed, PackError
from studio.events import Event, Failed
from studio.logs import write_log
from studio.models.catalogue import PackState

if TYPE_CHECKING:  # both import torch
    from studio.engine.embedding import Embedder
    from studio.engine.model_pool import ModelPool
    from studio.models.model import Pack

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0  # between two signs of life, at most, unless a step takes longer
LOADING_SECONDS = 0.05  # between two looks at a pack that is being loaded, while nothing else happens
OWN_PATIENCE = 0.8  # of the client's
LONGEST_LOADING_SECONDS = 3600.0  # a pack that takes longer to load counts as stuck


Inbox: TypeAlias = "queue.SimpleQueue[Command | None]"


def run_worker(pipe: Connection, options: WorkerOptions) -> None:
    """The process's main function."""
    write_log(options.settings.log)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the client, which then closes the pipe
    inbox: Inbox = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, inbox), daemon=True).start()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        with _beating(pipe):
            residency, messages = begin(options)
        for message in messages:
            pipe.send(message)
        if residency is not None:
            for message in serving(residency, inbox, options.settings.patience):
                pipe.send(message)


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


def begin(options: WorkerOptions) -> tuple[ModelPool | None, list[Message]]:
    """The engine with its first pack, and what its client should hear; None where there is nothing to run it on. A pack
    that cannot be loaded fails the jobs that ask for it, and no others."""
    from studio.backends.imports import (  # torch is imported here, in this process only
        Engine,
        Memory,
        ModelPool,
        bytes_needed,
        bytes_of,
        free_memory,
        load_pack,
        pick_device,
        pick_precision,
    )

    quieten()
    settings, limits = options.settings, options.limits
    try:
        device = pick_device(settings.device)
    except PackError as error:
        return None, [Broken(error)]
    precision = pick_precision(settings.precision, device)
    compiles = settings.compile and not settings.strict  # whose bits must be those of the first call
    memory = Memory(lambda: free_memory(device), bytes_needed, bytes_of)
    pace, pack = None, None
    try:
        pack = load_pack(options.pack, device, models=settings.models, precision=precision, compiles=compiles)
        limits, pace = _tune(pack, options)
    except PackError as error:
        problem = error
    except Exception as error:  # an engine that ends here would be started again for ever
        logger.exception("the pack %s cannot be loaded", options.pack.title)
        kind, pack = type(error).__name__, None
        problem = PackError(
            "The pack {pack} cannot be loaded ({kind}); the log says more.", pack=options.pack.title, kind=kind
        )
    load = partial(load_pack, device=device, models=settings.models, compiles=compiles)
    residency = ModelPool(
        Engine(limits=limits),
        lambda info, precision, report: load(info, report=report, precision=precision),
        memory,
        precision,
    )
    if pack is None:
        residency.states[options.pack.name] = PackState(options.pack, "failed", problem=problem.message)
    else:
        residency.put(options.pack, pack, pace)
    return residency, [Packs(dict(residency.states)), Ready(str(device), limits.inputs)]


def serving(residency: ModelPool, inbox: Inbox, patience: float) -> Iterator[Message]:
    """What the engine says while it obeys what comes into ``inbox``, until None does."""
    from studio.backends.imports import Embedder

    engine, reported, looker = residency.engine, dict(residency.states), Embedder()
    beat, steps = time.monotonic(), engine.steps
    while True:
        try:
            is_idle = not engine.has_work
            command = inbox.get(block=is_idle, timeout=LOADING_SECONDS if residency.is_loading else BEAT_SECONDS)
        except queue.Empty:
            with _watched(patience):
                events = [*residency.settle(), *engine.step()]
        else:
            if command is None:
                return
            if isinstance(command, Embed):
                yield look(looker, command)
                events = []
            else:
                events = handle_command(residency, command)
        if residency.states != reported:
            reported = dict(residency.states)
            yield Packs(reported)
        if events:
            yield events
        passed = time.monotonic() - beat
        if passed >= BEAT_SECONDS:
            inputs = engine.inputs if engine.rows else 0
            yield Alive(engine.rows, engine.waiting, inputs, (engine.steps - steps) / passed)
            beat, steps = time.monotonic(), engine.steps


def look(looker: Embedder, command: Embed) -> Embedded:
    """The answer, or why there is none."""
    try:
        return Embedded(command.name, looker.name, looker.look(command.items))
    except PackError as error:
        return Embedded(command.name, "", (), error)
    except Exception as error:
        logger.exception("pictures cannot be looked at")
        problem = PackError("Pictures cannot be looked at ({kind}); the log says more.", kind=type(error).__name__)
        return Embedded(command.name, "", (), problem)


def handle_command(residency: ModelPool, command: Submit | Cancel | LoadPack) -> list[Event]:
    """What a command raises is the failure of its job, and of nothing else."""
    try:
        match command:
            case Submit():
                return residency.submit(command)
            case Cancel(job=job, keep=keep):
                return residency.cancel(job, keep=keep)
            case LoadPack(pack=pack):
                residency.ask(pack)
    except Exception as error:
        logger.exception("a command cannot be obeyed")
        if isinstance(command, LoadPack):
            return []
        with contextlib.suppress(Exception):
            residency.cancel(command.job, keep=False)  # whatever of it has been taken
        return [Failed(command.job, JobFailed("The engine could not take this ({kind}).", kind=type(error).__name__))]
    return []


def _tune(pack: Pack, options: WorkerOptions) -> tuple[Limits, ThroughputEstimate]:
    """The limits and the pace to begin with; strict mode never calibrates, since its bits depend on the batch size."""
    if options.settings.strict:
        from studio.engine.step import use_same_algorithms

        use_same_algorithms()
    draws_from_words = bool(pack.text.networks) and pack.denoiser is not pack.upscaler  # which is what is tried
    if not options.calibrates or options.settings.strict or not draws_from_words:
        return options.limits, ThroughputEstimate()
    from studio.engine.calibration import calibrate

    calibration = calibrate(pack)
    return replace(options.limits, inputs=calibration.inputs), ThroughputEstimate(calibration.seconds_per_input)


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


def quieten() -> None:
    """The libraries' progress bars and hints about packages that are not needed say nothing to the studio's user."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.disable_progress_bar()
