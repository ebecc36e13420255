"""The `EngineClient` of this machine: starts the engine's process, watches over it and starts it again when it dies."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import queue
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence

from studio.backends.client import EmbeddedPictures, EngineHandle, StartEngine
from studio.backends.joblog import JobLog
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
from studio.backends.process import EngineProcess
from studio.backends.quarantine import MOST_LIVES, Quarantine, RestartDelay
from studio.errors import EngineStopped, InvalidRequest, JobFailed, PackError, QueueFull, StudioError, UnknownJob
from studio.events import ENDS, Cancelled, Event, Failed, Started
from studio.images.pixels import Image, Pixels
from studio.models.adapters.lora_folder import lora_names
from studio.models.catalogue import PACKS, PackInfo, PackState
from studio.models.registry import find_pack, packs_in
from studio.requests.request import Request
from studio.settings import Settings

logger = logging.getLogger(__name__)

KEPT_JOBS = 1000  # ended jobs that can still be followed
LONGEST_OWNER = 128  # characters
LOOK_SECONDS = 30.0
DRAIN_LOOK_SECONDS = 0.1


@dataclasses.dataclass
class _Job:
    """What must be known of a job until it ends, should the engine die: what was ``asked``, whether it ``is_kept``,
    ``is_sent``, ``has_started`` or ``is_cancelled``, and how many engines have died while it waited."""

    asked: Submit
    is_kept: bool = True
    is_sent: bool = False
    has_started: bool = False
    is_cancelled: bool = False
    deaths: int = 0

    def start(self) -> None:
        """It will not be sent again, so its images, which may be large, are let go."""
        self.has_started, self.asked = True, dataclasses.replace(self.asked, images={})


class LocalClient:
    """An engine process on this machine, or what ``engine`` starts in its place. ``record`` sees each event before
    anybody else and may replace it; ``accept`` is told of each job, its owner and its request before it is sent, and
    may refuse it by raising `StudioError`.

    An engine that dies is started again, sooner or later as it has been dying lately. Jobs that were being drawn fail;
    those that waited go on waiting. What was being drawn when the engine died twice is not taken from the same people
    again, so that one request cannot keep everybody else out.

    Use as a context manager, or call `close`. Half of its methods are the face that `EngineClient` asks for; the others
    take what the engine says, in one place, under one lock.
    """

    def __init__(
        self,
        settings: Settings,
        record: Callable[[Event], Event] = lambda event: event,
        accept: Callable[[str, str, Request], None] = lambda job, owner, request: None,
        engine: StartEngine = EngineProcess,
    ) -> None:
        self._engine = engine
        models = settings.models.absolute()  # an engine may be started elsewhere
        self._options = WorkerOptions(find_pack(settings.pack), dataclasses.replace(settings, models=models))
        self._models = settings.models
        self._states: Mapping[str, PackState] = {}  # of packs that somebody has asked for
        self._most_jobs = settings.queue + settings.rows  # more than these the engine never has
        self._record, self._accept = record, accept
        self._lock = threading.Lock()
        self._logs: OrderedDict[str, JobLog] = OrderedDict()
        self._jobs: dict[str, _Job] = {}
        self._looks: dict[str, queue.SimpleQueue[Embedded | None]] = {}
        self._quarantine, self._restart_delay = Quarantine(), RestartDelay()
        self._refusal: StudioError | None = None
        self.inputs: float | None = None  # most model inputs in a call, once the engine is there
        self.device = ""  # likewise
        self.pulse = Alive()
        self.starts = 0  # of engine processes, so far
        self._closing = threading.Event()
        self._process: EngineHandle | None = None
        self._start()

    def __enter__(self) -> LocalClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def packs(self) -> tuple[PackState, ...]:
        first = self._options.pack
        known = {first.name: PackState(first)}
        for state in (*(PackState(find_pack(name)) for name in PACKS), *packs_in(self._models)):
            known.setdefault(state.info.name, state)
        return tuple(self._states.get(name, state) for name, state in known.items())

    def loras(self) -> list[str]:
        return lora_names(self._models)

    def load(self, pack: str) -> None:
        with self._lock, contextlib.suppress(PackError):
            self._send(LoadPack(self._info_of(pack)))

    def _info_of(self, pack: str) -> PackInfo:
        """Raises `PackError` for a pack that is not there, or of which nothing can be loaded."""
        if pack == self._options.pack.name:
            return self._options.pack
        found = next((state for state in self.packs() if state.info.name == pack), None)
        if found is None:
            raise PackError("There is no pack {pack} here (any more).", pack=repr(pack))
        if found.problem is not None and pack not in self._states:
            raise PackError(found.problem)
        return found.info

    def submit(
        self,
        request: Request,
        owner: str = "",
        images: Sequence[Image] = (),
        address: str = "",
        *,
        keep: bool = True,
        again: bool = False,
    ) -> str:
        for field, name in (("owner", owner), ("address", address)):
            if not isinstance(name, str) or len(name) > LONGEST_OWNER:
                raise InvalidRequest(field, name, "a name of at most {most} characters", most=LONGEST_OWNER)
        name, log = secrets.token_hex(16), JobLog(is_kept=keep)
        info: PackInfo = self._options.pack
        refusal: StudioError | None = None
        try:
            info = self._info_of(request.pack)
            if not again:
                request.check_sampling(info.process)
        except (PackError, InvalidRequest) as error:
            refusal = error
        job = _Job(Submit(name, request, info, owner, {each.digest: each for each in images}, address), keep)
        with self._lock:
            self._logs[name] = log
            self._forget_old()
            refusal = refusal or self._refusal_of(job)
            if refusal is None:
                self._jobs[name] = job
        if refusal is None:
            refusal = self._sent(job)
        if refusal is not None:
            log.add(Failed(name, refusal))
        return name

    def _sent(self, job: _Job) -> StudioError | None:
        """Why a job could not be sent, after all: it must be written down first."""
        name = job.asked.job
        try:
            if job.is_kept:
                self._accept(name, job.asked.owner, job.asked.request)
        except StudioError as error:
            with self._lock:
                self._jobs.pop(name, None)
            return error
        with self._lock:
            job.is_sent = True
            self._send(job.asked)
        return None

    def _refusal_of(self, job: _Job) -> StudioError | None:
        if self._refusal:
            return self._refusal
        if len(self._jobs) >= self._most_jobs:
            return QueueFull(
                "{count} jobs are waiting already, which is the most.{wait} Please try again later.",
                count=len(self._jobs),
                wait="",
            )
        return self._quarantine.refusal(job.asked)

    def events(self, job: str, heartbeat: float | None = None) -> Iterator[list[Event]]:
        log = self._logs.get(job)
        if log is None:
            raise UnknownJob("This job is no longer known. Its finished pictures are kept in the data folder.")
        return log.follow(heartbeat)

    def look(self, items: Sequence[Pixels | str]) -> EmbeddedPictures | None:
        name, answer = secrets.token_hex(8), queue.SimpleQueue[Embedded | None]()
        with self._lock:
            if self._process is None:
                return None
            self._looks[name] = answer
            self._send(Embed(name, tuple(items)))
        try:
            looked = answer.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            looked = None
        finally:
            with self._lock:
                self._looks.pop(name, None)
        if looked is None:
            return None
        if looked.error:
            raise looked.error
        return EmbeddedPictures(looked.model, looked.vectors)

    def cancel(self, job: str, *, keep: bool = False) -> None:
        with self._lock:
            if (log := self._logs.get(job)) is not None and not log.is_kept:
                del self._logs[job]
            is_there, is_known = bool(self.device), job in self._jobs
            self._send(Cancel(job, keep))
            if is_known:
                self._jobs[job].is_cancelled = True  # should this engine not live to hear it
        if is_known and not is_there:  # it hears of both at once when it is, which may take minutes
            self._publish(Cancelled(job))

    def drain(self, seconds: float) -> None:
        """Takes no further jobs, and waits until those that are being drawn have ended, but no longer than so many
        seconds. Those that wait are left, for the next start."""
        with self._lock:
            self._refusal = EngineStopped("The studio is being closed. Please try again in a minute.")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(job.has_started for job in [*self._jobs.values()]):
            time.sleep(DRAIN_LOOK_SECONDS)

    def close(self) -> None:
        """Ends the engine process; running jobs end with it."""
        self._closing.set()
        with self._lock:
            process = self._process
        if process is not None:
            process.close()

    def _send(self, command: Command) -> None:
        if self._process is not None:
            self._process.send(command)

    def _start(self) -> None:
        self.starts += 1
        self._process = self._engine(self._options, self._hear, self._recover)
        for job in self._jobs.values():
            if job.is_sent:
                self._send(job.asked)

    def _hear(self, message: Message) -> None:
        match message:
            case Alive():
                self.pulse = message
            case Broken(error=error):
                self._refusal = error
            case Embedded(name=name):
                if answer := self._looks.get(name):
                    answer.put(message)
            case Packs(states=states):
                self._states = states
            case Ready(device=device, inputs=inputs):
                self.inputs, self.device = inputs, device
                logger.info("the engine runs on %s, %g model inputs a call", device, inputs)
            case events:
                for event in events:
                    self._publish(event)

    def _publish(self, event: Event) -> None:
        with self._lock:
            job = self._jobs.get(event.job)
        try:
            if job is None or job.is_kept:
                event = self._record(event)
        except Exception:
            logger.exception("an event could not be recorded")
            event = Failed(event.job, JobFailed("The picture could not be written down; the log says why."))
        with self._lock:
            log = self._logs.get(event.job)
            if isinstance(event, ENDS):
                self._jobs.pop(event.job, None)
            elif isinstance(event, Started) and job is not None:
                job.start()
        if log is not None:
            log.add(event)

    def _recover(self) -> None:
        """The process is gone: what it was drawing fails, and unless it cannot live at all, another one is started."""
        with self._lock:
            self._process, self._states, self.pulse = None, {}, Alive()
            self.device, self.inputs = "", None
            for answer in self._looks.values():
                answer.put(None)
            cancelled = [name for name, job in self._jobs.items() if job.is_cancelled]
            failed = self._failed_jobs()
        error = self._refusal or EngineStopped(
            "The engine ended, or was stuck, while this job was in it, and has been started again. Please try again."
        )
        for job in cancelled:
            self._publish(Cancelled(job))
        for job in failed:
            self._end(job, error)
        if self._refusal is None and not self._closing.wait(self._restart_delay.after_death()):
            with self._lock:
                if not self._closing.is_set():
                    self._start()

    def _end(self, job: str, error: StudioError) -> None:
        """Fails a job that was in the engine. Where the studio is being closed nothing of it is recorded, so that it
        counts as interrupted."""
        if not self._closing.is_set():
            self._publish(Failed(job, error))
            return
        with self._lock:
            self._jobs.pop(job, None)
            log = self._logs.get(job)
        if log is not None:
            log.add(Failed(job, error))

    def _failed_jobs(self) -> list[str]:
        """The jobs that end with the engine; what it may have died of goes into quarantine."""
        failed = []
        for name, job in self._jobs.items():
            if not job.is_sent:
                continue
            job.deaths += 1
            is_hit = job.has_started or job.deaths == MOST_LIVES
            if is_hit and not self._refusal and not self._closing.is_set():  # whoever asked may have cancelled it since
                self._quarantine.add(job.asked)
            if not job.is_cancelled and (is_hit or self._refusal or self._closing.is_set()):
                failed.append(name)
        return failed

    def _forget_old(self) -> None:
        """Drops the oldest ended jobs beyond `KEPT_JOBS`."""
        spare = len(self._logs) - KEPT_JOBS
        for job in [job for job, log in self._logs.items() if log.has_ended][: max(0, spare)]:
            del self._logs[job]
