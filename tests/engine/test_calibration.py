"""The batch size is found by trying, and stays within what memory holds."""

from __future__ import annotations

import pytest

from studio.engine import calibration
from studio.engine.calibration import BUDGET_SECONDS, calibrate, choose
from studio.models.model import Pack


def test_the_smallest_batch_near_the_best_throughput_is_chosen() -> None:
    """A GPU that waits for its host: four inputs cost as much as one; then the arithmetic counts."""
    seconds = {1: 0.030, 2: 0.030, 4: 0.031, 8: 0.060, 16: 0.118}  # 33, 67, 129, 133, 136 inputs a second
    assert choose(seconds).inputs == 4
    assert choose(seconds).seconds_per_input == pytest.approx(0.031 / 4)


def test_where_batching_gains_nothing_one_guided_picture_is_the_batch() -> None:
    assert choose({1: 1.0, 2: 2.0, 4: 4.0}).inputs == 2


def test_a_pack_is_calibrated_within_the_budget(pack: Pack) -> None:
    found = calibrate(pack)
    assert found.inputs in calibration.SIZES
    assert 0 < found.seconds_per_input < BUDGET_SECONDS


def test_a_size_that_would_not_fit_is_not_tried(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call is made to look as if it had taken a hundred megabytes more than any before."""
    tried: list[int] = []
    peaks = iter(range(0, 10**12, 10**8))
    measure = calibration._seconds_of_call
    monkeypatch.setattr(calibration, "_peak_memory", lambda device: next(peaks))
    monkeypatch.setattr(calibration, "free_memory", lambda device: 5e8)
    monkeypatch.setattr(
        calibration, "_seconds_of_call", lambda pack, size: (tried.append(size), measure(pack, size))[1]
    )
    calibrate(pack)
    assert tried == [1, 2, 4], "eight inputs of 100 MB each are more than four fifths of 500 MB"


def test_a_slow_machine_ends_the_trial_early(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "BUDGET_SECONDS", 0.0)
    assert calibrate(pack).inputs == 2
