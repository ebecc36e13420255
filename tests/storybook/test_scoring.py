"""The figures themselves, on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from storybook.scoring import Reading, accuracies, frechet_distance, relations_right
from storybook.world import Group, Scene, Thing
from storybook.world.relations import ABOVE, LEFT
from storybook.world.scene import Box

BOX = (0.0, 0.0, 0.5, 0.5)


def _scene(*things: tuple[str, str]) -> Scene:
    groups = tuple(Group((Thing(kind, colour, BOX),)) for kind, colour in things)
    return Scene(0, "night", "sea", "rain", True, 0.6, groups)


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
    assert right["all"] == pytest.approx((0.5 + 6) / 7)


def test_a_group_has_its_number_only_where_all_of_it_is_seen_and_its_colour_where_all_seen_have_it() -> None:
    three = Group((Thing("boat", "red", BOX),) * 3)
    asked = [Scene(0, "night", "sea", "rain", True, 0.6, (three,))]
    assert accuracies(asked, [_reading(*[("boat", "red")] * 3)])["number"] == 1.0
    assert accuracies(asked, [_reading(*[("boat", "red")] * 2)])["number"] == 0.0
    assert accuracies(asked, [_reading(*[("boat", "red")] * 4)])["number"] == 0.0
    assert accuracies(asked, [_reading(("boat", "red"), ("boat", "blue"))])["colour"] == 0.0
    assert accuracies(asked, [_reading(("boat", "red"))])["colour"] == 1.0


def test_what_has_no_colour_of_its_own_is_not_asked_for_one() -> None:
    right = accuracies(
        [_scene(("rainbow", "red"), ("house", "red"))], [_reading(("rainbow", "blue"), ("house", "red"))]
    )
    assert right["colour"] == 1.0


def test_a_relation_holds_between_all_that_is_seen_of_two_kinds() -> None:
    def seen(*things: tuple[str, Box]) -> Reading:
        return Reading("day", "meadow", "clear", False, tuple(Thing(kind, "red", box) for kind, box in things))

    asked, over, under = [_scene(("kite", "red"), ("house", "red"))], (0.3, 0.1, 0.5, 0.3), (0.2, 0.5, 0.6, 0.9)
    told = [(0, ABOVE, 1)]
    assert relations_right(asked, told, [seen(("kite", over), ("house", under))]) == 1.0
    assert relations_right(asked, told, [seen(("kite", under), ("house", over))]) == 0.0
    assert relations_right(asked, told, [seen(("kite", over))]) == 0.0, "where one is missing, nothing holds"
    assert relations_right(asked, [(0, LEFT, 1)], [seen(("kite", over), ("house", under))]) == 0.0


def test_the_distance_of_two_normal_distributions_is_the_closed_form() -> None:
    """For diagonal covariances: |m1 - m2|^2 + sum (s1 - s2)^2."""
    rng = np.random.default_rng(0)
    one = rng.normal(0, 1, (200_000, 3)) * [1, 2, 3]
    other = rng.normal(0, 1, (200_000, 3)) * [2, 2, 1] + [1, 0, 0]
    assert frechet_distance(one, other) == pytest.approx(1 + 1 + 0 + 4, rel=0.03)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
