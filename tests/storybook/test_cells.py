"""What the vision tower's patches are asked: what stands at each place, the nearest thing on top."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from storybook import cells
from storybook.cells import NO_COLOUR, NOTHING, sampled, shown
from storybook.questions import KIND_NAMES
from storybook.world import Group, Thing, scene
from storybook.world.scene import COLOURS

HOUSE = Group((Thing("house", "red", (0.25, 0.25, 0.75, 0.75)),))
CAT = Group((Thing("cat", "black", (0.5, 0.5, 0.75, 0.875)),))  # stands lower, and so in front
RAINBOW = Group((Thing("rainbow", "red", (-0.1, 0.0, 0.2, 0.125)),))  # has no colour to tell, and leaves the picture


def test_each_cell_shows_the_nearest_thing() -> None:
    grid = shown(replace(scene(0), groups=(RAINBOW, HOUSE, CAT)), 128)
    where = {
        (0.6, 0.6): ("cat", COLOURS.index("black")), (0.6, 0.8): ("cat", COLOURS.index("black")),
        (0.3, 0.6): ("house", COLOURS.index("red")), (0.05, 0.05): ("rainbow", NO_COLOUR),
    }  # fmt: skip
    for (x, y), (kind, colour) in where.items():
        assert tuple(grid[int(y * 128), int(x * 128)]) == (KIND_NAMES.index(kind), colour)
    assert tuple(grid[120, 5]) == (NOTHING, NO_COLOUR)
    eight = sampled(grid, 8).reshape(8, 8, 2)
    assert (eight[..., 0] == KIND_NAMES.index("cat")).sum() == 2 * 3
    assert (eight[..., 0] == KIND_NAMES.index("house")).sum() == 4 * 4 - 2 * 2


def test_sure_and_right_costs_nothing_and_what_has_no_colour_is_not_asked_for_one() -> None:
    truth = torch.tensor([[[KIND_NAMES.index("cat"), 3], [NOTHING, NO_COLOUR]]], dtype=torch.uint8)
    logits = torch.zeros(1, 2, cells.LOGITS)
    logits[0, 0, KIND_NAMES.index("cat")] = logits[0, 0, NOTHING + 1 + 3] = logits[0, 1, NOTHING] = 40.0
    assert float(cells.loss(logits, truth)) < 1e-4
    assert cells.right(logits, truth) == 1.0
    logits[0, 1, NOTHING + 1 :] = torch.randn(len(COLOURS))
    assert float(cells.loss(logits, truth)) < 1e-4
    logits[0, 0] = 0.0
    expected = np.log(len(KIND_NAMES) + 1) / 2 + np.log(len(COLOURS))
    assert abs(float(cells.loss(logits, truth)) - expected) < 1e-4
