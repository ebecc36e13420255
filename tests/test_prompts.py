"""What people write to weigh their words, and what is no notation at all: nothing in a prompt is an error."""

from __future__ import annotations

import time

import pytest

from studio.prompts import Lora, Piece, read_prompt


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("a red house", [[("a red house", 1.0)]]),
        ("a (red) house", [[("a ", 1.0), ("red", 1.1), (" house", 1.0)]]),
        ("a (red:1.3) house", [[("a ", 1.0), ("red", 1.3), (" house", 1.0)]]),
        ("a (red : 0.5 ) house", [[("a ", 1.0), ("red ", 0.5), (" house", 1.0)]]),
        ("((red)) [boat]", [[("red", 1.21), (" ", 1.0), ("boat", 1 / 1.1)]]),
        ("(a (b:2) c)", [[("a ", 1.1), ("b", 2.2), (" c", 1.1)]]),
        ("sea BREAK sky", [[("sea ", 1.0)], [(" sky", 1.0)]]),
        ("(sea BREAK sky)", [[("sea ", 1.1)], [(" sky", 1.1)]]),
        (r"\(red\) \[x\] \\", [[("(red) [x] \\", 1.0)]]),
        ("half past 10:30 BREAKFAST", [[("half past 10:30 BREAKFAST", 1.0)]]),
        ("never (closed", [[("never ", 1.0), ("closed", 1.1)]]),
        ("never opened) :)", [[("never opened) :)", 1.0)]]),
        ("(big:1e9) (x:-99)", [[("big:1e9", 1.1), (" ", 1.0), ("x", -10.0)]]),
        ("(红房子:1.2)", [[("红房子", 1.2)]]),
        ("", [[]]),
    ],
)  # fmt: skip
def test_weights_and_breaks_are_read(text: str, sections: list[list[tuple[str, float]]]) -> None:
    read = [[(piece.words, pytest.approx(piece.weight)) for piece in section] for section in read_prompt(text).sections]
    assert read == sections


def test_loras_are_taken_out_of_the_words_and_those_named_twice_add_up() -> None:
    read = read_prompt("a cat <lora:soft style:0.8>, <lora:ink><lora:ink:-0.25> asleep")
    assert read.loras == (Lora("soft style", 0.8), Lora("ink", 0.75))
    assert read.words == "a cat ,  asleep"
    assert read_prompt("<lora:> <lora> <x>").loras == ()
    assert len(read_prompt("".join(f"<lora:{number}>" for number in range(50))).loras) == 8


def test_the_words_alone_are_without_notation() -> None:
    assert read_prompt("a (red:1.3) house BREAK [night] <lora:ink:1>").words == "a red house night"


@pytest.mark.parametrize("text", ["(" * 2000, "B" * 2000, "(a:1" * 500, "<lora:" * 330, "\\" * 2000, "([" * 1000])
def test_no_text_is_read_for_long(text: str) -> None:
    begun = time.monotonic()
    read = read_prompt(text)
    assert time.monotonic() - begun < 2
    assert all(isinstance(piece, Piece) for section in read.sections for piece in section)
