"""The forward process, as it is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from studio.errors import InvalidRequest
from studio.requests.fields import Number, Picture, Whole
from studio.requests.limits import MOST_PICTURES, SIDE_MULTIPLE, evenly_between
from studio.requests.needs import DRAWING, WORDS
from studio.requests.request import SIDE, Prompted, Request
from studio.sampling.catalogue import BETAS


@dataclass(frozen=True, kw_only=True)
class ForwardProcess(Prompted):
    """The forward process (Sohl-Dickstein et al. 2015, Ho et al. 2020). width, height: of both pictures together, the
    width a multiple of 16. All have the same noise. Steps and sampler play no part.
    """

    TASK: ClassVar[str] = "forward-process"
    ABOUT: ClassVar[str] = (
        "Show a picture with more and more noise, and beside each, on its right, what the model takes it for, in one "
        "step."
    )
    NEEDS: ClassVar[frozenset[str]] = frozenset({DRAWING, WORDS})
    UNASKED: ClassVar[frozenset[str]] = Request.UNASKED | {
        "guidance", "rescale", "steps", "sampler", "schedule", "eta", "trajectory"
    }  # fmt: skip

    width: Annotated[int, SIDE]
    height: Annotated[int, SIDE]
    image: Annotated[str, Picture("the picture; its middle is cut to the shape")]
    prompt: str = ""
    count: Annotated[int, Whole("how many pictures", 1, MOST_PICTURES, first=6)] = 1
    guidance: float = 1.0
    steps: int = 1
    sampler: str = "DDIM"
    begin: Annotated[float, Number("the time of the first picture: the share of the training's steps", 0, 1)] = 0.1
    end: Annotated[float, Number("the time of the last", 0, 1)] = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % (2 * SIDE_MULTIPLE):
            raise InvalidRequest(
                "width", self.width, "a multiple of {multiple}: two pictures side by side", multiple=2 * SIDE_MULTIPLE
            )

    @classmethod
    def sides(cls, width: int, height: int, asked: Mapping[str, Any]) -> tuple[int, int]:
        return 2 * width, height

    def check_sampling(self, process: str = BETAS) -> None:
        """No sampler takes a step."""

    @property
    def shows(self) -> str:
        return ""

    @property
    def times(self) -> tuple[float, ...]:
        """When each picture is, 0 .. 1."""
        return evenly_between(self.begin, self.end, self.count)

    def alone(self, index: int) -> Self:
        time = self.times[index]
        return dataclasses.replace(self, begin=time, end=time, count=1)
