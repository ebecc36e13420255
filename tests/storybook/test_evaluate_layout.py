"""Layouts are measured on scenes whose answer is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storybook.evaluate_layout import layout_of, layouts, main, score
from storybook.reader import load, look
from storybook.scoring import Reading
from storybook.world import Group, Thing, render, scene


def test_things_are_found_in_the_boxes_in_which_they_are_really_drawn_and_not_elsewhere() -> None:
    """The measure's own ceiling and floor: renders of these scenes, and of others."""
    asked = layouts(60)
    readings, _ = look(load(), np.stack([render(each.scene, 128) for each in asked]))
    right = score(asked, readings)
    assert right["found"] >= 0.97
    assert right["overlap"] >= 0.85
    wrong = score(asked, readings[1:] + readings[:1])
    assert wrong["found"] < 0.1


def _read(thing: Thing) -> Reading:
    return Reading("day", "meadow", "clear", False, (thing,))


@pytest.mark.parametrize(
    ("seen", "found", "overlap"),
    [
        (Thing("house", "red", (0.2, 0.2, 0.6, 0.6)), 1.0, 1.0),
        (Thing("house", "red", (0.3, 0.2, 0.7, 0.6)), 1.0, 0.6),
        (Thing("house", "blue", (0.2, 0.2, 0.6, 0.6)), 0.0, 1.0),
        (Thing("house", "red", (0.7, 0.7, 0.9, 0.9)), 0.0, 0.0),
        (Thing("tree", "red", (0.2, 0.2, 0.6, 0.6)), 0.0, 0.0),
    ],
)
def test_kind_colour_and_place_must_all_be_right(seen: Thing, found: float, overlap: float) -> None:
    layout = layout_of(replace(scene(1), groups=(Group((Thing("house", "red", (0.2, 0.2, 0.6, 0.6)),)),)), "en")
    scored = score([layout], [_read(seen)])
    assert scored["found"] == found
    assert scored["overlap"] == pytest.approx(overlap)


def test_one_command_measures_and_writes(toy_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--pack", str(toy_pack), "--device", "cpu", "--layouts", "4"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["layouts"] == 4
    assert figures["boxes"] == sum(len(each.boxes) for each in layouts(4))
    assert json.loads((toy_pack / "evaluation.json").read_text())["layout"] == figures
    assert (toy_pack / "layout-sheet.webp").exists()
