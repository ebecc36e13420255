"""Boxes are fractions, read strictly: a layout in pixels must be refused and not drawn in a corner."""

from __future__ import annotations

import json

import pytest

from studio.errors import InvalidRequest
from studio.images.boxes import Boxed, composed, overlap, read_boxes

HOUSE = Boxed("a red house", (0.5, 0.2, 0.9, 0.9))


def test_a_file_of_boxes_is_read() -> None:
    text = json.dumps([{"phrase": "a red house", "box": [0.5, 0.2, 0.9, 0.9]}, {"phrase": "蓝船", "box": [0, 0, 1, 1]}])
    assert read_boxes(text) == (HOUSE, Boxed("蓝船", (0.0, 0.0, 1.0, 1.0)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a JSON list"), ("{}", "a JSON list"), ("[[", "a JSON list"), ("[" * 90_000, "a JSON list"),
        ('[{"phrase": "a"}]', "an object"), ('[{"phrase": "a", "box": [10, 20, 300, 400]}]', "not pixels"),
        ('[{"phrase": "a", "box": [0, 0, NaN, 1]}]', "four numbers"), ('[{"phrase": "", "box": [0, 0, 1, 1]}]', "1 to"),
        ("[" + " " * 100_001 + "]", "at most"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_boxes_is_refused_with_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(InvalidRequest, match=expected):
        read_boxes(text)


def test_a_caption_names_each_phrase_once_from_left_to_right() -> None:
    left = Boxed(" a boat ", (0.0, 0.4, 0.4, 0.9))
    assert composed([HOUSE, left, HOUSE]) == "a boat, a red house"


@pytest.mark.parametrize(
    ("phrase", "around", "caption"),
    [
        ("a red house", "by the sea at night", "a red house, by the sea at night"),
        ("a red house", "a RED HOUSE by the sea", "a RED HOUSE by the sea"),
        ("a yellow toadstool", "a yellow mushroom in the snow", "a yellow mushroom in the snow"),
        ("house", " in the snow ", "house, in the snow"),
        ("ein rotes Haus", "auf einer Wiese", "ein rotes Haus, auf einer Wiese"),
        ("绿色的松树", "夜里的雪地", "绿色的松树, 夜里的雪地"),
        ("绿色的松树", "雪地里的一棵杉树", "雪地里的一棵杉树"),
    ],
)
def test_words_around_the_boxes_get_the_phrases_that_they_lack(phrase: str, around: str, caption: str) -> None:
    """Things that the words leave out were drawn as something else; things said twice were drawn twice."""
    assert composed([Boxed(phrase, (0.1, 0.1, 0.5, 0.5))], around) == caption


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 1, 1), (0, 0, 1, 1)) == 1
    assert overlap((0, 0, 0.5, 1), (0.5, 0, 1, 1)) == 0
    assert overlap((0, 0, 0.5, 0.5), (0.25, 0, 0.75, 0.5)) == pytest.approx(1 / 3)


def test_a_box_equals_its_rounded_self() -> None:
    """So that a layout which went to the page and came back is the same layout."""
    assert Boxed("a", (0.1, 0.2, 0.30000001, 0.4)) == Boxed("a", (0.1, 0.2, 0.3, 0.4))
