"""Image variations: a picture steers the drawing of others by what CLIP sees in it (IP-Adapter, Ye et al. 2023).

If asked for, it also steers by what it looks like: drawing then begins from the picture with noise (SDEdit, Meng et al.
2022)."""

from __future__ import annotations

from collections.abc import Mapping

from studio.images.pixels import Image
from studio.images.resizing import covering
from studio.packs.first_stage import to_pictures
from studio.packs.pack import Pack
from studio.requests import Vary
from studio.rows import Row, begin, first_call, latent_size, prompted_by, prompted_cost, source_of, steer
from studio.samplers.catalogue import find_sampler


def prepare(job: str, request: Vary, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `PackError` where the pack takes no pictures."""
    source, denoiser = source_of(request, "image", images), pack.denoiser
    size, sampler = latent_size(request, denoiser), find_sampler(request.sampler)
    first = first_call(request.steps, request.strength, sampler)
    table = denoiser.tables.table(sampler, request.steps, first_call=first, eta=request.eta)
    start = None
    if first:
        start = pack.first_stage.encode(to_pictures(covering(source.array, request.width, request.height)[None]))[0]
    prompt = prompted_by(pack, pack.embed_picture(source.array), request.likeness)
    steering = steer(request, pack, pack.beside_nothing(*size), picture=prompt)
    return [
        begin(job, index, request.alone(index), denoiser, table, steering, size, start)
        for index in range(request.count)
    ]


def cost(request: Vary, pack: Pack) -> float:
    height, width = latent_size(request, pack.denoiser)
    return prompted_cost(request, height * width, pack.denoiser)
