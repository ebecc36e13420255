"""Text to image, as it is asked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from studio.requests.fields import Number, Picture, Text, Whole
from studio.requests.limits import LARGEST_SEED, LEAST_STRENGTH
from studio.requests.needs import DRAWING
from studio.requests.request import Staged


@dataclass(frozen=True, kw_only=True)
class TextToImage(Staged):
    """Pictures from words. Where ``variation`` is not 0, all pictures have one ``seed``, their noise lies along a great
    circle towards that of ``variation_seed``, and ``variation_seed`` counts up instead.
    """

    TASK: ClassVar[str] = "text-to-image"
    ABOUT: ClassVar[str] = "Draw pictures from words."
    NEEDS: ClassVar[frozenset[str]] = frozenset({DRAWING})

    schedule: Annotated[
        str, Text("where the sampler's noise levels lie; empty for its own", infotext="Schedule type")
    ] = ""
    image: Annotated[
        str, Picture("a picture to begin from, instead of noise", may_be_empty=True, in_endpoints=False)
    ] = ""
    strength: Annotated[
        float,
        Number(
            "how much of the way from noise is gone, where it begins from a picture; 1 keeps nothing of it",
            LEAST_STRENGTH, 1, infotext="Denoising strength", needs="image", in_endpoints=False,
        ),
    ] = 0.75  # fmt: skip
    variation: Annotated[
        float,
        Number("how far to a second seed", 0, 1, infotext="Variation seed strength", silent=0, in_endpoints=False),
    ] = 0.0
    variation_seed: Annotated[
        int,
        Whole(
            "the second seed", 0, LARGEST_SEED, infotext="Variation seed", needs="variation", in_endpoints=False
        ),
    ] = 0  # fmt: skip

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
