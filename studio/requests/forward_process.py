"""The forward process, as it is asked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

from studio.errors import InvalidRequest
from studio.requests.limits import SIDE_MULTIPLE, check_number, check_side, evenly_between
from studio.requests.request import Prompted
from studio.sampling.catalogue import BETAS


@dataclass(frozen=True, kw_only=True)
class ForwardProcess(Prompted):
    """The forward process (Sohl-Dickstein et al. 2015, Ho et al. 2020): a picture with more and more noise, and beside
    each, on its right, what the model takes it for, in one step. width, height: of both together, the width a multiple
    of 16. All have the same noise. Steps and sampler play no part.

    image:      the picture, by its digest; its middle is cut to the shape
    prompt:     what the model is told of it; may be empty
    begin, end: 0 .. 1, the times of the first and the last of ``count`` pictures: the share of the training's steps
    """

    TASK: ClassVar[str] = "forward-process"
    IMAGES: ClassVar[tuple[str, ...]] = ("image",)

    image: str
    prompt: str = ""
    guidance: float = 1.0
    steps: int = 1
    sampler: str = "DDIM"
    begin: float = 0.1
    end: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        check_side("width", self.width)
        if self.width % (2 * SIDE_MULTIPLE):
            raise InvalidRequest("width", self.width, f"a multiple of {2 * SIDE_MULTIPLE}: two pictures side by side")
        check_side("height", self.height)
        check_number("begin", self.begin, 0.0, 1.0)
        check_number("end", self.end, 0.0, 1.0)

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
