"""Interpolation, as it is asked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

from studio.errors import InvalidRequest
from studio.requests.limits import LARGEST_SEED, check_integer, check_number, check_side, check_text, evenly_between
from studio.requests.request import Prompted

TWO_OR_NONE = "a picture at both ends, or none: bring a second one, or remove the one that is there"


@dataclass(frozen=True, kw_only=True)
class Interpolate(Prompted):
    """Interpolation from one picture to another, from one prompt to another, or both. width, height: as for
    `TextToImage`; the noise of ``seed`` stands at the beginning and that of ``seed`` + 1 at the end.

    image, other: the two pictures, by their digests; both or none
    other_prompt: the words at the end; empty = ``prompt`` throughout
    likeness:     as for `Vary`
    begin, end:   0 .. 1, the positions of the first and the last of ``count`` pictures; a single one is ``begin``
    """

    TASK: ClassVar[str] = "interpolate"
    IMAGES: ClassVar[tuple[str, ...]] = ("image", "other")

    image: str = ""
    other: str = ""
    prompt: str = ""
    other_prompt: str = ""
    likeness: float = 1.0
    begin: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_side("width", self.width)
        check_side("height", self.height)
        check_text("other_prompt", self.other_prompt)
        if bool(self.image) != bool(self.other):
            raise InvalidRequest("other" if self.image else "image", None, TWO_OR_NONE)
        if not self.image and not (self.prompt and self.other_prompt):
            raise InvalidRequest("other", None, "two pictures, or words at both ends")
        check_number("likeness", self.likeness, 0.0, 1.0)
        check_number("begin", self.begin, 0.0, 1.0)
        check_number("end", self.end, 0.0, 1.0)
        check_integer("seed", self.seed, 0, LARGEST_SEED - 1)

    @property
    def named(self) -> dict[str, str]:
        return {name: digest for name, digest in super().named.items() if digest}

    @property
    def positions(self) -> tuple[float, ...]:
        """The position of each picture, 0 .. 1."""
        return evenly_between(self.begin, self.end, self.count)

    def alone(self, index: int) -> Self:
        position = self.positions[index]
        return dataclasses.replace(self, begin=position, end=position, count=1)

    @property
    def towards(self) -> tuple[int, float]:
        return self.seed + 1, self.begin

    @property
    def words(self) -> str:
        return f"{self.prompt} {self.other_prompt}".strip()

    @property
    def needs_words(self) -> bool:
        return not self.image or self.likeness == 0

    @property
    def shows(self) -> str:
        return ""
