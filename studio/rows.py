"""Row: one picture in flight. It knows its latents, where it stands in its sampler table, and what steers it.

A row knows nothing of other rows, of jobs' lives or of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from studio.errors import InvalidRequest
from studio.images.pixels import Image, Pixels
from studio.images.tiles import Place, Tiling, whole
from studio.packs.pack import Denoiser, Pack
from studio.requests import Prompted, Request
from studio.samplers.catalogue import Sampler
from studio.samplers.table import SamplerTable

Finish: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

TILES_A_CALL = 16  # of one row; larger canvases take several model calls a step


@dataclass(frozen=True)
class Steering:
    """What steers one row.

    told, untold: [tokens, width] text conditioning with and without the prompt; untold is None at guidance 1
    beside:       [channels, h, w] what the model sees beside the latent (mask and masked latent), or None
    boxes:        what the model attends to while the gates are open, or None
    picture:      a picture that the model attends to beside the words, or None
    """

    told: torch.Tensor
    untold: torch.Tensor | None
    guidance: float
    rescale: float = 0.0
    beside: torch.Tensor | None = None
    boxes: Boxes | None = None
    picture: ImagePrompt | None = None


@dataclass(frozen=True)
class ImagePrompt:
    """The tokens of a picture and of no picture at all, [tokens, width] each, and how strongly they act, from 0 on."""

    told: torch.Tensor
    untold: torch.Tensor
    scale: float


@dataclass(frozen=True)
class Boxes:
    """The tokens of a row's boxes and of no box at all, [boxes, width] each, and at how many calls, from the first on,
    the gates are open."""

    told: torch.Tensor
    untold: torch.Tensor
    calls: int


@dataclass(frozen=True)
class Keep:
    """What stays of a picture in front of a denoiser that cannot be told: its known latent is put back at each step,
    noised to where the sampler stands (Sohl-Dickstein et al. 2015, section 2.5; RePaint, Lugmayr et al. 2022).

    clean, noise: [C, h, w]; mask: [1, h, w], 1 = repaint
    """

    clean: torch.Tensor
    noise: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class Part:
    """What the model says, with the prompt and without, of some of a row's tiles, [tiles, C, h, w] each."""

    told: torch.Tensor
    untold: torch.Tensor


@dataclass
class Row:
    """``state`` is [1 + memory, C, h, w] float32: the latent, then what the sampler remembers.

    The model sees it by the tiles of ``tiling``, one unless the canvas is large; ``parts`` are what it has said at the
    current step so far.
    ``request`` makes this one picture alone: the job's request with this row's seed and a count of one. ``owner`` is
    whose turn it is when this row runs. ``finish`` makes the picture out of what is decoded, uint8 [H, W, 3].
    """

    job: str
    index: int
    request: Request
    denoiser: Denoiser
    table: SamplerTable
    steering: Steering
    state: torch.Tensor
    generator: torch.Generator = field(repr=False)
    tiling: Tiling
    owner: str = ""
    keep: Keep | None = None
    finish: Finish = lambda picture: picture
    call: int = 0
    parts: list[Part] = field(default_factory=list)
    clean: torch.Tensor | None = None  # [C, h, w], where the row was heading at its last step
    _drawn: tuple[int, torch.Tensor] | None = None  # the noise of a call, kept so that a retried call gets the same

    @property
    def latent(self) -> torch.Tensor:
        return self.state[0]

    @property
    def is_done(self) -> bool:
        return self.call == self.table.calls

    @property
    def boxes(self) -> Boxes | None:
        """What steers the current call beside the words; None once the gates are shut."""
        boxes = self.steering.boxes
        return boxes if boxes is not None and self.call < boxes.calls else None

    @property
    def tiles_done(self) -> int:
        """At the current step."""
        return sum(len(part.told) for part in self.parts)

    @property
    def places(self) -> tuple[Place, ...]:
        """The tiles that the next call asks of."""
        return self.tiling.places[self.tiles_done :][:TILES_A_CALL]

    @property
    def inputs(self) -> int:
        """How many model inputs the next call needs."""
        return len(self.places) * self._inputs_a_tile

    @property
    def cost(self) -> float:
        """What the next call needs, in model inputs of the size that the denoiser was trained at."""
        return self.inputs * self._cost_of_input

    @property
    def cost_left(self) -> float:
        """What all calls to the end need, likewise."""
        tiles = len(self.tiling.places) * (self.table.calls - self.call) - self.tiles_done
        return tiles * self._inputs_a_tile * self._cost_of_input

    @property
    def _inputs_a_tile(self) -> int:
        return 1 if self.steering.untold is None else 2

    @property
    def _cost_of_input(self) -> float:
        return self.tiling.height * self.tiling.width / self.denoiser.native_area

    @property
    def batch_key(self) -> Hashable:
        """Rows with equal keys can share a model call: denoiser, shape of a tile, conditioning shape."""
        return id(self.denoiser), self.tiling.height, self.tiling.width, tuple(self.steering.told.shape)

    def move(self, state: torch.Tensor, clean: torch.Tensor) -> None:
        """On to the next call of the sampler."""
        self.state, self.clean = state, clean
        self.parts = []
        self.call += 1

    def draw_noise(self) -> torch.Tensor | None:
        """The noise that this call needs, in the order in which the real scheduler draws it; None if it needs none."""
        if not self.table.draws[self.call]:
            return None
        if self._drawn is None or self._drawn[0] != self.call:
            self._drawn = self.call, torch.randn(self.latent.shape, generator=self.generator)
        return self._drawn[1]


