"""Row: one picture in flight. It knows its latents, where it stands in its sampler table, and what steers it.

A row knows nothing of other rows, of jobs' lives or of processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from studio.images.tiles import Place, Tiling
from studio.models.conditioning import Conditioning
from studio.models.model import Denoiser
from studio.prompts import Lora
from studio.requests.request import Request
from studio.sampling.spherical import slerp
from studio.sampling.table import SamplerTable

Finish: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

TILES_A_CALL = 16  # of one row; larger canvases take several model calls a step


@dataclass(frozen=True)
class RowConditioning:
    """What steers one row: what its model inputs are conditioned on, and how both outputs become one.

    unconditional:  of classifier-free guidance's second input (Ho and Salimans 2022); None at scale 1
    scale, rescale: see `studio.models.architecture`
    grounded_calls: at how many calls, from the first on, the boxes of the conditioning act
    loras:          which LoRAs act
    """

    conditional: Conditioning
    unconditional: Conditioning | None = None
    scale: float = 1.0
    rescale: float = 0.0
    grounded_calls: int = 0
    loras: tuple[Lora, ...] = ()

    @property
    def branches(self) -> int:
        """How many model inputs a tile takes."""
        return 1 if self.unconditional is None else 2


@dataclass(frozen=True)
class ReverseProcess:
    """How a job's pictures come out of noise: by which denoiser and sampler table, steered by what, on which canvas.

    ``start`` is an original sample [C, h, w] that a table traced from the middle begins from, noised to its first
    level; None begins from noise alone.
    """

    denoiser: Denoiser
    table: SamplerTable
    guidance: RowConditioning
    tiling: Tiling
    start: torch.Tensor | None = None


@dataclass(frozen=True)
class KnownRegion:
    """What stays of a picture in front of a denoiser without channels for it: its known latent is put back at each
    step, noised to where the sampler stands (Sohl-Dickstein et al. 2015, section 2.5; RePaint, Lugmayr et al. 2022).

    x0, noise: [C, h, w]; mask: [1, h, w], 1 = repaint
    """

    x0: torch.Tensor
    noise: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class Part:
    """The model's outputs for some of a row's tiles, [tiles, C, h, w] each; equal where a row has one input a tile."""

    conditional: torch.Tensor
    unconditional: torch.Tensor


@dataclass(frozen=True)
class CascadeStage:
    """Where a row stands among the stages of its picture: the steps that it takes, those before and after it, and what
    these cost, in model inputs as in `Row.cost` and in pixels that are decoded. ``drawn`` is what the stage before has
    drawn, uint8 [H, W, 3]. ``then`` makes the next stage's row out of what this one has drawn, float32 [H, W, 3] in
    0..255; None where it is the last."""

    steps: int
    steps_before: int = 0
    steps_after: int = 0
    cost_before: float = 0.0
    cost_after: float = 0.0
    pixels_before: float = 0.0
    pixels_after: float = 0.0
    drawn: NDArray[np.uint8] | None = None
    then: Callable[[NDArray[np.float32]], Row] | None = None


@dataclass
class Row:
    """``state`` is [1 + memory, C, h, w] float32: the latent, then what the sampler remembers.

    The model sees it by the tiles of the canvas, one unless it is large; ``parts`` are what it has said at the current
    step so far. ``x0`` is the original sample that its last step predicted, [C, h, w].
    ``request`` makes this one picture alone: the job's request with this row's seed and a count of one. ``owner`` is
    whose turn it is when this row runs. ``finish`` makes the picture out of what is decoded, uint8 [H, W, 3].
    ``small`` is what the picture averages down to, where that is known: float32 [h, w, 3] in 0..255, a pixel a latent,
    of a canvas that may be larger to the right and below. ``decoded`` are the pieces of a row that is done so far.
    ``stage`` is for pictures that are drawn in more than one; None is the only one.
    """

    job: str
    index: int
    request: Request
    process: ReverseProcess
    state: torch.Tensor
    generator: torch.Generator = field(repr=False)
    owner: str = ""
    keep: KnownRegion | None = None
    finish: Finish = lambda picture: picture
    small: NDArray[np.float32] | None = None
    stage: CascadeStage | None = None
    call: int = 0
    parts: list[Part] = field(default_factory=list)
    decoded: list[torch.Tensor] = field(default_factory=list)
    x0: torch.Tensor | None = None
    _drawn: tuple[int, torch.Tensor] | None = None  # the noise of a call, kept so that a retried call gets the same

    @property
    def denoiser(self) -> Denoiser:
        return self.process.denoiser

    @property
    def table(self) -> SamplerTable:
        return self.process.table

    @property
    def tiling(self) -> Tiling:
        return self.process.tiling

    @property
    def guidance(self) -> RowConditioning:
        return self.process.guidance

    @property
    def latent(self) -> torch.Tensor:
        return self.state[0]

    @property
    def is_done(self) -> bool:
        return self.call == self.table.calls

    @property
    def is_whole(self) -> bool:
        """Whether it is done and no stage follows."""
        return self.is_done and self.stages.then is None

    @property
    def conditionings(self) -> tuple[Conditioning, ...]:
        """What the inputs of each tile are conditioned on at the current call: with the prompt, and, if the row is
        guided, without."""
        guidance = self.guidance
        both = [each for each in (guidance.conditional, guidance.unconditional) if each is not None]
        if self.call >= guidance.grounded_calls:
            both = [replace(each, boxes=None) for each in both]
        return tuple(both)

    @property
    def tiles_done(self) -> int:
        """At the current step."""
        return sum(len(part.conditional) for part in self.parts)

    @property
    def places(self) -> tuple[Place, ...]:
        """The tiles that the next call asks of."""
        return self.tiling.places[self.tiles_done :][:TILES_A_CALL]

    @property
    def inputs(self) -> int:
        """How many model inputs the next call needs."""
        return len(self.places) * self.guidance.branches

    @property
    def cost(self) -> float:
        """What the next call needs, in model inputs of the size that the denoiser was trained at."""
        return len(self.places) * self.cost_of_tile

    @property
    def pieces(self) -> Tiling:
        """In which its picture is decoded."""
        return self.denoiser.first_stage.tiling(self.latent)

    @property
    def step(self) -> int:
        """How many steps the picture has taken. Second-order samplers call the model twice a step."""
        return self.stages.steps_before + math.ceil(self.call * self.stages.steps / self.table.calls)

    @property
    def steps(self) -> int:
        """How many it takes in all."""
        return self.stages.steps_before + self.stages.steps + self.stages.steps_after

    @property
    def stages(self) -> CascadeStage:
        """Where it stands among the stages of its picture, the only one among them."""
        return self.stage or CascadeStage(self.request.steps)

    @property
    def cost_of_tile(self) -> float:
        """What a call needs for one tile, in model inputs of the size that the denoiser was trained at."""
        return self.guidance.branches * self.tiling.height * self.tiling.width / self.denoiser.native_area

    @property
    def batch_key(self) -> Hashable:
        """Rows with equal keys can share a model call: denoiser, LoRAs, shape of a tile, conditioning shape."""
        shape = self.denoiser.architecture.shape_key(self.guidance.conditional)
        return id(self.denoiser), self.guidance.loras, self.tiling.height, self.tiling.width, shape

    def move(self, state: torch.Tensor, x0: torch.Tensor) -> None:
        """On to the next call of the sampler."""
        self.state, self.x0 = state, x0
        self.parts = []
        self.call += 1

    def draw_noise(self) -> torch.Tensor | None:
        """The noise that this call needs, in the order in which the real scheduler draws it; None if it needs none."""
        if not self.table.draws[self.call]:
            return None
        if self._drawn is None or self._drawn[0] != self.call:
            self._drawn = self.call, torch.randn(self.latent.shape, dtype=torch.float32, generator=self.generator)
        return self._drawn[1]


def begin(job: str, index: int, request: Request, process: ReverseProcess) -> Row:
    """Picture ``index`` of a job, with noise drawn on the CPU from ``request.seed``, for the whole canvas."""
    table, denoiser, canvas = process.table, process.denoiser, process.tiling
    generator = torch.Generator().manual_seed(request.seed)
    shape = (denoiser.channels, canvas.rows, canvas.columns)
    noise = torch.randn(shape, dtype=torch.float32, generator=generator)
    if request.towards is not None:
        seed, position = request.towards
        noise = slerp(
            noise, torch.randn(shape, dtype=torch.float32, generator=torch.Generator().manual_seed(seed)), position
        )
    state = torch.zeros((1 + table.memory, *noise.shape))
    if process.start is None:
        state[0] = noise * table.initial_scale
    else:
        state[0] = table.signal[0] * process.start.cpu() + table.noise[0] * noise
    return Row(job, index, request, process, state.to(denoiser.device), generator)


def begin_all(job: str, request: Request, process: ReverseProcess) -> list[Row]:
    """All pictures of ``request``, each from its own seed."""
    return [begin(job, index, request.alone(index), process) for index in range(request.count)]
