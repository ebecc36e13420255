"""Pictures that come back weaker, as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from studio.requests.fields import Whole
from studio.requests.needs import DRAWING
from studio.requests.request import SIDE, Prompted


@dataclass(frozen=True, kw_only=True)
class Echo(Prompted):
    """A picture, and its echoes below it."""

    TASK: ClassVar[str] = "echo"
    ABOUT: ClassVar[str] = "Draw a picture with echoes."
    NEEDS: ClassVar[frozenset[str]] = frozenset({DRAWING})

    width: Annotated[int, SIDE]
    height: Annotated[int, SIDE]
    echoes: Annotated[int, Whole("how often it comes back", 1, 8, infotext="Echoes")] = 3
