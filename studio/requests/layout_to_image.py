"""Layout to image, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from studio.images.boxes import Boxed, composed
from studio.requests.fields import Boxes, Number, Text
from studio.requests.needs import BOXES, DRAWING
from studio.requests.request import Staged


@dataclass(frozen=True, kw_only=True)
class LayoutToImage(Staged):
    """Pictures from boxes with phrases. The prompt is of the whole picture, or of what is around the boxes; phrases
    that it lacks are added (`caption`).
    """

    TASK: ClassVar[str] = "layout-to-image"
    ABOUT: ClassVar[str] = "Draw things where their boxes are."
    NEEDS: ClassVar[frozenset[str]] = frozenset({DRAWING, BOXES})

    prompt: Annotated[str, Text("of the whole picture, or of what is around the boxes", first="")]
    boxes: Annotated[tuple[Boxed, ...], Boxes("what is to be seen where")]
    grounding: Annotated[float, Number("the share of the steps at which the boxes steer", 0, 1)] = 1.0

    @property
    def caption(self) -> str:
        return composed(self.boxes, self.prompt)

    @property
    def words(self) -> str:
        return " ".join([self.prompt, *(each.phrase for each in self.boxes)])
