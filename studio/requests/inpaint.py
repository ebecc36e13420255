"""Inpainting, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from studio.errors import InvalidRequest
from studio.requests.limits import (
    LARGEST_PHOTO,
    LARGEST_SIDE,
    LEAST_STRENGTH,
    SMALLEST_PHOTO,
    check_flag,
    check_integer,
    check_number,
)
from studio.requests.request import Prompted

FILLS = ("noise", "original", "blur")
MOST_FEATHER = 256  # pixels


@dataclass(frozen=True, kw_only=True)
class Inpaint(Prompted):
    """A picture with a part of it drawn anew; what is not under the mask stays as it is, to the byte.

    image, mask:   the picture and what to repaint of it, by their digests; both of one size
    width, height: that size, 16 .. 8192 pixels
    fill:          what drawing begins from under the mask: "noise" alone, the "original", or a "blur" of what is around
    strength:      0.05 .. 1, the share of the noise levels that are gone through where ``fill`` is not "noise";
                   1 keeps least of it
    only_masked:   work on the mask's surroundings at the pack's own size, not on the whole picture
    padding:       0 .. 2048, how many pixels of surroundings the model then sees
    feather:       0 .. 256, over how many pixels, inside the mask, new and old are joined
    """

    TASK: ClassVar[str] = "inpaint"
    IMAGES: ClassVar[tuple[str, ...]] = ("image", "mask")

    image: str
    mask: str
    fill: str = "noise"
    strength: float = 1.0
    only_masked: bool = False
    padding: int = 32
    feather: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("width", self.width, SMALLEST_PHOTO, LARGEST_PHOTO)
        check_integer("height", self.height, SMALLEST_PHOTO, LARGEST_PHOTO)
        if self.fill not in FILLS:
            raise InvalidRequest("fill", self.fill, f"one of: {', '.join(FILLS)}")
        check_number("strength", self.strength, LEAST_STRENGTH, 1.0)
        check_flag("only_masked", self.only_masked)
        check_integer("padding", self.padding, 0, LARGEST_SIDE)
        check_integer("feather", self.feather, 0, MOST_FEATHER)
