"""One command measures a pack and writes its card; broken off, it goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from storybook import evaluate
from storybook.drawing import TOGETHER, draw
from storybook.evaluate import Plan, drawn, main
from storybook.world import LANGUAGES
from studio.models.loading import load_pack
from studio.models.registry import find_pack
from studio.sampling.catalogue import SAMPLERS
from tests.miniature import ask

CARD = "# Toy\n\n<!-- figures -->\nstale\n<!-- /figures -->\n\nwords\n\n<!-- steps -->\n<!-- /steps -->\n"


def _command(pack: Path, folder: Path, *more: str) -> list[str]:
    return ["--pack", str(pack), "--folder", str(folder), "--device", "cpu", "--scenes", "2", "--steps", "2", *more]


@pytest.fixture
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "READER_SCENES", 4)
    monkeypatch.setattr(evaluate, "AUTOENCODER_SCENES", 4)


@pytest.mark.usefixtures("small_samples")
def test_the_figures_go_into_the_card_and_exactly_into_a_file(
    toy_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy_pack / "README.md").write_text(CARD)
    main(_command(toy_pack, tmp_path))
    figures = json.loads((toy_pack / "evaluation.json").read_text())["figures"]
    assert figures == json.loads(capsys.readouterr().out), "what is printed is what is kept"
    assert figures["plan"]["scenes"] == 2
    assert set(figures["accuracy_by_language"]) == set(LANGUAGES)
    assert figures["frechet_distance"] > figures["frechet_distance_of_renders"], "a toy does not draw like the world"
    card = (toy_pack / "README.md").read_text()
    assert "| colour |" in card
    assert "stale" not in card
    assert "words" in card
    main(_command(toy_pack, tmp_path))
    assert (toy_pack / "README.md").read_text() == card, "the same command gives the same figures"


def test_the_steps_that_each_sampler_needs_become_a_table(
    toy_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy_pack / "README.md").write_text(CARD)
    monkeypatch.setattr(evaluate, "LADDER", (2, 3))
    monkeypatch.setattr(evaluate, "LONGEST", 4)
    monkeypatch.setattr(evaluate, "SAMPLERS", {name: SAMPLERS[name] for name in ("DDIM", "Euler a")})
    main(_command(toy_pack, tmp_path, "--steps-table"))
    rows = json.loads((toy_pack / "evaluation.json").read_text())["steps"]["samplers"]
    assert [row["sampler"] for row in rows] == ["DDIM", "Euler a"]
    assert all(row["accuracy"] >= 0.98 * row["accuracy_at_longest"] for row in rows)
    assert "| DDIM |" in (toy_pack / "README.md").read_text()


def test_few_steps_are_compared_with_the_packs_own(toy_pack: Path, tmp_path: Path) -> None:
    (toy_pack / "README.md").write_text("<!-- few-steps -->\nstale\n<!-- /few-steps -->\n")
    main(_command(toy_pack, tmp_path, "--few-steps"))
    rows = json.loads((toy_pack / "evaluation.json").read_text())["few-steps"]
    assert [(row["sampler"], row["steps"], row["inputs"]) for row in rows] == [
        ("LCM", 4, 4), ("LCM", 6, 6), ("LCM", 8, 8), ("DPM++ 2M Karras", 2, 4),
    ]  # fmt: skip
    card = (toy_pack / "README.md").read_text()
    assert "| LCM | 8 | 1 | 8 |" in card
    assert "stale" not in card


def test_what_was_drawn_before_a_break_is_not_drawn_again(
    toy_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = load_pack(find_pack(str(toy_pack)), torch.device("cpu"))
    plan = Plan(scenes=4, sampler="DDIM", steps=2, guidance=2.0)
    whole = drawn(pack, plan, tmp_path / "whole")
    monkeypatch.setattr(evaluate, "CHUNK", 5)
    asked: list[int] = []

    def breaks_in_the_second_chunk(pack, requests):
        asked.append(len(requests))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return draw(pack, requests)

    monkeypatch.setattr(evaluate, "draw", breaks_in_the_second_chunk)
    with pytest.raises(KeyboardInterrupt):
        drawn(pack, plan, tmp_path / "parts")
    pictures = drawn(pack, plan, tmp_path / "parts")
    assert asked == [5, 5, 5, 2]
    assert np.abs(pictures.astype(int) - whole).max() <= 1, "in other company, but the same pictures"


def test_each_scene_is_told_in_full_in_every_language_from_one_seed(toy_pack: Path) -> None:
    requests = Plan(scenes=3, sampler="DDIM", steps=2, guidance=2.0).requests(find_pack(str(toy_pack)))
    assert [request.seed for request in requests] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len({request.prompt for request in requests}) == 9


def test_more_pictures_than_the_engine_takes_at_once_are_all_drawn_and_told_apart(toy_pack: Path) -> None:
    pack = load_pack(find_pack(str(toy_pack)), torch.device("cpu"))
    requests = [ask(pack=pack.info.name, seed=seed, steps=1) for seed in range(TOGETHER + 4)]
    pictures = dict(draw(pack, requests))
    assert sorted(pictures) == list(range(len(requests)))
    assert len({picture.tobytes() for picture in pictures.values()}) == len(requests)
