"""The world that Storybook knows: the same for ever and at every size, with things where their boxes are."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from itertools import combinations, product

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from storybook.world import Group, Scene, Thing, arranged, render, scene
from storybook.world.scene import (
    ALONE,
    COLOURS,
    FLOATING,
    GROUNDS,
    KINDS,
    SIZES,
    TIMES,
    UNCOLOURED,
    WEATHERS,
    Box,
)
from storybook.world.things import DRAW, PAINT

MANY_SCENES = [scene(seed) for seed in range(3000)]
SCENES = MANY_SCENES[:400]
Pixels = NDArray[np.int_]


def test_the_world_is_as_large_as_promised_and_every_kind_can_be_drawn() -> None:
    assert len(KINDS) == 30
    assert len(COLOURS) == 10
    assert (len(TIMES), len(GROUNDS), len(WEATHERS)) == (4, 7, 6)
    assert set(DRAW) == set(KINDS)
    assert set(PAINT) == set(COLOURS)


def test_scenes_never_change() -> None:
    """Weights are trained on these scenes and measured on others; a changed world makes both meaningless."""
    digest = hashlib.sha256(repr(SCENES[:50]).encode()).hexdigest()[:16]
    assert digest == "4c3396cd7c1ba24d"


def test_arranged_scenes_never_change_and_hold_things_of_any_number_and_place() -> None:
    scenes = [arranged(seed) for seed in range(300)]
    assert hashlib.sha256(repr(scenes[:50]).encode()).hexdigest()[:16] == "db532f889f43f7fc"
    assert {len(each.things) for each in scenes} == {1, 2, 3, 4, 5, 6}
    assert any(len({thing.kind for thing in each.things}) < len(each.things) for each in scenes), "kinds are repeated"
    for each in scenes:
        assert all(len(group.things) == 1 for group in each.groups)
        assert all(thing.size == "usual" for thing in each.things)
        for thing in each.things:
            _assert_inside(thing)
        assert each.ground == "sea" or all(KINDS[thing.kind].where != FLOATING for thing in each.things)


def _assert_inside(thing: Thing) -> None:
    x0, y0, x1, y1 = thing.box
    assert 0 <= x0 < x1 <= 1
    assert 0 <= y0 < y1 <= 1


def test_everything_occurs() -> None:
    groups = [group for each in MANY_SCENES for group in each.groups]
    assert {(group.things[0].kind, group.things[0].size) for group in groups} == set(product(KINDS, SIZES))
    assert {len(group.things) for group in groups} == {1, 2, 3, 4}
    assert {thing.colour for each in SCENES for thing in each.things} == set(COLOURS)
    assert {each.time for each in SCENES} == set(TIMES)
    assert {each.ground for each in SCENES} == set(GROUNDS)
    assert {each.weather for each in SCENES} == set(WEATHERS)
    assert 0.3 < np.mean([each.mountains for each in SCENES]) < 0.6
    assert {len(each.groups) for each in SCENES} == {0, 1, 2, 3, 4, 5}


def test_what_has_no_colour_or_no_company_of_its_kind_keeps_to_it() -> None:
    for each in MANY_SCENES:
        assert each.ground == "sea" or all(KINDS[thing.kind].where != FLOATING for thing in each.things)
        for group in each.groups:
            kind = KINDS[group.things[0].kind]
            assert kind.coloured or group.things[0].colour == UNCOLOURED
            assert len(group.things) == 1 or kind.name not in ALONE


@pytest.mark.parametrize("each", SCENES[:100], ids=lambda each: str(each.seed))
def test_groups_are_alike_within_and_stand_from_left_to_right(each: Scene) -> None:
    assert len(each.things) <= 6
    kinds = [group.things[0].kind for group in each.groups]
    assert len(set(kinds)) == len(kinds)
    for group in each.groups:
        assert len({(thing.kind, thing.colour, thing.size) for thing in group.things}) == 1
        lefts = [thing.box[0] for thing in group.things]
        assert lefts == sorted(lefts)
        for thing in group.things:
            _assert_inside(thing)
            assert thing.box[3] - thing.box[1] > 0.11, "too small to be read"
        for one, other in combinations(group.things, 2):
            assert _shared(one.box, other.box) == 0, "things that hide each other cannot be counted"
    middles = [_around(group)[0] + _around(group)[2] for group in each.groups]
    assert middles == sorted(middles)


def _around(group: Group) -> Box:
    x0, y0, x1, y1 = zip(*(thing.box for thing in group.things), strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _shared(one: Box, other: Box) -> float:
    """The area in which two boxes overlap, in pictures."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    return max(0.0, width - 1e-3) * max(0.0, min(one[3], other[3]) - max(one[1], other[1]))


