"""Labelled boxes: what a layout is made of. Coordinates are fractions of the picture, so nothing can change scale."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from studio.errors import InvalidRequest
from studio.message import Message

Corners: TypeAlias = tuple[float, float, float, float]

MOST_BOXES = 30  # as many as GLIGEN takes (Li et al. 2023)
LONGEST_PHRASE = 200  # characters
SMALLEST_SIDE = 0.01  # of a box
LARGEST_EDGE = 1e6  # what is beyond, infinite or not a number is not taken for an edge at all
LONGEST_FILE = 100_000  # characters
DECIMALS = 4


@dataclass(frozen=True)
class Boxed:
    """``phrase`` tells what is in ``box`` = x0, y0, x1, y1: fractions of the picture, x to the right and y down.

    Raises `InvalidRequest` for a phrase that is empty or too long, and for a box that is not within the picture or
    has a side of less than a hundredth of it.
    """

    phrase: str
    box: Corners

    def __post_init__(self) -> None:
        if not isinstance(self.phrase, str) or not self.phrase.strip() or len(self.phrase) > LONGEST_PHRASE:
            raise InvalidRequest(
                "phrase", self.phrase, "what is in the box, in 1 to {most} characters", most=LONGEST_PHRASE
            )
        corners = self.box
        if not isinstance(corners, (list, tuple)) or len(corners) != 4 or not all(_is_number(edge) for edge in corners):
            raise InvalidRequest("box", corners, "four numbers: x0, y0, x1, y1")
        x0, y0, x1, y1 = (round(float(edge), DECIMALS) for edge in corners)
        if not (0 <= x0 <= 1 and 0 <= y0 <= 1 and 0 <= x1 <= 1 and 0 <= y1 <= 1):
            raise InvalidRequest("box", corners, "fractions of the picture, from 0 to 1, not pixels")
        if x1 - x0 < SMALLEST_SIDE - 1e-9 or y1 - y0 < SMALLEST_SIDE - 1e-9:
            expected = Message("x0 < x1 and y0 < y1, with sides of at least {least}", least=f"{SMALLEST_SIDE:g}")
            raise InvalidRequest("box", corners, expected)
        object.__setattr__(self, "box", (x0, y0, x1, y1))


def boxed(values: Any) -> Boxed:
    """The box that plain ``values`` {"phrase": ..., "box": [...]} describe. Raises `InvalidRequest`."""
    if isinstance(values, Boxed):
        return values
    if not isinstance(values, Mapping) or set(values) != {"phrase", "box"}:
        raise InvalidRequest("boxes", values, 'an object {"phrase": "a red house", "box": [x0, y0, x1, y1]} for each')
    return Boxed(values["phrase"], values["box"])


def read_boxes(text: str) -> tuple[Boxed, ...]:
    """Reads ``[{"phrase": "a red house", "box": [x0, y0, x1, y1]}, ...]``. Raises `InvalidRequest`."""
    expected = Message('a JSON list of {"phrase": "a red house", "box": [x0, y0, x1, y1]}')
    if len(text) > LONGEST_FILE:
        raise InvalidRequest(
            "boxes",
            f"{len(text)} characters",
            "{expected}, at most {most} characters",
            expected=expected,
            most=LONGEST_FILE,
        )
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest("boxes", text, expected) from None
    if not isinstance(values, list):
        raise InvalidRequest("boxes", text, expected)
    return tuple(boxed(each) for each in values)


def composed(boxes: Sequence[Boxed], around: str = "") -> str:
    """A caption of the whole: the phrases from left to right, each once, and what is ``around`` them. What ``around``
    says already is not said twice, or there would be two of it."""
    from_left = sorted(boxes, key=lambda each: each.box[0] + each.box[2])
    phrases = dict.fromkeys(each.phrase.strip() for each in from_left)
    unsaid = [phrase for phrase in phrases if not _is_said(phrase, around)]
    return ", ".join([*unsaid, around.strip()] if around.strip() else unsaid)


def _is_said(phrase: str, text: str) -> bool:
    """Whether ``text`` seems to speak of the same thing: has a word of the phrase (its article, or whatever comes
    first, does not count), or, where words are not set apart, its last character."""
    words = phrase.casefold().split()
    is_chinese = unicodedata.east_asian_width(phrase.strip()[-1]) == "W"
    telling = [words[-1][-1]] if is_chinese else words[1:] or words
    return any(word in text.casefold() for word in telling)


def overlap(one: Corners, other: Corners) -> float:
    """Intersection over union, 0..1."""
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    shared = width * height
    return shared / (_area(one) + _area(other) - shared)


def _area(box: Corners) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -LARGEST_EDGE < value < LARGEST_EDGE
