"""Stochastic super-resolution: a picture is drawn anew with more pixels, steered by itself (Rombach et al. 2022,
section 4.4).

The model sees the small picture as channels beside the latent's, exactly as it is: no sampler scales it. Each
picture's noise comes from its own generator and is drawn for the whole canvas, which the model then sees by tiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from studio.engine.row import Finish, ReverseProcess, Row, RowConditioning, begin, begin_all
from studio.errors import InvalidRequest
from studio.images.consistency import averaged, back_projected
from studio.images.pixels import Image
from studio.images.resizing import resized
from studio.images.tiles import Tiling, tiled
from studio.message import Message
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.conditioning import Conditioning
from studio.models.model import Denoiser, Pack
from studio.models.tiles import blended
from studio.requests.super_resolve import SuperResolve
from studio.sampling.catalogue import find_sampler
from studio.tasks.preparation import first_call, source_of, table_of

Levels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]  # 0..255

MODEL_SCALE = 4
NO_WORDS = torch.zeros(0, 0)
REDRAWN = 0.35  # of the way from noise, where a pack has no upscaler


def prepare(job: str, request: SuperResolve, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step."""
    source = _source(request, images)
    return _redrawn(job, request, pack, source) if pack.upscaler is None else upscaled(job, request, pack, source)


def upscaled(job: str, request: SuperResolve, pack: Pack, source: Levels) -> list[Row]:
    """The rows of ``request`` by the model that ``pack`` has for it; ``source`` [h, w, 3] may have levels between whole
    ones."""
    upscaler = pack.upscaler
    assert upscaler is not None
    rows = _by(upscaler, job, request, pack, source)
    for row in rows:
        row.finish, row.small = _finish(request, source, MODEL_SCALE), source.astype(np.float32)
    return rows


def _by(upscaler: Denoiser, job: str, request: SuperResolve, pack: Pack, source: Levels) -> list[Row]:
    tiling, (height, width) = request.tiling, source.shape[:2]
    padded = np.pad(source.astype(np.float32), ((0, tiling.rows - height), (0, tiling.columns - width), (0, 0)), "edge")
    small, table = to_pictures(padded[None])[0].to(upscaler.device), table_of(request, upscaler, tiling)
    if upscaler.augmentation is None:
        guidance = RowConditioning(Conditioning(NO_WORDS.to(upscaler.device), concat=small))
        return begin_all(job, request, ReverseProcess(upscaler, table, guidance, tiling))
    words, rows = pack.condition("", (tiling.height, tiling.width)), []
    for index in range(request.count):
        alone = request.alone(index)
        noised = upscaler.augmentation(small.cpu(), torch.Generator().manual_seed(another_seed(alone.seed)))
        guidance = RowConditioning(replace(words, concat=noised.to(upscaler.device), level=upscaler.augmentation.level))
        rows.append(begin(job, index, alone, ReverseProcess(upscaler, table, guidance, tiling)))
    return rows


def _redrawn(job: str, request: SuperResolve, pack: Pack, source: NDArray[np.uint8]) -> list[Row]:
    """With a pack that has no upscaler: made larger, then drawn anew from a little noise, by tiles (SDEdit, Meng et al.
    2022)."""
    denoiser, tiling = pack.denoiser, _canvas(request, pack.denoiser)
    factor, first = denoiser.factor, first_call(request, REDRAWN)
    enlarged = resized(source, request.width, request.height)
    down, across = tiling.rows * factor - request.height, tiling.columns * factor - request.width
    pixels = to_pictures(np.pad(enlarged, ((0, down), (0, across), (0, 0)), "edge")[None])
    tile = tiling.scaled(factor)
    pieces = [pack.first_stage.encode(pixels[:, :, y : y + tile.height, x : x + tile.width])[0] for y, x in tile.places]
    blank = pack.blank_concat(tiling.height, tiling.width)  # of a tile, as all are alike
    concat = None if blank is None else blended([blank] * len(tiling.places), tiling)
    words = pack.condition("", (tiling.height, tiling.width), concat)
    if denoiser.embedded_guidance is not None:
        words = replace(words, guidance=denoiser.embedded_guidance(1.0))
    table, start = table_of(request, denoiser, tiling, first), blended(pieces, tiling)
    process = ReverseProcess(denoiser, table, RowConditioning(words), tiling, start)
    rows = begin_all(job, request, process)
    for row in rows:
        row.finish = _finish(request, source, request.scale)
    return rows


def _canvas(request: SuperResolve, denoiser: Denoiser) -> Tiling:
    """By tiles of the size that the denoiser was trained at."""
    factor, side = denoiser.factor, round(denoiser.native_area**0.5)
    rows, columns = (-(-length // (factor * 8)) * 8 for length in (request.height, request.width))
    return tiled(rows, columns, side, side // 4)


def another_seed(seed: int) -> int:
    """A seed of its own for noise that must not be that which the picture begins from."""
    return (seed + 2**62) % 2**63


def cost(request: SuperResolve, pack: Pack) -> float:
    if pack.upscaler is not None:
        denoiser, tiling = pack.upscaler, request.tiling
        share = 1.0
    else:
        denoiser, tiling = pack.denoiser, _canvas(request, pack.denoiser)
        share = 1 - first_call(request, REDRAWN) / (request.steps * find_sampler(request.sampler).calls)
    return share * len(tiling.places) * tiling.height * tiling.width / denoiser.native_area


def _source(request: SuperResolve, images: Mapping[str, Image]) -> NDArray[np.uint8]:
    source = source_of(request, "image", images)
    if (source.width * request.scale, source.height * request.scale) != (request.width, request.height):
        expected = Message(
            "{size} divided by {scale}, as in the request",
            size=f"{request.width}x{request.height}",
            scale=request.scale,
        )
        raise InvalidRequest("image", f"{source.width}x{source.height}", expected)
    return source.array


def _finish(request: SuperResolve, source: Levels, drawn_scale: int) -> Finish:
    def finish(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = (side * drawn_scale for side in source.shape[:2])
        picture = drawn[:height, :width]
        if request.scale != drawn_scale:
            picture = averaged(picture, drawn_scale // request.scale)
        return back_projected(picture, source) if request.consistent else picture

    return finish
