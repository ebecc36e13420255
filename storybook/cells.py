"""What each cell of a scene's picture shows: dense supervision for the vision tower, patch by patch.

Questions about the whole picture (`questions.py`) teach a small tower the surroundings first and things late. Each of
its patches is therefore also asked which kind of thing it shows, and in which colour. Boxes stand for the things, the
nearest on top; their corners are not quite theirs, which costs little.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from storybook.questions import KIND_NAMES, UNASKED
from storybook.world import Scene
from storybook.world.paint import nearness
from storybook.world.scene import COLOURS, KINDS

NOTHING = len(KIND_NAMES)  # the answer where there is no thing
NO_COLOUR = len(COLOURS)  # stands for UNASKED, which no byte holds
LOGITS = NOTHING + 1 + len(COLOURS)


def shown(scene: Scene, side: int) -> NDArray[np.uint8]:
    """Kind and colour of the thing whose box is on top at each pixel of ``scene``: uint8 [side, side, 2], an index
    into KIND_NAMES or NOTHING, and one into COLOURS or NO_COLOUR."""
    cells = np.empty((side, side, 2), np.uint8)
    cells[:] = NOTHING, NO_COLOUR
    for thing in sorted(scene.things, key=nearness):
        left, top, right, bottom = (round(min(max(edge, 0.0), 1.0) * side) for edge in thing.box)
        colour = COLOURS.index(thing.colour) if KINDS[thing.kind].coloured else NO_COLOUR
        cells[top:bottom, left:right] = KIND_NAMES.index(thing.kind), colour
    return cells


def sampled(cells: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """`shown`, [H, H, 2], at the middles of ``side`` x ``side`` patches, row by row: [side * side, 2]."""
    middles = (np.arange(side) * 2 + 1) * len(cells) // (2 * side)
    return cells[np.ix_(middles, middles)].reshape(side * side, 2)


def loss(logits: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """The sum of the cross-entropies of kinds and of colours: logits [B, patches, LOGITS], cells [B, patches, 2]."""
    kinds, colours = logits.float().flatten(0, 1).split([NOTHING + 1, len(COLOURS)], dim=1)
    kind, colour = cells.flatten(0, 1).long().unbind(1)
    of_kinds = F.cross_entropy(kinds, kind)
    if not (colour != NO_COLOUR).any():
        return of_kinds
    return of_kinds + F.cross_entropy(colours, torch.where(colour == NO_COLOUR, UNASKED, colour))


def right(logits: torch.Tensor, cells: torch.Tensor) -> float:
    """The share of patches within things whose kind is told, 0..1."""
    there = cells[..., 0] != NOTHING
    return float((logits[..., : NOTHING + 1].argmax(-1) == cells[..., 0])[there].float().mean())
