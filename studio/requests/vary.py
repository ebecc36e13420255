"""Variations, as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from studio.requests.limits import LEAST_STRENGTH, check_number
from studio.requests.request import Staged


@dataclass(frozen=True, kw_only=True)
class Vary(Staged):
    """Pictures like a picture, whose middle is cut to their shape. The rest: see `Staged` and `Prompted`.

    image:    the source, by its digest
    prompt:   what else should be in them; may be empty
    likeness: 0 .. 1, how strongly what the source shows steers (the scale of IP-Adapter)
    strength: 0.05 .. 1, the share of the noise levels that are gone through from the source on (image-to-image);
              1 begins from noise alone
    """

    TASK: ClassVar[str] = "vary"
    IMAGES: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    prompt: str = ""
    likeness: float = 1.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("likeness", self.likeness, 0.0, 1.0)
        check_number("strength", self.strength, LEAST_STRENGTH, 1.0)

    @property
    def needs_words(self) -> bool:
        return self.likeness == 0 and self.strength == 1
