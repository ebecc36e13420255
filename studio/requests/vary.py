"""Variations, as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from studio.requests.fields import Number, Picture
from studio.requests.limits import LEAST_STRENGTH
from studio.requests.needs import PICTURES
from studio.requests.request import Staged


@dataclass(frozen=True, kw_only=True)
class Vary(Staged):
    """Pictures like a picture, whose middle is cut to their shape. ``likeness`` is the scale of IP-Adapter; the prompt
    says what else should be in them.
    """

    TASK: ClassVar[str] = "vary"
    ABOUT: ClassVar[str] = "Draw pictures like a picture."
    NEEDS: ClassVar[frozenset[str]] = frozenset({PICTURES})

    image: Annotated[str, Picture("the picture")]
    prompt: str = ""
    likeness: Annotated[float, Number("how strongly what the picture shows steers", 0, 1)] = 1.0
    strength: Annotated[
        float,
        Number(
            "how far from the picture itself drawing begins; 1 from noise alone", LEAST_STRENGTH, 1,
            infotext="Denoising strength",
        ),
    ] = 1.0  # fmt: skip

    @property
    def needs_words(self) -> bool:
        return self.likeness == 0 and self.strength == 1
