"""Text to image: one row a picture, all steered by the same words, each from a seed of its own."""

from __future__ import annotations

from collections.abc import Mapping

from studio.images.pixels import Image
from studio.packs.pack import Pack
from studio.requests import TextToImage
from studio.rows import Row, begin, latent_size, prompted_cost, single, steer
from studio.samplers.catalogue import find_sampler


def prepare(job: str, request: TextToImage, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step."""
    denoiser = pack.denoiser
    size = latent_size(request, denoiser)
    table = denoiser.tables.table(find_sampler(request.sampler), request.steps, eta=request.eta)
    steering = steer(request, pack, pack.beside_nothing(*size))
    return [
        begin(job, index, single(request, index), denoiser, table, steering, size) for index in range(request.count)
    ]


def cost(request: TextToImage, pack: Pack) -> float:
    height, width = latent_size(request, pack.denoiser)
    return prompted_cost(request, height * width, pack.denoiser)
