"""Inpainting is measured on cases whose answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from storybook.evaluate_inpainting import cases, is_there, main, step_across
from storybook.reader import load, look
from storybook.scoring import Reading
from storybook.world import Thing, render


def test_what_is_asked_for_can_be_found_where_it_is_really_drawn_and_not_before() -> None:
    """The measure's own ceiling and floor: renders with the thing, and without it."""
    some, reader = cases(40, 128), load()
    after, _ = look(reader, np.stack([render(case.after, 128) for case in some]))
    before, _ = look(reader, np.stack([case.before.array for case in some]))
    assert np.mean([is_there(case, reading) for case, reading in zip(some, after, strict=True)]) >= 0.85
    assert not any(is_there(case, reading) for case, reading in zip(some, before, strict=True))


def test_a_thing_elsewhere_does_not_count() -> None:
    (case,) = cases(1, 128)
    kind, colour = case.wanted.kind, case.wanted.colour
    here = Reading("day", "meadow", "clear", False, (Thing(kind, colour, case.wanted.box),))
    corner = (0.0, 0.0, 0.02, 0.02)
    there = Reading("day", "meadow", "clear", False, (Thing(kind, colour, corner),))
    assert is_there(case, here)
    assert not is_there(case, there) or case.mask.array[1, 1]


def test_a_visible_seam_is_a_steep_step() -> None:
    mask = np.zeros((16, 16), np.uint8)
    mask[4:12, 4:12] = 255
    flat = np.full((16, 16, 3), 100, np.uint8)
    patch = np.where(mask[:, :, None] > 0, np.uint8(130), flat)
    assert step_across(flat, mask) == 0
    assert step_across(patch, mask) == pytest.approx(30)


def test_one_command_measures_and_writes(toy_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--pack", str(toy_pack), "--device", "cpu", "--cases", "4"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["outside_identical"] == 1.0
    assert figures["cases"] == 4
    assert json.loads((toy_pack / "evaluation.json").read_text())["inpainting"] == figures
    assert (toy_pack / "inpainting-sheet.webp").exists()
