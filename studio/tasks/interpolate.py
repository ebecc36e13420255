"""Interpolation: pictures on the way from one picture, or from some words, to others.

Each stands at its share of the way in all that steers it: in noise and in CLIP's space along great circles, in the
words' conditioning along a line. All of them are rows like any other and share their calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from studio.images.pixels import Image
from studio.packs.pack import Pack
from studio.packs.spherical import slerp
from studio.requests import Interpolate
from studio.rows import Row, begin, latent_size, prompted_by, prompted_cost, source_of, steer
from studio.samplers.catalogue import find_sampler


def prepare(job: str, request: Interpolate, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `PackError` where the pack takes no pictures."""
    denoiser, size = pack.denoiser, latent_size(request, pack.denoiser)
    table = denoiser.tables.table(find_sampler(request.sampler), request.steps, eta=request.eta)
    seen = [pack.embed_picture(source_of(request, name, images).array) for name in request.named]
    plain = steer(request, pack, pack.beside_nothing(*size))
    told_at_end = pack.encode_prompt(request.other_prompt or request.prompt)
    at_end = torch.randn((denoiser.channels, *size), generator=torch.Generator().manual_seed(request.seed + 1))
    rows = []
    for index, position in enumerate(request.positions):
        prompt = prompted_by(pack, slerp(seen[0], seen[1], position), request.likeness) if seen else None
        steering = replace(plain, told=torch.lerp(plain.told, told_at_end, position), picture=prompt)
        row = begin(job, index, request.alone(index), denoiser, table, steering, size)
        row.state[0] = slerp(row.latent, at_end.to(row.latent.device) * table.initial_scale, position)
        rows.append(row)
    return rows


def cost(request: Interpolate, pack: Pack) -> float:
    height, width = latent_size(request, pack.denoiser)
    return prompted_cost(request, height * width, pack.denoiser)
