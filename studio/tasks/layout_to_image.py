"""Layout to image: boxes with phrases say what is where (GLIGEN, Li et al. 2023).

Each box becomes a token that the picture attends to through gated layers. Without its boxes a row is one like any
other, so that layouts share their calls with everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from studio.engine.row import ReverseProcess, Row, begin_all
from studio.images.pixels import Image
from studio.images.tiles import whole
from studio.models.model import Pack
from studio.requests.layout_to_image import LayoutToImage
from studio.tasks.preparation import guided, latent_size, prompted_cost, table_of, with_each


def prepare(job: str, request: LayoutToImage, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `PackError` where the pack takes no boxes."""
    denoiser = pack.denoiser
    size = latent_size(request, denoiser)
    table = table_of(request, denoiser, whole(*size))
    plain = guided(request, pack, whole(*size))
    boxes, none = (pack.encode_boxes(each, plain.loras) for each in (request.boxes, ()))
    guidance = with_each(plain, {"boxes": boxes}, {"boxes": none})
    guidance = replace(guidance, grounded_calls=round(request.grounding * table.calls))
    return begin_all(job, request, ReverseProcess(denoiser, table, guidance, whole(*size)))


def cost(request: LayoutToImage, pack: Pack) -> float:
    height, width = latent_size(request, pack.denoiser)
    return prompted_cost(request, height * width, pack.denoiser)
