"""Interpolation between two pictures, or two prompts.

Each picture stands at its position between the ends in all that steers it: in noise and in CLIP's space along great
circles, in the words' conditioning along a line. All of them are rows like any other and share their calls.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from studio.engine.row import ReverseProcess, Row, begin
from studio.images.pixels import Image
from studio.images.tiles import whole
from studio.models.conditioning import Conditioning
from studio.models.model import Pack
from studio.requests.interpolate import Interpolate
from studio.sampling.spherical import slerp
from studio.tasks.preparation import guided, latent_size, prompted_cost, source_of, table_of, with_each, with_image


def prepare(job: str, request: Interpolate, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `PackError` where the pack takes no pictures."""
    denoiser, size = pack.denoiser, latent_size(request, pack.denoiser)
    table = table_of(request, denoiser, whole(*size))
    seen = [pack.image_prompt(source_of(request, name, images).array) for name in request.named]
    last = request.other_prompt or request.prompt
    at_start = guided(request, pack, whole(*size), last)
    chunks = max(map(pack.text.chunks, (request.caption, last, request.negative)))
    at_the_end = pack.condition(last, size, chunks=chunks, skip=request.clip_skip, loras=at_start.loras)
    rows = []
    for index, position in enumerate(request.positions):
        guidance = with_each(at_start, _between(at_start.conditional, at_the_end, position), {})
        if seen:
            guidance = with_image(guidance, pack, slerp(seen[0], seen[1], position), request.likeness)
        process = ReverseProcess(denoiser, table, guidance, whole(*size))
        rows.append(begin(job, index, request.alone(index), process))
    return rows


def _between(start: Conditioning, end: Conditioning, position: float) -> dict[str, torch.Tensor]:
    """What the words say at ``position``, 0..1, between two prompts."""
    words = {"text": torch.lerp(start.text, end.text, position)}
    if start.pooled is not None and end.pooled is not None:
        words["pooled"] = torch.lerp(start.pooled, end.pooled, position)
    return words


def cost(request: Interpolate, pack: Pack) -> float:
    height, width = latent_size(request, pack.denoiser)
    return prompted_cost(request, height * width, pack.denoiser)
