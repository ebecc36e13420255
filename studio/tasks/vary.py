"""Image variations: a picture steers the drawing of others by what CLIP sees in it (IP-Adapter, Ye et al. 2023).

If asked for, it also steers by what it looks like: drawing then begins from the picture with noise (SDEdit, Meng et al.
2022)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from studio.engine.row import ReverseProcess, Row, RowConditioning, begin_all
from studio.errors import PackError
from studio.images.pixels import Image
from studio.images.resizing import covering
from studio.images.tiles import whole
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.conditioning import Conditioning
from studio.models.model import Pack
from studio.requests.vary import Vary
from studio.tasks.preparation import first_call, guided, latent_size, prompted_cost, source_of, table_of, with_image


def prepare(job: str, request: Vary, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `PackError` where the pack takes no pictures."""
    source, denoiser = source_of(request, "image", images), pack.denoiser
    size, first = latent_size(request, denoiser), first_call(request, request.strength)
    table = table_of(request, denoiser, whole(*size), first)
    start = None
    if first:
        start = pack.first_stage.encode(to_pictures(covering(source.array, request.width, request.height)[None]))[0]
    guidance = _guided_by(source.array, request, pack, size)
    return begin_all(job, request, ReverseProcess(denoiser, table, guidance, whole(*size), start))


def _guided_by(picture: NDArray[np.uint8], request: Vary, pack: Pack, size: tuple[int, int]) -> RowConditioning:
    guidance = guided(request, pack, whole(*size))
    if pack.denoiser.projection is not None:
        return with_image(guidance, pack, pack.image_prompt(picture), request.likeness)
    if pack.clip is not None and not pack.text.networks:  # it reads pictures where others read words
        token = pack.clip.embed(picture)[None]
        none = Conditioning(torch.zeros_like(token)) if request.guidance > 1 else None
        return RowConditioning(Conditioning(token), none, request.guidance, request.rescale)
    if request.strength == 1:
        raise PackError(
            "The pack {pack} does not see pictures; with less strength it can begin from one. Or choose another one.",
            pack=pack.info.title,
        )
    return guidance


def cost(request: Vary, pack: Pack) -> float:
    height, width = latent_size(request, pack.denoiser)
    return prompted_cost(request, height * width, pack.denoiser)
