"""Text to image: one row a picture, all steered by the same words, each from a seed of its own."""

from __future__ import annotations

from collections.abc import Mapping

from studio.images.pixels import Image
from studio.packs.pack import Pack
from studio.requests import TextToImage
from studio.rows import Row, Steering, begin, single
from studio.samplers.catalogue import find_sampler


def prepare(job: str, request: TextToImage, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step."""
    denoiser = pack.denoiser
    size = _size(request, pack)
    table = denoiser.tables.table(find_sampler(request.sampler), request.steps, eta=request.eta)
    steering = Steering(
        told=pack.encode_prompt(request.prompt),
        untold=pack.encode_prompt(request.negative) if request.guidance > 1 else None,
        guidance=request.guidance,
        rescale=request.rescale,
        beside=pack.beside_nothing(*size),
    )
    return [
        begin(job, index, single(request, index), denoiser, table, steering, size) for index in range(request.count)
    ]


def latent_area(request: TextToImage, pack: Pack) -> float:
    height, width = _size(request, pack)
    return height * width


def _size(request: TextToImage, pack: Pack) -> tuple[int, int]:
    """Height and width in latents."""
    return request.height // pack.denoiser.factor, request.width // pack.denoiser.factor
