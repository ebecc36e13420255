"""What a row has drawn: its picture, decoded a few pieces at a time, or as far as it has come."""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray

from studio.engine.row import Row
from studio.images.resizing import resized
from studio.models.tiles import cut

SLICE_SECONDS = 0.2  # for which pieces are decoded between two model calls, so that others wait no longer than for one


def decode_some(row: Row) -> bool:
    """Decodes further pieces of a row that is done, at least one; whether that were all."""
    begun, tiling = time.perf_counter(), row.pieces
    for place in tiling.places[len(row.decoded) :]:
        row.decoded.append(row.denoiser.first_stage.decode_piece(cut(row.latent[None], tiling, place)))
        if row.denoiser.device.type == "cuda":
            torch.cuda.synchronize(row.denoiser.device)  # else the next model call would wait for it, uncounted
        if time.perf_counter() - begun >= SLICE_SECONDS:
            break
    return len(row.decoded) == len(tiling.places)


def levels(row: Row) -> NDArray[np.float32]:
    """The picture of a row that is done, float32 [H, W, 3] in 0..255, not finished."""
    while not decode_some(row):
        pass
    joined: NDArray[np.float32] = row.denoiser.first_stage.joined(row.decoded, row.pieces)[0].numpy()
    return joined


def picture(row: Row) -> NDArray[np.uint8]:
    """What the row has drawn, or, while it is not done, where it is heading: [H, W, 3]. Before its first step, what the
    stage before has drawn."""
    if row.is_done:
        return row.finish(levels(row).round().astype(np.uint8))
    if row.x0 is not None:
        return row.finish(row.denoiser.first_stage.decode(row.x0[None])[0].numpy())
    assert row.stage is not None
    assert row.stage.drawn is not None
    return row.stage.drawn


def has_picture(row: Row) -> bool:
    """Whether there is anything of it to be kept."""
    return row.is_done or row.x0 is not None or (row.stage is not None and row.stage.drawn is not None)


def frame(row: Row) -> NDArray[np.uint8]:
    """The same in the size of the picture that it becomes at last."""
    is_small = row.stage is not None and row.stage.then is not None
    return resized(picture(row), row.request.width, row.request.height) if is_small else picture(row)
