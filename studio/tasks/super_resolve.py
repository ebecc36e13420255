"""Stochastic super-resolution: a picture is drawn anew with more pixels, steered by itself (Rombach et al. 2022,
section 4.4).

The model sees the small picture as channels beside the latent's, exactly as it is: no sampler scales it. Each
picture's noise comes from its own generator and is drawn for the whole canvas, which the model then sees by tiles.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from studio.errors import InvalidRequest, PackError
from studio.images.consistency import averaged, back_projected
from studio.images.pixels import Image
from studio.packs.conditioning import Conditioning
from studio.packs.first_stage import to_pictures
from studio.packs.pack import Denoiser, Pack
from studio.requests.super_resolve import SuperResolve
from studio.rows import Finish, Guidance, ReverseProcess, Row, begin_all, source_of, table_of

MODEL_SCALE = 4
NO_WORDS = torch.zeros(0, 0)


def prepare(job: str, request: SuperResolve, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `PackError` where the pack cannot do this."""
    upscaler, source = _upscaler(pack), _source(request, images)
    tiling = request.tiling
    height, width = source.shape[:2]
    padded = np.pad(source, ((0, tiling.rows - height), (0, tiling.columns - width), (0, 0)), "edge")
    concat = to_pictures(padded[None])[0].to(upscaler.device)
    table = table_of(request, upscaler)
    guidance = Guidance(Conditioning(NO_WORDS.to(upscaler.device), concat=concat))
    rows = begin_all(job, request, ReverseProcess(upscaler, table, guidance, tiling))
    for row in rows:
        row.finish = _finish(request, source)
    return rows


def cost(request: SuperResolve, pack: Pack) -> float:
    tiling = request.tiling
    return len(tiling.places) * tiling.height * tiling.width / _upscaler(pack).native_area


def _upscaler(pack: Pack) -> Denoiser:
    if pack.upscaler is None:
        raise PackError(f"The pack {pack.info.title} has no model for super-resolution; choose another one.")
    return pack.upscaler


def _source(request: SuperResolve, images: Mapping[str, Image]) -> NDArray[np.uint8]:
    source = source_of(request, "image", images)
    if (source.width * request.scale, source.height * request.scale) != (request.width, request.height):
        expected = f"{request.width}x{request.height} divided by {request.scale}, as in the request"
        raise InvalidRequest("image", f"{source.width}x{source.height}", expected)
    return source.array


def _finish(request: SuperResolve, source: NDArray[np.uint8]) -> Finish:
    def finish(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = (side * MODEL_SCALE for side in source.shape[:2])
        picture = drawn[:height, :width]
        if request.scale != MODEL_SCALE:
            picture = averaged(picture, MODEL_SCALE // request.scale)
        return back_projected(picture, source) if request.consistent else picture

    return finish
