"""The forward process: a picture with noise as training adds it, and beside it what the model takes it for in a step.

Shows what a denoiser has learned: with little noise it restores the picture, with much it guesses (Sohl-Dickstein et
al. 2015; Ho et al. 2020, section 2).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from studio.engine.row import Finish, ReverseProcess, Row, begin
from studio.images.pixels import Image
from studio.images.resizing import covering
from studio.images.tiles import whole
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.model import Pack
from studio.requests.forward_process import ForwardProcess
from studio.tasks.preparation import guided, prompted_cost, source_of


def prepare(job: str, request: ForwardProcess, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, each of a single model call."""
    source, denoiser = source_of(request, "image", images), pack.denoiser
    picture = covering(source.array, request.width // 2, request.height)
    start = pack.first_stage.encode(to_pictures(picture[None]))[0]
    size = start.shape[1], start.shape[2]
    guidance = guided(request, pack, whole(*size))
    rows = []
    for index, time in enumerate(request.times):
        process = ReverseProcess(denoiser, denoiser.tables.one_step(time), guidance, whole(*size), start)
        row = begin(job, index, request.alone(index), process)
        row.finish = _side_by_side(pack.first_stage.decode(row.latent[None])[0].numpy())
        rows.append(row)
    return rows


def cost(request: ForwardProcess, pack: Pack) -> float:
    factor = pack.denoiser.factor
    return prompted_cost(request, (request.width // 2 // factor) * (request.height // factor), pack.denoiser)


def _side_by_side(noised: NDArray[np.uint8]) -> Finish:
    return lambda drawn: np.concatenate([noised, drawn], axis=1)
