"""Variations are measured by questions whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from storybook import evaluate_super_resolution, evaluate_variations
from storybook.clip import contrast, cut, recall
from storybook.evaluate_super_resolution import decibels, distance, pieces, steepness_at
from storybook.evaluate_variations import alternatives
from storybook.reader import load
from storybook.world import LANGUAGES, caption, scene


def test_captions_that_differ_in_one_attribute_differ() -> None:
    """Else nobody could tell which of them is true."""
    scenes = [each for each in map(scene, range(60)) if each.groups]
    for each in scenes:
        for name, choices in alternatives(each).items():
            assert choices[0] == each
            for language in LANGUAGES:
                told = [
                    caption(other, language, np.random.default_rng([each.seed, 109]), complete=True)
                    for other in choices
                ]
                assert len(set(told)) == len(told), (name, told)


def test_recall_counts_captions_whose_nearest_picture_is_their_own() -> None:
    seen = torch.eye(4)
    assert recall(seen, seen) == 1.0
    assert recall(seen, torch.eye(4)[[1, 0, 2, 3]]) == 0.5


def test_contrast_is_least_where_each_pair_agrees_and_with_no_other() -> None:
    seen, scale = torch.eye(6), torch.tensor(4.0)
    assert float(contrast(seen, seen, scale)) < 1e-6
    assert float(contrast(seen, seen.roll(1, 0), scale)) > 10
    assert float(contrast(torch.ones(6, 6), torch.ones(6, 6), scale)) == pytest.approx(np.log(6), abs=1e-5)


def test_pictures_are_cut_a_little_and_stay_square() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    sides = {cut(picture, np.random.default_rng(seed)).shape[:2] for seed in range(50)}
    assert all(height == width and 90 <= height <= 100 for height, width in sides)
    assert len(sides) > 5


def test_a_blurred_picture_is_farther_from_the_truth_than_the_truth_and_nearer_than_another() -> None:
    truth = pieces(12, 512)
    blurred = [evaluate_super_resolution.resized(each[::4, ::4].copy(), 128, 128) for each in truth]
    model = load()
    assert distance(model, truth, truth) == 0
    assert 0.05 < distance(model, blurred, truth) < 1
    assert decibels(truth[0], truth[0]) > 100
    assert decibels(np.zeros((4, 4)), np.full((4, 4), 25.5)) == pytest.approx(20)


def test_a_step_at_a_border_is_seen_and_a_things_edge_is_not() -> None:
    plain = np.random.default_rng(0).integers(100, 103, (256, 256, 3), dtype=np.uint8)
    stepped = plain.copy()
    stepped[:, 128:] += 9
    assert steepness_at([128], [plain], [plain]) == pytest.approx(1, abs=0.1)
    assert steepness_at([128], [stepped], [plain]) > 4
    assert steepness_at([128], [stepped], [stepped]) == pytest.approx(1, abs=0.1), "the render has that edge, too"


def test_both_are_measured_and_written_by_one_command(toy_pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate_variations.main(["--pack", str(toy_pack), "--device", "cpu", "--scenes", "2", "--pairs", "6"])
    figures = json.loads(capsys.readouterr().out)
    assert 0 <= figures["telling"]["en"]["all"] <= 1
    assert json.loads((toy_pack / "evaluation.json").read_text())["variations"] == figures
    evaluate_super_resolution.main(["--pack", str(toy_pack), "--device", "cpu", "--pieces", "2", "--samples", "2"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["mean_std"] > 0
    assert figures["consistency"] > 25
    for name in ("variations-sheet", "ways-sheet", "super-resolution-sheet"):
        assert (toy_pack / f"{name}.webp").exists()
