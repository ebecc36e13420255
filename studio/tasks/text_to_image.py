"""Text to image: one row a picture, all steered by the same words, each from a seed of its own."""

from __future__ import annotations

from studio.packs.pack import Pack
from studio.requests import TextToImage
from studio.rows import Row, Steering, begin, single
from studio.samplers.catalogue import find_sampler


def prepare(job: str, request: TextToImage, pack: Pack) -> list[Row]:
    """The rows of ``request``, ready for their first step."""
    denoiser = pack.denoiser
    table = denoiser.tables.table(find_sampler(request.sampler), request.steps, eta=request.eta)
    steering = Steering(
        told=pack.encode_prompt(request.prompt),
        untold=pack.encode_prompt(request.negative) if request.guidance > 1 else None,
        guidance=request.guidance,
        rescale=request.rescale,
        beside=pack.beside_nothing(request.height // denoiser.factor, request.width // denoiser.factor),
    )
    return [begin(job, index, single(request, index), denoiser, table, steering) for index in range(request.count)]
