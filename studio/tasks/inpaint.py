"""Inpainting: a part of a picture is drawn anew, at the size that the model draws best, and joined with the rest.

A denoiser with nine input channels sees the mask and the masked picture as channels beside the latent's (Rombach et al.
2022, section 4.5); for one with four, the known part is put back at each step (`KnownRegion`). Either way the model
only ever makes what is under the mask: the picture that comes out is the source's own bytes everywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from studio.engine.row import Finish, KnownRegion, ReverseProcess, Row, begin_all
from studio.errors import InvalidRequest
from studio.images import masks
from studio.images.pixels import Image, Mask, Pixels
from studio.images.resizing import resized, working_size
from studio.images.tiles import whole
from studio.message import Message
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.model import Pack
from studio.requests.inpaint import Inpaint
from studio.tasks.preparation import first_call, guided, prompted_cost, table_of

REACH = 6  # pixels of the model's, over which colours are matched with those around the mask


@dataclass(frozen=True)
class _Piece:
    """What the model works on: the part ``box`` of the picture, and its mask, at the model's size."""

    box: masks.Box
    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]


def prepare(job: str, request: Inpaint, pack: Pack, images: Mapping[str, Image]) -> list[Row]:
    """The rows of ``request``, ready for their first step. Raises `InvalidRequest` where nothing is to be repainted."""
    source, mask = _pair(request, images)
    piece = _cut_out(request, source, mask, pack)
    denoiser, factor = pack.denoiser, pack.denoiser.factor
    size = piece.mask.shape[0] // factor, piece.mask.shape[1] // factor
    cells = torch.from_numpy(masks.cells(piece.mask, *size))[None].to(pack.device)
    first = 0 if request.fill == "noise" else first_call(request, request.strength)
    table = table_of(request, denoiser, whole(*size), first)
    start = None
    if first:
        under = masks.filled(piece.picture, piece.mask) if request.fill == "blur" else piece.picture
        start = pack.first_stage.encode(to_pictures(under[None]))[0]
    guidance = guided(request, pack, whole(*size), concat=_concat(piece, cells, pack) if denoiser.sees_masks else None)
    rows = begin_all(job, request, ReverseProcess(denoiser, table, guidance, whole(*size), start))
    known = None if denoiser.sees_masks else pack.first_stage.encode(to_pictures(piece.picture[None]))[0]
    for row in rows:
        row.finish = _join(source, mask, piece.box, request.feather)
        if known is not None:
            noise = torch.randn(
                known.shape, dtype=torch.float32, generator=torch.Generator().manual_seed(row.request.seed)
            )
            row.keep = KnownRegion(known, noise.to(known.device), cells)  # the very noise that the row begins from
    return rows


def cost(request: Inpaint, pack: Pack) -> float:
    """Whatever the picture's size, the model works at about the pack's own."""
    return prompted_cost(request, pack.denoiser.native_area, pack.denoiser)


def _pair(request: Inpaint, images: Mapping[str, Image]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    source, mask = images.get(request.image), images.get(request.mask)
    if not isinstance(source, Pixels) or not isinstance(mask, Mask):
        raise InvalidRequest("image", request.image, "a picture and a mask that are there; please give them again")
    for name, image in (("image", source), ("mask", mask)):
        if (image.width, image.height) != (request.width, request.height):
            expected = Message("{size}, the size in the request", size=f"{request.width}x{request.height}")
            raise InvalidRequest(name, f"{image.width}x{image.height}", expected)
    return source.array, mask.array


def _cut_out(request: Inpaint, source: NDArray[np.uint8], mask: NDArray[np.uint8], pack: Pack) -> _Piece:
    painted = masks.bounds(mask)
    if painted is None:
        raise InvalidRequest("mask", "empty", "some part of the picture painted over")
    box = (0, 0, request.width, request.height)
    if request.only_masked:
        box = masks.around(painted, max(1, request.padding), request.width, request.height)
    x0, y0, x1, y1 = box
    width, height = working_size(x1 - x0, y1 - y0, pack.info.size, pack.info.multiple)
    shares = resized(mask[y0:y1, x0:x1], width, height)
    return _Piece(
        box,
        resized(source[y0:y1, x0:x1], width, height),
        np.where(shares > 0, np.uint8(255), np.uint8(0)),  # whatever is painted at all, so that no old pixel is left
    )


def _concat(piece: _Piece, cells: torch.Tensor, pack: Pack) -> torch.Tensor:
    """Mask and masked picture, [1 + C, h, w]; masked pixels are grey before they are encoded."""
    pictures = to_pictures(piece.picture[None]) * torch.from_numpy(piece.mask == 0)[None, None]
    return torch.cat([cells, pack.first_stage.encode(pictures)[0]])


def _join(source: NDArray[np.uint8], mask: NDArray[np.uint8], box: masks.Box, feather: int) -> Finish:
    """Puts what was drawn back into the picture, at the picture's own size. Looks at no more than the mask's bounds."""
    painted = masks.bounds(mask)
    assert painted is not None
    x0, y0, x1, y1 = painted

    def finish(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
        ring = max(1, round((box[2] - box[0]) / drawn.shape[1]))  # one pixel of the model's
        left, top = max(x0 - ring, box[0]), max(y0 - ring, box[1])
        right, bottom = min(x1 + ring, box[2]), min(y1 + ring, box[3])
        part = np.s_[top:bottom, left:right]
        piece = resized(drawn, box[2] - box[0], box[3] - box[1])
        piece = piece[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
        piece = masks.fitted(piece, source[part], mask[part], ring, REACH * ring)
        result = source.copy()
        result[part] = masks.joined(source[part], piece, masks.seam(mask[part], feather))
        return result

    return finish
