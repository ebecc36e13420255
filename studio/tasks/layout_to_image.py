"""Layout to image: boxes with phrases say what is where (GLIGEN, Li et al. 2023).

Each box becomes a token that the picture attends to through gated layers. Without its boxes a row is one like any
other, so that layouts share their calls with everything else.
"""

from __future__ import annotations

from collections.abc import Mapping

from studio.images.pixels import Image
from studio.packs.pack import Pack
from studio.requests import LayoutToImage
from studio.rows import Boxes, Row, Steering, begin, single
from studio.samplers.catalogue import find_sampler


def prepare(job: str, request: LayoutToImage, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `PackError` where the pack takes no boxes."""
    denoiser = pack.denoiser
    size = _size(request, pack)
    table = denoiser.tables.table(find_sampler(request.sampler), request.steps, eta=request.eta)
    steering = Steering(
        told=pack.encode_prompt(request.caption),
        untold=pack.encode_prompt(request.negative) if request.guidance > 1 else None,
        guidance=request.guidance,
        rescale=request.rescale,
        beside=pack.beside_nothing(*size),
        boxes=Boxes(
            pack.encode_boxes(request.boxes), pack.encode_boxes(()), calls=round(request.grounding * table.calls)
        ),
    )
    return [
        begin(job, index, single(request, index), denoiser, table, steering, size) for index in range(request.count)
    ]


def latent_area(request: LayoutToImage, pack: Pack) -> float:
    height, width = _size(request, pack)
    return height * width


def _size(request: LayoutToImage, pack: Pack) -> tuple[int, int]:
    """Height and width in latents."""
    return request.height // pack.denoiser.factor, request.width // pack.denoiser.factor
