"""Interpolation between two pictures, or two prompts.

Each picture stands at its position between the ends in all that steers it: in noise and in CLIP's space along great
circles, in the words' conditioning along a line. All of them are rows like any other and share their calls.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from studio.images.pixels import Image
from studio.images.tiles import whole
from studio.packs.pack import Pack
from studio.packs.spherical import slerp
from studio.requests.interpolate import Interpolate
from studio.rows import (
    ReverseProcess,
    Row,
    begin,
    guided,
    latent_size,
    prompted_cost,
    source_of,
    with_each,
    with_image,
)
from studio.samplers.catalogue import find_sampler


def prepare(job: str, request: Interpolate, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `PackError` where the pack takes no pictures."""
    denoiser, size = pack.denoiser, latent_size(request, pack.denoiser)
    table = denoiser.tables.table(find_sampler(request.sampler), request.steps, eta=request.eta)
    seen = [pack.embed_picture(source_of(request, name, images).array) for name in request.named]
    at_start = guided(request, pack, pack.blank_concat(*size))
    last_words = pack.encode_prompt(request.other_prompt or request.prompt)
    at_end = torch.randn((denoiser.channels, *size), generator=torch.Generator().manual_seed(request.seed + 1))
    rows = []
    for index, position in enumerate(request.positions):
        words = torch.lerp(at_start.conditional.text, last_words, position)
        guidance = with_each(at_start, {"text": words}, {})
        if seen:
            guidance = with_image(guidance, pack, slerp(seen[0], seen[1], position), request.likeness)
        row = begin(job, index, request.alone(index), ReverseProcess(denoiser, table, guidance, whole(*size)))
        row.state[0] = slerp(row.latent, at_end.to(row.latent.device) * table.initial_scale, position)
        rows.append(row)
    return rows


def cost(request: Interpolate, pack: Pack) -> float:
    height, width = latent_size(request, pack.denoiser)
    return prompted_cost(request, height * width, pack.denoiser)
