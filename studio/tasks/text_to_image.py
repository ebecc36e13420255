"""Text to image: one row a picture, all steered by the same words, each from a seed of its own.

Drawing may begin from a picture with noise (SDEdit, Meng et al. 2022), and from noise that lies between that of two
seeds. The model sees a canvas that is far larger than what it was trained at by overlapping tiles (MultiDiffusion,
Bar-Tal et al. 2023), which is how panoramas share their calls with pictures of the usual size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from studio.engine.row import ReverseProcess, Row, begin_all
from studio.images.pixels import Image
from studio.images.resizing import covering
from studio.images.tiles import Tiling, tiled, whole
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.model import Denoiser, Pack
from studio.requests.text_to_image import TextToImage
from studio.tasks.preparation import first_call, guided, latent_size, prompted_cost, source_of, table_of

LONGEST = 2  # times the side that the denoiser was trained at; beyond, tiles


def prepare(job: str, request: TextToImage, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step."""
    denoiser = pack.denoiser
    tiling = _tiling(request, denoiser)
    first, start = 0, None
    if request.image:
        source = covering(source_of(request, "image", images).array, request.width, request.height)
        first = first_call(request, request.strength)
        start = pack.first_stage.encode(to_pictures(source[None]))[0]
    process = ReverseProcess(
        denoiser,
        table_of(request, denoiser, tiling, first),
        guided(request, pack, tiling),
        tiling,
        start if first else None,
    )
    return begin_all(job, request, process)


def cost(request: TextToImage, pack: Pack) -> float:
    tiling = _tiling(request, pack.denoiser)
    return prompted_cost(request, len(tiling.places) * tiling.height * tiling.width, pack.denoiser)


def _tiling(request: TextToImage, denoiser: Denoiser) -> Tiling:
    size, side = latent_size(request, denoiser), round(math.sqrt(denoiser.native_area))
    return tiled(*size, side, side // 2) if max(size) > LONGEST * side else whole(*size)
