"""Super-resolution, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from studio.errors import InvalidRequest
from studio.images.tiles import Tiling, tiled
from studio.requests.limits import LARGEST_PHOTO, SIDE_MULTIPLE, SMALLEST_PHOTO, check_flag, check_integer
from studio.requests.request import Request

SCALES = (4, 2)
TILE, TILE_OVERLAP = 32, 8  # latents; the model was trained at TILE
MOST_SMALL_PIXELS = 2**20  # of a picture that is to have more


@dataclass(frozen=True, kw_only=True)
class SuperResolve(Request):
    """A picture with more pixels, whose details are drawn: each seed invents others. The rest: see `Request`.

    image:         the picture, by its digest; at most a megapixel
    width, height: of what comes out, the picture's times ``scale``, 32 .. 8192 pixels
    scale:         4, what the model was trained for, or 2, which is 4 averaged
    consistent:    correct what was drawn until it averages down to the picture again (back-projection)
    """

    TASK: ClassVar[str] = "super-resolve"
    IMAGES: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    scale: int = 4
    consistent: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.scale, bool) or self.scale not in SCALES:
            raise InvalidRequest("scale", self.scale, f"one of: {', '.join(map(str, SCALES))}")
        for name in ("width", "height"):
            side = getattr(self, name)
            check_integer(name, side, SMALLEST_PHOTO * self.scale, LARGEST_PHOTO)
            if side % self.scale:
                raise InvalidRequest(name, side, f"the picture's, times {self.scale}")
        if self.width * self.height > MOST_SMALL_PIXELS * self.scale**2:
            shown = f"{self.width // self.scale}x{self.height // self.scale}"
            raise InvalidRequest("image", shown, "a picture of at most a megapixel; make it smaller first")
        check_flag("consistent", self.consistent)

    @property
    def tiling(self) -> Tiling:
        """How the model will see the picture, one latent a pixel, its sides rounded up to what the model takes."""
        rows, columns = (-(-side // self.scale // SIDE_MULTIPLE) * SIDE_MULTIPLE for side in (self.height, self.width))
        return tiled(rows, columns, TILE, TILE_OVERLAP)
