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


@pytest.mark.parametrize(
    ("written", "lora"),
    [
        ("x: 0.8", Lora("x", 0.8)), (" x :0.8 ", Lora("x", 0.8)), ("x:0,8", Lora("x", 0.8)), ("x:8e-1", Lora("x", 0.8)),
        ("x:+.8", Lora("x", 0.8)), ("x:-1.", Lora("x", -1.0)), ("x:", Lora("x")), ("x:1e999", Lora("x", 10.0)),
        ("x:te=0.5:unet=0.7", Lora("x", 0.7, 0.5)), ("x:unet=0.7:te=0.5", Lora("x", 0.7, 0.5)),
        ("x: TE = 0,5 : UNet = 7e-1", Lora("x", 0.7, 0.5)), ("x:0.5:0.7", Lora("x", 0.7, 0.5)),
        ("x:unet=0.7", Lora("x", 0.7, 1.0)), ("x:te=0.5", Lora("x", 0.5)), ("x:0.5:unet=0.7", Lora("x", 0.7, 0.5)),
        ("x:0.7:0.7", Lora("x", 0.7)), ("a: b (c) [d]:0.8", Lora("a: b (c) [d]", 0.8)),
    ],
)  # fmt: skip
def test_scales_are_read_however_they_are_written(written: str, lora: Lora) -> None:
    """A scale that is not understood would act as 1 without a word."""
    for begin in ("lora", "LORA", "lyco"):
        read = read_prompt(f"a cat <{begin}:{written}> asleep")
        assert (read.loras, read.words) == ((lora,), "a cat  asleep")


@pytest.mark.parametrize("written", ["x:0.8:lbw=IN04", "x:much", "x:nan", "x:1:2:3", "x:0.8:dyn=4", "x:1.2.3", "x:50%"])
def test_what_is_no_scale_is_part_of_a_name_that_no_file_has(written: str) -> None:
    """So it is refused, and by its name."""
    (lora,) = read_prompt(f"<lora:{written}>").loras
    assert lora.name.partition(":")[2]


def test_scales_of_one_that_is_named_twice_add_up_on_each_side() -> None:
    assert read_prompt("<lora:x:te=0.5:unet=1><lora:x:0.25>").loras == (Lora("x", 1.25, 0.75),)
    assert read_prompt("<lora:x:1e999><lora:x:-1e999>").loras == (Lora("x", 0.0),)


def test_the_words_alone_are_without_notation() -> None:
    assert read_prompt("a (red:1.3) house BREAK [night] <lora:ink:1>").words == "a red house night"


@pytest.mark.parametrize("text", ["(" * 2000, "B" * 2000, "(a:1" * 500, "<lora:" * 330, "\\" * 2000, "([" * 1000])
def test_no_text_is_read_for_long(text: str) -> None:
    begun = time.monotonic()
    read = read_prompt(text)
    assert time.monotonic() - begun < 2
    assert all(isinstance(piece, Piece) for section in read.sections for piece in section)