def test_groups_stand_beside_above_or_in_front_of_each_other_and_never_in_between() -> None:
    """What is told of where things are must be seen at once: their ranges of x are disjoint, or one hangs right over
    the other, or it stands within the width of the other, nearer, and hides at most a third of it."""
    found = Counter[str]()
    for each in MANY_SCENES:
        for pair in combinations([_around(group) for group in each.groups], 2):
            upper, lower = sorted(pair, key=lambda box: box[3])
            if min(upper[2], lower[2]) - max(upper[0], lower[0]) <= 1e-3:
                continue
            if upper[3] <= lower[1]:
                found["above"] += 1
                apart = abs(upper[0] + upper[2] - lower[0] - lower[2]) / 2
                assert apart < min(upper[2] - upper[0], lower[2] - lower[0]) / 3
            else:
                found["in front"] += 1
                assert lower[3] - upper[3] >= 0.05
                assert upper[0] - 1e-3 <= lower[0] < lower[2] <= upper[2] + 1e-3
                assert _shared(upper, lower) <= 0.35 * (upper[2] - upper[0]) * (upper[3] - upper[1])
    paired = sum(len(each.groups) >= 2 for each in MANY_SCENES)
    assert 0.12 < found["above"] / paired < 0.25
    assert 0.12 < found["in front"] / paired < 0.25


def test_a_scene_is_the_same_at_every_size() -> None:
    """Super-resolution is trained on pairs, so the small picture must be the large one, smaller."""
    for each in SCENES[:12]:
        small, large = render(each, 128), render(each, 512)
        assert small.shape == (128, 128, 3)
        shrunk = cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - shrunk).mean() < 4
    assert np.array_equal(render(SCENES[0], 64), render(SCENES[0], 64))


def test_things_are_drawn_where_their_boxes_are() -> None:
    """The picture with a thing differs from the one without it, inside its box and its shadow, and nowhere else."""
    for each in SCENES:
        # At night a lighthouse shines beyond its box; and where the moon is a thing, there is no sun.
        if len(each.things) == 1 and each.time != "night" and each.things[0].kind != "moon":
            bare = replace(each, groups=())
            difference = np.abs(render(each, 128).astype(int) - render(bare, 128)).max(axis=2)
            x0, y0, x1, y1 = (round(edge * 128) for edge in each.things[0].box)
            assert (difference[y0:y1, x0:x1] > 8).mean() > 0.15, each
            margin = 0.25 * (x1 - x0) + 6
            difference[max(0, int(y0 - 4)) : int(y1 + margin), max(0, int(x0 - margin)) : int(x1 + margin)] = 0
            assert difference.max() < 8, each


def _seen(kind: str = "house", colour: str = "red", ground: str = "meadow", weather: str = "cloudy") -> Pixels:
    """A night picture, in which things are told apart least."""
    thing = Thing(kind, colour, (0.2, 0.4, 0.7, 0.9))
    return render(Scene(5, "night", ground, weather, False, 0.6, (Group((thing,)),)), 64).astype(int)


def test_no_two_kinds_colours_grounds_or_weathers_look_alike() -> None:
    for pictures in (
        [_seen(kind=kind) for kind in KINDS],
        [_seen("car", colour) for colour in COLOURS],
        [_seen("moon", colour) for colour in COLOURS],
        [_seen(ground=ground) for ground in GROUNDS],
        [_seen(weather=weather) for weather in WEATHERS],
    ):
        for one, other in combinations(pictures, 2):
            assert np.abs(one - other).mean() > 1.0
    assert np.array_equal(_seen("rainbow", "red"), _seen("rainbow", "blue"))


def test_the_nearer_thing_hides_the_farther_one() -> None:
    near, far = Thing("apple", "red", (0.4, 0.7, 0.6, 0.93)), Thing("house", "blue", (0.2, 0.4, 0.8, 0.85))
    first, second = (
        render(Scene(5, "day", "meadow", "clear", False, 0.6, tuple(Group((thing,)) for thing in order)), 64)
        for order in ((near, far), (far, near))
    )
    assert np.array_equal(first, second)
    red, _, blue = first[int(0.80 * 64), 32].tolist()
    assert red > blue
