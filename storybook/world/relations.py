"""Where two groups of things stand to each other, by their boxes alone: what captions say and what is scored.

Each group is taken as one box around all its things; x runs to the right, y down, both as fractions of the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from storybook.world.scene import Box, Group, Scene

LEFT, RIGHT, ABOVE, FRONT, BEHIND, BESIDE = "left", "right", "above", "front", "behind", "beside"
RELATIONS = (LEFT, RIGHT, ABOVE, FRONT, BEHIND, BESIDE)

TOUCH = 0.02  # by which two boxes beside or above each other may overlap
NEAR = 0.25  # the widest gap between things that are still beside each other
LEVEL = 0.12  # the most by which the feet of things beside each other differ
ASIDE = 0.06  # how far beyond the edges of the lower one the middle of the upper one may be
NEARER = 0.03  # by which the foot of what is in front is lower

# How often each is told where others hold, too: what is seldom true has its turn.
WEIGHTS = {LEFT: 1, RIGHT: 1, ABOVE: 2, FRONT: 3, BEHIND: 3, BESIDE: 1}

StatedRelation = tuple[int, str, int]  # a group's index, the relation, the other's index


def union(boxes: Sequence[Box]) -> Box:
    """The box around ``boxes``."""
    if len(boxes) == 1:
        return boxes[0]
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _left(one: Box, other: Box) -> bool:
    return one[2] <= other[0] + TOUCH and one[0] + one[2] < other[0] + other[2]


def _right(one: Box, other: Box) -> bool:
    return _left(other, one)


def _above(one: Box, other: Box) -> bool:
    middle = (one[0] + one[2]) / 2
    return other[0] - ASIDE <= middle <= other[2] + ASIDE and one[3] <= other[1] + TOUCH


def _front(one: Box, other: Box) -> bool:
    shared = min(one[2], other[2]) - max(one[0], other[0])
    return (
        shared >= 0.5 * min(one[2] - one[0], other[2] - other[0])
        and min(one[3], other[3]) > max(one[1], other[1])
        and one[3] >= other[3] + NEARER
    )


def _behind(one: Box, other: Box) -> bool:
    return _front(other, one)


def _beside(one: Box, other: Box) -> bool:
    apart = max(one[0], other[0]) - min(one[2], other[2]) < NEAR and abs(one[3] - other[3]) < LEVEL
    return apart and (_left(one, other) or _left(other, one))


_CHECKS: dict[str, Callable[[Box, Box], bool]] = {
    LEFT: _left,
    RIGHT: _right,
    ABOVE: _above,
    FRONT: _front,
    BEHIND: _behind,
    BESIDE: _beside,
}


def holds(name: str, one: Group | Sequence[Box], other: Group | Sequence[Box]) -> bool:
    """Whether ``one`` stands in the relation ``name``, one of RELATIONS, to ``other``: "one is LEFT of other"."""
    return _CHECKS[name](union(_boxes(one)), union(_boxes(other)))


def stated_relation(scene: Scene, rng: np.random.Generator) -> StatedRelation | None:
    """Something true of two groups of ``scene``, if anything is."""
    boxes = [union(_boxes(group)) for group in scene.groups]
    true: dict[str, list[StatedRelation]] = {}
    for i, one in enumerate(boxes):
        for j, other in enumerate(boxes):
            if i != j:
                for name, check in _CHECKS.items():
                    if check(one, other):
                        true.setdefault(name, []).append((i, name, j))
    if not true:
        return None
    names = [name for name in true for _ in range(WEIGHTS[name])]
    chosen = true[names[int(rng.random() * len(names))]]
    return chosen[int(rng.random() * len(chosen))]


def _boxes(group: Group | Sequence[Box]) -> Sequence[Box]:
    return tuple(thing.box for thing in group.things) if isinstance(group, Group) else group
