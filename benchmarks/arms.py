"""The ways of serving that are compared. Each takes requests in and is stepped by the same loop, on the same U-Net."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from studio.engine.engine import Engine
from studio.engine.row import Row
from studio.engine.scheduler import Limits
from studio.events import Cancelled, Event, Failed, Finished, Previewed
from studio.models.conditioning import ConditioningBatch, stack
from studio.models.model import Pack
from studio.requests.text_to_image import TextToImage
from studio.sampling.catalogue import find_sampler
from studio.sampling.trace import step_options


@dataclass(frozen=True)
class News:
    """What became of a job: ``seen`` (a first look at it), ``done``, or ``freed`` (cancelled, and running no more)."""

    job: str
    what: str


class Arm(Protocol):
    @property
    def has_work(self) -> bool: ...

    def submit(self, job: str, request: TextToImage) -> None: ...

    def cancel(self, job: str) -> list[News]:
        """Asks for ``job`` to end; its news may come with a later step."""

    def step(self) -> list[News]:
        """The least that this arm can do before it listens again."""


class OurEngine:
    """``together``: as it is meant to be; otherwise one picture at a time."""

    def __init__(self, pack: Pack, inputs: float, *, together: bool, previews: bool = True) -> None:
        kind = Engine if previews else _Blind
        limits = Limits(inputs=inputs, waiting=10_000, each=10_000)
        self.engine = kind({pack.info.name: pack}, limits if together else _alone(limits))

    @property
    def has_work(self) -> bool:
        return self.engine.has_work

    def submit(self, job: str, request: TextToImage) -> None:
        self.engine.submit(job, request, owner=job)

    def cancel(self, job: str) -> list[News]:
        return _news(self.engine.cancel(job))

    def step(self) -> list[News]:
        return _news(self.engine.step())


class _Blind(Engine):
    """Makes no previews, to see what they cost."""

    def _preview(self, rows: Iterable[Row]) -> list[Event]:
        return []


def _alone(limits: Limits) -> Limits:
    return Limits(limits.inputs, rows=1, waiting=limits.waiting, each=limits.each)


def _news(events: Iterable[Event]) -> list[News]:
    names = {Previewed: "seen", Finished: "done", Cancelled: "freed"}
    for event in events:
        if isinstance(event, Failed):
            raise event.error
    return [News(event.job, names[type(event)]) for event in events if type(event) in names]


@dataclass
class _Run:
    """Requests of equal settings that go through one scheduler object together, as in diffusers' own pipelines."""

    jobs: list[str]
    scheduler: Any
    timesteps: list[torch.Tensor]
    latents: torch.Tensor
    conditioning: ConditioningBatch
    request: TextToImage
    at: int = 0
    cancelled: set[str] = field(default_factory=set)


class StockLoop:
    """The loop of diffusers' pipelines. ``largest`` requests of equal settings run as one batch, from beginning to
    end; with 1, one request after the other. No previews. ``traces``: whether the U-Net is called as our engine calls
    it, and not as diffusers does."""

    def __init__(self, pack: Pack, largest: int = 1, *, traces: bool = False) -> None:
        self._pack = replace(pack, denoiser=replace(pack.denoiser, traces=traces))
        self._largest = largest
        self._waiting: list[tuple[str, TextToImage]] = []
        self._run: _Run | None = None

    @property
    def has_work(self) -> bool:
        return bool(self._run or self._waiting)

    def submit(self, job: str, request: TextToImage) -> None:
        self._waiting.append((job, request))

    def cancel(self, job: str) -> list[News]:
        """What waits is dropped at once. A batch of one ends; in a larger one the slot stays taken to the end."""
        if any(job == waiting for waiting, _ in self._waiting):
            self._waiting = [item for item in self._waiting if item[0] != job]
            return [News(job, "freed")]
        if self._run is None or job not in self._run.jobs:
            return []
        if len(self._run.jobs) == 1:
            self._run = None
            return [News(job, "freed")]
        self._run.cancelled.add(job)
        return []

    @torch.inference_mode()
    def step(self) -> list[News]:
        if self._run is None:
            self._run = self._begin()
        run = self._run
        _advance(self._pack, run)
        if run.at < len(run.timesteps):
            return []
        self._run = None
        self._pack.first_stage.decode(run.latents)
        return [News(job, "freed" if job in run.cancelled else "done") for job in run.jobs]

    def _begin(self) -> _Run:
        first = self._waiting[0][1]
        alike = [item for item in self._waiting if _settings(item[1]) == _settings(first)][: self._largest]
        self._waiting = [item for item in self._waiting if item not in alike]
        return _begin(self._pack, [job for job, _ in alike], [request for _, request in alike])


def _settings(request: TextToImage) -> tuple[object, ...]:
    return request.sampler, request.steps, request.guidance, request.width, request.height


def _begin(pack: Pack, jobs: list[str], requests: list[TextToImage]) -> _Run:
    request = requests[0]
    scheduler, timesteps = pack.denoiser.tables.process.make_scheduler(find_sampler(request.sampler), request.steps)
    height, width = request.height // 8, request.width // 8
    noise = [
        torch.randn(pack.denoiser.channels, height, width, generator=torch.Generator().manual_seed(each.seed))
        for each in requests
    ]
    unprompted = [""] * len(requests) if request.guidance > 1 else []
    blank = pack.blank_concat(height, width)
    prompts = [*unprompted, *(each.prompt for each in requests)]
    conditioning = stack([pack.condition(prompt, (height, width), blank) for prompt in prompts])
    latents = torch.stack(noise).to(pack.device) * scheduler.init_noise_sigma
    return _Run(jobs, scheduler, list(timesteps), latents, conditioning, request)


def _advance(pack: Pack, run: _Run) -> None:
    timestep, guidance = run.timesteps[run.at], run.request.guidance
    inputs = run.scheduler.scale_model_input(run.latents, timestep)
    inputs = inputs.repeat(len(run.conditioning) // len(inputs), 1, 1, 1)
    output = pack.denoiser(inputs, timestep.float().expand(len(inputs)).to(pack.device), run.conditioning)
    if guidance > 1:
        unconditional, conditional = output.chunk(2)
        output = unconditional + guidance * (conditional - unconditional)
    options = step_options(find_sampler(run.request.sampler), 0.0)
    run.latents = run.scheduler.step(output, timestep, run.latents, **options).prev_sample
    run.at += 1
