"""Relations are told of boxes and scored by them, so they must mean the same to everyone."""

from __future__ import annotations

import numpy as np
import pytest

from storybook.world.relations import (
    ABOVE,
    BEHIND,
    BESIDE,
    FRONT,
    LEFT,
    RELATIONS,
    RIGHT,
    holds,
    stated_relation,
    union,
)
from storybook.world.scene import Box, Group, Scene, Thing

ON_THE_LEFT: Box = (0.1, 0.5, 0.3, 0.8)
CLOSE_BY: Box = (0.4, 0.5, 0.6, 0.8)
FAR_OFF: Box = (0.75, 0.5, 0.95, 0.8)
OVER_IT: Box = (0.15, 0.1, 0.25, 0.4)
LOWER: Box = (0.15, 0.6, 0.35, 0.9)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (ON_THE_LEFT, CLOSE_BY, {LEFT, BESIDE}),
        (CLOSE_BY, ON_THE_LEFT, {RIGHT, BESIDE}),
        (ON_THE_LEFT, FAR_OFF, {LEFT}),
        (OVER_IT, ON_THE_LEFT, {ABOVE}),
        (ON_THE_LEFT, OVER_IT, set()),
        (LOWER, ON_THE_LEFT, {FRONT}),
        (ON_THE_LEFT, LOWER, {BEHIND}),
        (ON_THE_LEFT, ON_THE_LEFT, set()),
    ],
)
def test_what_holds_between_two_boxes(one: Box, other: Box, expected: set[str]) -> None:
    assert {name for name in RELATIONS if holds(name, [one], [other])} == expected


def test_opposites_are_each_others_inverse() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        (x0, y0), (x1, y1) = rng.uniform(0, 0.6, (2, 2))
        one, other = [(x0, y0, x0 + 0.3, y0 + 0.3)], [(x1, y1, x1 + 0.3, y1 + 0.3)]
        assert holds(LEFT, one, other) == holds(RIGHT, other, one)
        assert holds(FRONT, one, other) == holds(BEHIND, other, one)
        assert holds(BESIDE, one, other) == holds(BESIDE, other, one)
        assert not (holds(LEFT, one, other) and holds(RIGHT, one, other))
        assert not (holds(FRONT, one, other) and holds(BEHIND, one, other))


def test_a_group_is_the_box_around_its_things() -> None:
    assert union([ON_THE_LEFT, OVER_IT]) == (0.1, 0.1, 0.3, 0.8)
    pair = Group((Thing("cat", "red", ON_THE_LEFT), Thing("cat", "red", FAR_OFF)))
    between = Group((Thing("dog", "red", CLOSE_BY),))
    assert not holds(RIGHT, between, pair)
    assert not holds(LEFT, between, pair)


def test_what_is_told_is_true_and_every_relation_has_its_turn() -> None:
    boxes = (ON_THE_LEFT, LOWER, OVER_IT, CLOSE_BY)
    groups = tuple(
        Group((Thing(kind, "red", box),)) for kind, box in zip(("cat", "dog", "kite", "car"), boxes, strict=True)
    )
    each = Scene(0, "day", "meadow", "clear", False, 0.6, groups)
    told = [stated_relation(each, np.random.default_rng(seed)) for seed in range(300)]
    for relation in told:
        assert relation is not None
        i, name, j = relation
        assert holds(name, groups[i], groups[j])
    assert {relation[1] for relation in told if relation} == set(RELATIONS)


def test_nothing_is_told_of_one_group() -> None:
    alone = Scene(0, "day", "meadow", "clear", False, 0.6, (Group((Thing("cat", "red", CLOSE_BY),)),))
    assert stated_relation(alone, np.random.default_rng(0)) is None
