"""Inpainting, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from studio.requests.fields import Choice, Flag, MaskOf, Number, Picture, Whole
from studio.requests.limits import LARGEST_PHOTO, LARGEST_SIDE, LEAST_STRENGTH, SMALLEST_PHOTO
from studio.requests.needs import DRAWING, WORDS
from studio.requests.request import Prompted

FILLS = ("noise", "original", "blur")
SIDE = Whole("of the picture in pixels", SMALLEST_PHOTO, LARGEST_PHOTO)


@dataclass(frozen=True, kw_only=True)
class Inpaint(Prompted):
    """A picture with a part of it drawn anew. width, height: the picture's own."""

    TASK: ClassVar[str] = "inpaint"
    ABOUT: ClassVar[str] = "Draw a part of a picture anew; what is not under the mask stays the same to the byte."
    NEEDS: ClassVar[frozenset[str]] = frozenset({DRAWING, WORDS})
    SIZED_BY: ClassVar[str] = "image"

    width: Annotated[int, SIDE]
    height: Annotated[int, SIDE]
    image: Annotated[str, Picture("the picture")]
    mask: Annotated[str, MaskOf("a picture of the same shape; what is light and opaque is drawn anew")]
    fill: Annotated[str, Choice("what drawing begins from under the mask", FILLS)] = "noise"
    strength: Annotated[
        float,
        Number(
            "the share of the noise levels that are gone through where fill is not noise; 1 keeps least of what was "
            "there", LEAST_STRENGTH, 1, infotext="Denoising strength",
        ),
    ] = 1.0  # fmt: skip
    only_masked: Annotated[
        bool,
        Flag(
            "work on the mask's surroundings alone, at the model's own size", infotext="Inpaint area", silent=False
        ),
    ] = False  # fmt: skip
    padding: Annotated[
        int,
        Whole(
            "pixels of surroundings that the model then sees", 0, LARGEST_SIDE, infotext="Masked area padding",
            needs="only_masked",
        ),
    ] = 32  # fmt: skip
    feather: Annotated[
        int, Whole("pixels inside the mask over which new and old are joined", 0, 256, infotext="Mask blur")
    ] = 6
