"""Sizes and resizing. Pure functions, of arrays uint8 [H, W] or [H, W, 3] and of masks."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.errors import InvalidRequest
from studio.images.pixels import Mask
from studio.message import Message

SMALLEST_SIDE = 64  # pixels a denoiser can work at
MULTIPLE = 8
SAME_SHAPE = 0.02  # by how much of itself a mask's aspect may differ from its picture's, for rounding


def working_size(width: int, height: int, native: int, multiple: int = MULTIPLE) -> tuple[int, int]:
    """The width and height at which a denoiser that draws ``native`` x ``native`` best works on a picture of
    ``width`` x ``height``: its aspect, about the native area, sides that are multiples of ``multiple``, none below 64.
    """
    scale = native / math.sqrt(width * height)
    sides = (max(SMALLEST_SIDE, round(side * scale / multiple) * multiple) for side in (width, height))
    new_width, new_height = sides
    return new_width, new_height


def resized(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Averaged when it gets smaller, bicubic when larger."""
    if picture.shape[:2] == (height, width):
        return picture
    is_smaller = width * height < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=method).astype(np.uint8)


def mask_of_size(mask: Mask, width: int, height: int) -> Mask:
    """``mask`` at its picture's size, of which it may be a smaller or larger copy. Raises `InvalidRequest` where it has
    another shape."""
    if abs(mask.width * height / (mask.height * width) - 1) > SAME_SHAPE:
        expected = Message("a mask of the picture's shape, {size}", size=f"{width}x{height}")
        raise InvalidRequest("mask", f"{mask.width}x{mask.height}", expected)
    return Mask.of(resized(mask.array, width, height))


def covering(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The middle of ``picture`` with the shape of ``width`` x ``height``, at that size: nothing is stretched."""
    own_height, own_width = picture.shape[:2]
    scale = min(own_width / width, own_height / height)
    cut_width, cut_height = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = (own_width - cut_width) // 2, (own_height - cut_height) // 2
    return resized(picture[y : y + cut_height, x : x + cut_width], width, height)
