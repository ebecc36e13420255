"""A picture, and the same again and again, darker each time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from studio.requests.echo import Echo

from studio.engine.row import ReverseProcess, Row, begin_all
from studio.images.pixels import Image
from studio.images.tiles import whole
from studio.models.model import Pack
from studio.tasks.preparation import guided, latent_size, prompted_cost, table_of


def prepare(job: str, request: Echo, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    denoiser = pack.denoiser
    tiling = whole(*latent_size(request, denoiser))
    process = ReverseProcess(denoiser, table_of(request, denoiser, tiling), guided(request, pack, tiling), tiling)
    rows = begin_all(job, request, process)
    for row in rows:
        row.finish = lambda drawn: np.concatenate([drawn // (2**again) for again in range(request.echoes + 1)])
    return rows


def cost(request: Echo, pack: Pack) -> float:
    factor = pack.denoiser.factor
    return prompted_cost(request, (request.width // factor) * (request.height // factor), pack.denoiser)