def begin(
    job: str,
    index: int,
    request: Request,
    denoiser: Denoiser,
    table: SamplerTable,
    steering: Steering,
    size: tuple[int, int],
    start: torch.Tensor | None = None,
    tiling: Tiling | None = None,
) -> Row:
    """A row of ``size`` = height, width in latents, with noise drawn on the CPU from ``request.seed``.

    It begins from the noise alone, or, with a table traced from the middle, from the clean latent ``start``
    [C, h, w] noised to that table's first level. The noise is drawn for the whole canvas, whatever its ``tiling``.
    """
    generator = torch.Generator().manual_seed(request.seed)
    noise = torch.randn((denoiser.channels, *size), generator=generator)
    state = torch.zeros((1 + table.memory, *noise.shape))
    if start is None:
        state[0] = noise * table.initial_scale
    else:
        state[0] = table.signal[0] * start.cpu() + table.noise[0] * noise
    state = state.to(denoiser.device)
    return Row(job, index, request, denoiser, table, steering, state, generator, tiling or whole(*size))


def steer(
    request: Prompted,
    pack: Pack,
    beside: torch.Tensor | None,
    boxes: Boxes | None = None,
    picture: ImagePrompt | None = None,
) -> Steering:
    """By the words of ``request``, and by what else is given."""
    return Steering(
        told=pack.encode_prompt(request.caption),
        untold=pack.encode_prompt(request.negative) if request.guidance > 1 else None,
        guidance=request.guidance,
        rescale=request.rescale,
        beside=beside,
        boxes=boxes,
        picture=picture,
    )


def prompted_by(pack: Pack, embedding: torch.Tensor, likeness: float) -> ImagePrompt:
    """A picture as a prompt, by its CLIP ``embedding``; zeros stand for none, as in diffusers' pipelines."""
    return ImagePrompt(pack.picture_tokens(embedding), pack.picture_tokens(torch.zeros_like(embedding)), likeness)


def source_of(request: Request, field: str, images: Mapping[str, Image]) -> Pixels:
    """The picture that ``field`` of ``request`` names. Raises `InvalidRequest` where it is not among ``images``."""
    source = images.get(request.named[field])
    if not isinstance(source, Pixels):
        raise InvalidRequest(field, request.named[field], "a picture that is there; please give it again")
    return source


def latent_size(request: Request, denoiser: Denoiser) -> tuple[int, int]:
    """Height and width in latents of the picture that is asked for."""
    return request.height // denoiser.factor, request.width // denoiser.factor


def prompted_cost(request: Prompted, area: float, denoiser: Denoiser) -> float:
    """How many model inputs of the denoiser's own size one step at ``area`` latents takes."""
    return (2 if request.guidance > 1 else 1) * area / denoiser.native_area


def first_call(steps: int, strength: float, sampler: Sampler) -> int:
    """The model call that drawing begins with, where it goes through the share ``strength`` of ``steps`` only."""
    return min(round(steps * (1 - strength)), steps - 1) * sampler.calls
