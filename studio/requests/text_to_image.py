"""Text to image, as it is asked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

from studio.requests.limits import LARGEST_SEED, LEAST_STRENGTH, check_integer, check_number
from studio.requests.request import Staged


@dataclass(frozen=True, kw_only=True)
class TextToImage(Staged):
    """Pictures from words. The rest: see `Staged` and `Prompted`.

    image:    digest of a picture to begin from; empty to begin from noise
    strength: 0.05 .. 1, how much of the way from noise is gone, where there is one; 1 keeps nothing of it
    variation: 0 .. 1, how far the noise that a picture begins from lies towards that of ``variation_seed``, along a
              great circle; then all pictures have one ``seed``, and ``variation_seed`` counts up instead
    """

    TASK: ClassVar[str] = "text-to-image"
    IMAGES: ClassVar[tuple[str, ...]] = ("image",)

    image: str = ""
    strength: float = 0.75
    variation: float = 0.0
    variation_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("strength", self.strength, LEAST_STRENGTH, 1.0)
        check_number("variation", self.variation, 0.0, 1.0)
        check_integer("variation_seed", self.variation_seed, 0, LARGEST_SEED)

    def alone(self, index: int) -> Self:
        if not self.variation:
            return super().alone(index)
        second = (self.variation_seed + index) % (LARGEST_SEED + 1)
        return dataclasses.replace(self, variation_seed=second, count=1)

    @property
    def towards(self) -> tuple[int, float] | None:
        return (self.variation_seed, self.variation) if self.variation else None

    @property
    def needs_words(self) -> bool:
        return not self.image or self.strength == 1

    @property
    def named(self) -> dict[str, str]:
        return {"image": self.image} if self.image else {}
