"""Layout to image, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from studio.errors import InvalidRequest
from studio.images.boxes import MOST_BOXES, Boxed, boxed, composed
from studio.requests.limits import check_number, check_text
from studio.requests.request import Staged


@dataclass(frozen=True, kw_only=True)
class LayoutToImage(Staged):
    """Pictures from boxes with phrases. The rest: see `Staged` and `Prompted`.

    prompt:    of the whole picture, or of what is around the boxes; phrases that it lacks are added (`caption`)
    boxes:     1 .. 30, each with its phrase; mappings become `Boxed`
    grounding: 0 .. 1, the share of the steps, from the first on, at which the boxes steer
    """

    TASK: ClassVar[str] = "layout-to-image"

    boxes: tuple[Boxed, ...]
    grounding: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("grounding", self.grounding, 0.0, 1.0)
        if not isinstance(self.boxes, (list, tuple)) or not 1 <= len(self.boxes) <= MOST_BOXES:
            shown = f"{len(self.boxes)} boxes" if isinstance(self.boxes, (list, tuple)) else self.boxes
            raise InvalidRequest("boxes", shown, f"1 to {MOST_BOXES} of them")
        object.__setattr__(self, "boxes", tuple(boxed(each) for each in self.boxes))
        for each in self.boxes:
            check_text("phrase", each.phrase)

    @property
    def caption(self) -> str:
        return composed(self.boxes, self.prompt)

    @property
    def words(self) -> str:
        return " ".join([self.prompt, *(each.phrase for each in self.boxes)])
