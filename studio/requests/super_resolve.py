"""Super-resolution, as it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from studio.errors import InvalidRequest
from studio.images.tiles import Tiling, tiled
from studio.requests.fields import Choice, Flag, Picture, Whole
from studio.requests.limits import LARGEST_PHOTO, MOST_PICTURES, SIDE_MULTIPLE, SMALLEST_PHOTO, check_integer
from studio.requests.needs import UPSCALING
from studio.requests.request import Request

SCALES = (4, 2)
TILE, TILE_OVERLAP = 32, 8  # latents; the model was trained at TILE
MOST_SMALL_PIXELS = 2**20  # of a picture that is to have more


@dataclass(frozen=True, kw_only=True)
class SuperResolve(Request):
    """A picture with more pixels, whose details are drawn. width, height: the picture's times ``scale``, 32 .. 8192.
    ``scale`` is 4, what the model was trained for, or 2, which is 4 averaged.
    """

    TASK: ClassVar[str] = "super-resolve"
    ABOUT: ClassVar[str] = "Give a picture more pixels; its details are drawn, others with each seed."
    NEEDS: ClassVar[frozenset[str]] = frozenset({UPSCALING})
    SIZED_BY: ClassVar[str] = "image"

    count: Annotated[int, Whole("how many pictures", 1, MOST_PICTURES, option="--samples")] = 1
    image: Annotated[str, Picture("a picture of at most a megapixel")]
    scale: Annotated[int, Choice("how many times its sides", SCALES, infotext="Upscale by")] = 4
    consistent: Annotated[
        bool, Flag("correct the result until it averages down to the picture again", option="--loose")
    ] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("width", "height"):
            side = getattr(self, name)
            check_integer(name, side, SMALLEST_PHOTO * self.scale, LARGEST_PHOTO)
            if side % self.scale:
                raise InvalidRequest(name, side, "the picture's, times {scale}", scale=self.scale)
        if self.width * self.height > MOST_SMALL_PIXELS * self.scale**2:
            shown = f"{self.width // self.scale}x{self.height // self.scale}"
            raise InvalidRequest("image", shown, "a picture of at most a megapixel; make it smaller first")

    @classmethod
    def sides(cls, width: int, height: int, asked: Mapping[str, Any]) -> tuple[int, int]:
        scale = asked.get("scale", cls.scale)
        factor = scale if scale in SCALES else 0  # which is refused by name
        return width * factor, height * factor

    @property
    def tiling(self) -> Tiling:
        """How the model will see the picture, one latent a pixel, its sides rounded up to what the model takes."""
        rows, columns = (-(-side // self.scale // SIDE_MULTIPLE) * SIDE_MULTIPLE for side in (self.height, self.width))
        return tiled(rows, columns, TILE, TILE_OVERLAP)
