"""Training that can be stopped at any moment, and ends when its time is over."""

from __future__ import annotations

import csv
import itertools
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from storybook import run as run_module
from storybook.presets import Stage
from storybook.run import Run, learning_rate, options


def _run(folder: Path, steps: int, minutes: float | None = None) -> Run:
    torch.manual_seed(0)
    given = ["--preset", "toy", "--folder", str(folder), "--device", "cpu", "--steps", str(steps)]
    chosen = options("test", given if minutes is None else [*given, "--minutes", str(minutes)])
    return Run("line", nn.Linear(2, 1), Stage(steps, 1, 0.1), chosen)


def _train(run: Run, break_at: int | None = None) -> None:
    def loss_of(step: int) -> torch.Tensor:
        if step == break_at:
            raise KeyboardInterrupt
        inputs = torch.randn(8, 2, generator=torch.Generator().manual_seed(step))
        return (run.model(inputs) - inputs.sum(1, keepdim=True)).square().mean()

    run.train(loss_of, lambda: None, show_every=1000)


def test_a_run_that_is_broken_off_and_started_again_ends_where_an_unbroken_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "SAVE_EVERY_SECONDS", 0.0)
    whole = _run(tmp_path / "whole", 40)
    _train(whole)
    for broken_at in (10, 25):
        with pytest.raises(KeyboardInterrupt):
            _train(_run(tmp_path / "parts", 40), broken_at)
    last = _run(tmp_path / "parts", 40)
    assert last.step == 25
    _train(last)
    for key, value in whole.average.items():
        assert torch.equal(value, last.average[key])


def test_a_run_learns_and_keeps_a_log(tmp_path: Path) -> None:
    run = _run(tmp_path, 200)
    _train(run)
    rows = list(csv.reader((run.folder / "log.csv").read_text().splitlines()))
    assert [row[0] for row in rows] == ["50", "100", "150", "200"]
    assert float(rows[-1][1]) < 0.1 * float(rows[0][1])
    average = run.averaged(nn.Linear(2, 1))
    assert torch.allclose(average.weight, torch.ones(1, 2), atol=0.05)


def test_a_time_limit_ends_a_run_early_with_a_checkpoint(tmp_path: Path) -> None:
    run = _run(tmp_path, 10_000_000, minutes=0.01)
    _train(run)
    assert 0 < run.step < 10_000_000
    assert _run(tmp_path, 10_000_000).step == run.step


def test_the_learning_rate_warms_up_stays_and_cools_down() -> None:
    rates = [learning_rate(step, 1000, 1.0) for step in range(1000)]
    assert rates[0] < 0.01
    assert rates[300:700] == [1.0] * 400
    assert rates[-1] < 0.01
    assert rates[750:] == sorted(rates[750:], reverse=True)
    resumed = [learning_rate(step, 1000, 1.0, begun=300) for step in (300, 350, 499, 700)]
    assert resumed == pytest.approx([1 / 200, 51 / 200, 1.0, 1.0]), "an optimiser that begins anew warms up anew"


def test_a_stage_with_a_time_limit_has_cooled_down_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the machine's speed: a stage that ends at full learning rate leaves nothing that is worth shipping.

    The clock here goes on by as much each time that it is looked at.
    """
    looks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(looks) / 4_000, time=time.time, process_time=time.process_time)
    monkeypatch.setattr(run_module, "time", clock)
    assert learning_rate(300, 1000, 1.0, spent=0.5) == 1.0
    assert learning_rate(300, 1000, 1.0, spent=0.9) == pytest.approx(0.4)
    assert learning_rate(900, 1000, 1.0, spent=0.1) == pytest.approx(0.4)
    torch.manual_seed(0)
    chosen = options("test", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    run = Run("line", nn.Linear(2, 1), Stage(10_000_000, 1, 0.1, minutes=0.02), chosen)
    _train(run)
    rates = [float(row[2]) for row in csv.reader((run.folder / "log.csv").read_text().splitlines())]
    assert 0 < run.step < 10_000_000
    assert max(rates) == 0.1
    assert rates[-1] < 0.02
