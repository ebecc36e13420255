"""Text to image, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from studio.requests.limits import check_side
from studio.requests.request import Prompted


@dataclass(frozen=True, kw_only=True)
class TextToImage(Prompted):
    """Pictures from words. width, height: 64 .. 2048 pixels, multiples of 8. The rest: see `Prompted`."""

    TASK: ClassVar[str] = "text-to-image"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_side("width", self.width)
        check_side("height", self.height)
