"""What is said beside a field is what checks it and what programs are told, also where a kind declares it anew."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated

import pytest

from studio.errors import InvalidRequest
from studio.requests import kinds
from studio.requests.fields import Boxes, Choice, Field, Flag, Number, Picture, Text, Whole, fields_of, first_value
from studio.requests.forward_process import ForwardProcess
from studio.requests.layout_to_image import LayoutToImage
from studio.requests.request import Prompted, Request
from studio.requests.super_resolve import SuperResolve


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.TASK)
def test_every_field_has_help_and_a_first_value_within_its_limits(kind: type[Request]) -> None:
    assert list(fields_of(kind)) == [field.name for field in dataclasses.fields(kind)]
    assert kind.ABOUT.endswith(".")
    for name, field in fields_of(kind).items():
        assert field.help
        assert not field.needs or field.needs in fields_of(kind)
        first = first_value(kind, name)
        if first is not dataclasses.MISSING:
            assert field.checked(name, first) == first


def test_a_field_that_is_declared_anew_without_a_word_is_what_it_was() -> None:
    assert fields_of(ForwardProcess)["guidance"] is fields_of(Prompted)["guidance"]
    assert ForwardProcess.guidance == 1.0
    assert fields_of(LayoutToImage)["prompt"] is not fields_of(Prompted)["prompt"]
    assert first_value(LayoutToImage, "prompt") == ""


def test_a_field_of_which_nothing_is_said_is_an_error_that_names_it() -> None:
    @dataclass
    class Silent:
        spoken: Annotated[bool, Flag("said")]
        unspoken: int = 0

    with pytest.raises(TypeError, match="Silent does not say what unspoken is"):
        fields_of(Silent)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (Whole("", 1, 8), 9, "a whole number from 1 to 8"), (Whole("", 8, 64, 8), 12, "a multiple of 8 from 8 to 64"),
        (Number("", 0, 1), float("nan"), "a number from 0 to 1"), (Text("", 3), "long", "at most 3 characters, not 4"),
        (Flag(""), 1, "true or false"), (Choice("", (4, 2)), 3, "one of: 4, 2"),
        (Choice("", ("a", "b"), may_be_empty=True), "c", "empty, or one of: a, b"), (Choice("", (1, 2)), True, "one of: 1, 2"),
        (Picture(""), "", "64 hexadecimal digits, the SHA-256 of an image"), (Boxes(""), [], "1 to 30 of them"),
    ],
)  # fmt: skip
def test_each_kind_of_field_refuses_with_its_limits(field: Field, value: object, expected: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        field.checked("it", value)
    assert str(refusal.value.expected) == expected


def test_a_picture_that_may_be_missing_is_not_named() -> None:
    assert Picture("", may_be_empty=True).checked("it", "") == ""
    assert SuperResolve.images() == ("image",)


@pytest.mark.parametrize(
    ("field", "described"),
    [
        (Whole("pixels", 64, 2048, 8), "pixels, 64 to 2048, a multiple of 8"), (Number("share", 0, 1), "share, 0 to 1"),
        (Choice("fill", ("noise", "original", "blur")), 'fill, "noise", "original" or "blur"'), (Flag("keep"), "keep"),
    ],
)  # fmt: skip
def test_help_says_the_limits(field: Field, described: str) -> None:
    assert field.described == described
