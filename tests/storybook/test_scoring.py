"""The figures themselves, on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from storybook.scoring import Reading, accuracies, frechet_distance
from storybook.world import Scene, Thing

BOX = (0.0, 0.0, 0.5, 0.5)


def _scene(*things: tuple[str, str]) -> Scene:
    return Scene(0, "night", "sea", "rain", True, 0.6, tuple(Thing(kind, colour, BOX) for kind, colour in things))


def _reading(*things: tuple[str, str], time: str = "night", mountains: bool = True) -> Reading:
    return Reading(time, "sea", "rain", mountains, tuple(Thing(kind, colour, BOX) for kind, colour in things))


def test_everything_right_is_one() -> None:
    things = (("house", "red"), ("cat", "white"))
    assert set(accuracies([_scene(*things)], [_reading(*things)]).values()) == {1.0}


def test_a_thing_nobody_asked_for_counts_as_much_as_a_missing_one() -> None:
    asked = [_scene(("house", "red"), ("cat", "white"))]
    assert accuracies(asked, [_reading(("house", "red"))])["kind"] == 0.5
    assert accuracies([_scene(("house", "red"))], [_reading(("house", "red"), ("cat", "white"))])["kind"] == 0.5


def test_a_missing_thing_has_no_colour() -> None:
    right = accuracies([_scene(("house", "red"), ("cat", "white"))], [_reading(("house", "blue"))])
    assert right["colour"] == 0.0
    assert accuracies([_scene(("house", "red"), ("cat", "white"))], [_reading(("house", "red"))])["colour"] == 0.5


def test_the_mean_is_over_attributes() -> None:
    scenes, readings = (
        [_scene(("house", "red"))] * 2,
        [_reading(("house", "red")), _reading(("house", "red"), time="day")],
    )
    right = accuracies(scenes, readings)
    assert right["time"] == 0.5
    assert right["all"] == pytest.approx((0.5 + 5) / 6)


def test_the_distance_of_two_normal_distributions_is_the_closed_form() -> None:
    """For diagonal covariances: |m1 - m2|^2 + sum (s1 - s2)^2."""
    rng = np.random.default_rng(0)
    one = rng.normal(0, 1, (200_000, 3)) * [1, 2, 3]
    other = rng.normal(0, 1, (200_000, 3)) * [2, 2, 1] + [1, 0, 0]
    assert frechet_distance(one, other) == pytest.approx(1 + 1 + 0 + 4, rel=0.03)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
