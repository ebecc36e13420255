"""Interpolation, as it is asked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from studio.errors import InvalidRequest
from studio.message import Message
from studio.requests.fields import Number, Picture, Text, Whole
from studio.requests.limits import LARGEST_SEED, MOST_PICTURES, check_integer, evenly_between
from studio.requests.needs import DRAWING, IMAGE_PROMPT
from studio.requests.request import SIDE, Prompted

TWO_OR_NONE = Message("a picture at both ends, or none: bring a second one, or remove the one that is there")


@dataclass(frozen=True, kw_only=True)
class Interpolate(Prompted):
    """Interpolation from one picture to another, from one prompt to another, or both. The noise of ``seed`` stands at
    the beginning and that of ``seed`` + 1 at the end. A single picture stands at ``begin``.
    """

    TASK: ClassVar[str] = "interpolate"
    ABOUT: ClassVar[str] = "Draw pictures between two pictures, or two prompts."
    NEEDS: ClassVar[frozenset[str]] = frozenset({DRAWING, IMAGE_PROMPT})

    count: Annotated[int, Whole("how many pictures", 1, MOST_PICTURES, option="--frames", first=8)] = 1
    width: Annotated[int, SIDE]
    height: Annotated[int, SIDE]
    image: Annotated[str, Picture("the picture at the beginning; both or none", may_be_empty=True)] = ""
    other: Annotated[str, Picture("the picture at the end", may_be_empty=True)] = ""
    prompt: str = ""
    other_prompt: Annotated[str, Text("the words at the end; empty for the same throughout")] = ""
    likeness: Annotated[float, Number("how strongly pictures steer", 0, 1)] = 1.0
    begin: Annotated[float, Number("the position of the first picture", 0, 1)] = 0.0
    end: Annotated[float, Number("the position of the last picture", 0, 1)] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.image) != bool(self.other):
            raise InvalidRequest("other" if self.image else "image", None, TWO_OR_NONE)
        if not self.image and not (self.prompt and self.other_prompt):
            raise InvalidRequest("other", None, "two pictures, or words at both ends")
        check_integer("seed", self.seed, 0, LARGEST_SEED - 1)

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
