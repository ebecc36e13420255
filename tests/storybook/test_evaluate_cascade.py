"""The cascade is compared with what it is made of, on pieces of the size that the reader sees."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from storybook.evaluate_cascade import bicubic, in_pieces, main
from storybook.evaluate_super_resolution import SIDE


def test_pieces_are_all_of_a_picture_and_each_once() -> None:
    picture = np.arange(2 * SIDE * SIDE * 3, dtype=np.uint8).reshape(SIDE, 2 * SIDE, 3)
    left, right = in_pieces([picture])
    assert np.array_equal(np.concatenate([left, right], axis=1), picture)


def test_bicubic_is_four_times_the_size() -> None:
    (large,) = bicubic([np.full((32, 48, 3), 90, np.uint8)])
    assert large.shape == (128, 192, 3)
    assert (large == 90).all()


def test_one_command_measures_and_writes(toy_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy_pack / "README.md").write_text("<!-- cascade -->\nstale\n<!-- /cascade -->\n")
    main(["--pack", str(toy_pack), "--device", "cpu", "--scenes", "6"])
    figures = json.loads(capsys.readouterr().out)
    assert json.loads((toy_pack / "evaluation.json").read_text())["cascade"] == figures
    assert figures["size"] == 256
    assert figures["frechet_distance"] > figures["frechet_distance_of_renders"], "a toy does not draw like the world"
    assert "stale" not in (toy_pack / "README.md").read_text()
