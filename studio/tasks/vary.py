"""Image variations: a picture steers the drawing of others by what CLIP sees in it (IP-Adapter, Ye et al. 2023).

If asked for, it also steers by what it looks like: drawing then begins from the picture with noise (SDEdit, Meng et al.
2022)."""

from __future__ import annotations

from collections.abc import Mapping

from studio.images.pixels import Image
from studio.images.resizing import covering
from studio.images.tiles import whole
from studio.packs.first_stage import to_pictures
from studio.packs.pack import Pack
from studio.requests.vary import Vary
from studio.rows import (
    ReverseProcess,
    Row,
    begin_all,
    first_call,
    guided,
    latent_size,
    prompted_cost,
    source_of,
    table_of,
    with_image,
)


def prepare(job: str, request: Vary, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `PackError` where the pack takes no pictures."""
    source, denoiser = source_of(request, "image", images), pack.denoiser
    size, first = latent_size(request, denoiser), first_call(request, request.strength)
    table = table_of(request, denoiser, first)
    start = None
    if first:
        start = pack.first_stage.encode(to_pictures(covering(source.array, request.width, request.height)[None]))[0]
    guidance = with_image(guided(request, pack, whole(*size)), pack, pack.embed_picture(source.array), request.likeness)
    return begin_all(job, request, ReverseProcess(denoiser, table, guidance, whole(*size), start))


def cost(request: Vary, pack: Pack) -> float:
    height, width = latent_size(request, pack.denoiser)
    return prompted_cost(request, height * width, pack.denoiser)
