"""Text to image: one row a picture, all steered by the same words, each from a seed of its own.

The model sees a canvas that is far larger than what it was trained at by overlapping tiles (MultiDiffusion, Bar-Tal et
al. 2023), which is how panoramas share their calls with pictures of the usual size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from studio.images.pixels import Image
from studio.images.tiles import Tiling, tiled, whole
from studio.packs.pack import Denoiser, Pack
from studio.requests.text_to_image import TextToImage
from studio.rows import ReverseProcess, Row, begin_all, guided, latent_size, prompted_cost
from studio.samplers.catalogue import find_sampler

LONGEST = 2  # times the side that the denoiser was trained at; beyond, tiles


def prepare(job: str, request: TextToImage, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step."""
    denoiser = pack.denoiser
    tiling = _tiling(request, denoiser)
    size = (tiling.rows, tiling.columns)
    table = denoiser.tables.table(find_sampler(request.sampler), request.steps, eta=request.eta)
    return begin_all(
        job, request, ReverseProcess(denoiser, table, guided(request, pack, pack.blank_concat(*size)), tiling)
    )


def cost(request: TextToImage, pack: Pack) -> float:
    tiling = _tiling(request, pack.denoiser)
    return prompted_cost(request, len(tiling.places) * tiling.height * tiling.width, pack.denoiser)


def _tiling(request: TextToImage, denoiser: Denoiser) -> Tiling:
    size, side = latent_size(request, denoiser), round(math.sqrt(denoiser.native_area))
    return tiled(*size, side, side // 2) if max(size) > LONGEST * side else whole(*size)
