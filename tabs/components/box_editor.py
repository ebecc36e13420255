"""The box editor: labelled boxes on a canvas of the picture's aspect (`static/editor.js`, `static/boxes.js`).

Its value holds boxes as fractions, as files of boxes do, and what lies under them to draw over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from studio.images.boxes import MOST_BOXES, Boxed
from studio.images.pixels import Pixels
from tabs.components.editor import Editor, stamped
from tabs.routes.sources import describe


class BoxEditor(Editor):
    def __init__(self, **options: Any) -> None:
        super().__init__("boxes", {"boxes": [], "source": None}, **options)

    def preprocess(self, payload: Any) -> list[Any]:  # type: ignore[override]  # declared as text, passed on as it is
        """The boxes as plain values, which the request checks; a browser may send anything."""
        boxes = payload.get("boxes") if isinstance(payload, dict) else None
        return boxes[: MOST_BOXES + 1] if isinstance(boxes, list) else []


def showing_boxes(boxes: Sequence[Boxed], aspect: float) -> dict[str, Any]:
    """The editor's value for these boxes on a canvas of ``aspect`` = width / height; what lies under them stays."""
    return stamped(boxes=[asdict(each) for each in boxes], aspect=aspect)


def showing_aspect(aspect: float) -> dict[str, Any]:
    """Another aspect; the boxes stay."""
    return stamped(aspect=aspect)


def showing_under(picture: Pixels, boxes: Sequence[Boxed]) -> dict[str, Any]:
    """A picture to draw over, in its own aspect, with the boxes that it was made from, if it was."""
    aspect = picture.width / picture.height
    return stamped(boxes=[asdict(each) for each in boxes], aspect=aspect, source=describe(picture))
