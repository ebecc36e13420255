"""What a scene can be asked: the questions that give the text encoder and the vision tower their head start.

Four are about the whole picture. The others are asked of each kind, wherever its things stand in the picture or in the
caption: how many there are, in what colour and size, and how they stand to the other things. One linear layer gives
the logits of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from storybook.world import Group, Scene
from storybook.world.relations import ABOVE, BEHIND, FRONT, holds
from storybook.world.scene import COLOURS, GROUNDS, KINDS, MOST_OF_A_KIND, SIZES, TIMES, WEATHERS

UNASKED = -100  # cross-entropy passes such answers over
KIND_NAMES = tuple(KINDS)
BESIDE, OVER, UNDER, BEFORE, AFTER = range(5)  # how a kind stands to the others; the first is the usual
PAIRS = ((ABOVE, OVER, UNDER), (FRONT, BEFORE, AFTER), (BEHIND, AFTER, BEFORE))


@dataclass(frozen=True)
class Question:
    """Asked once, or once of each kind: ``times`` in all, with as many ``answers`` to choose from."""

    name: str
    times: int
    answers: int
    weight: float = 1.0


QUESTIONS = (
    Question("time", 1, len(TIMES)),
    Question("ground", 1, len(GROUNDS)),
    Question("weather", 1, len(WEATHERS)),
    Question("mountains", 1, 2),
    Question("number", len(KINDS), MOST_OF_A_KIND + 1, weight=len(KINDS) / 4),  # most kinds are not there
    Question("colour", len(KINDS), len(COLOURS)),
    Question("size", len(KINDS), len(SIZES)),
    Question("place", len(KINDS), AFTER + 1),
)
LOGITS = sum(question.times * question.answers for question in QUESTIONS)


def answers(scene: Scene) -> NDArray[np.int64]:
    """What is true of ``scene``, in the order of QUESTIONS; UNASKED of what is not there or not one answer's."""
    where = [TIMES.index(scene.time), GROUNDS.index(scene.ground), WEATHERS.index(scene.weather), int(scene.mountains)]
    number = np.zeros(len(KINDS), np.int64)
    colour, size, place = (np.full(len(KINDS), UNASKED) for _ in range(3))
    for row, name in enumerate(KIND_NAMES):
        groups = [group for group in scene.groups if group.kind == name]
        things = [thing for group in groups for thing in group.things]
        number[row] = min(len(things), MOST_OF_A_KIND)
        if KINDS[name].coloured and len({thing.colour for thing in things}) == 1:
            colour[row] = COLOURS.index(things[0].colour)
        if len({thing.size for thing in things}) == 1:
            size[row] = SIZES.index(things[0].size)
        if len(groups) == 1:
            place[row] = _place(groups[0], scene)
    return np.concatenate([where, number, colour, size, place])


def _place(group: Group, scene: Scene) -> int:
    for other in scene.groups:
        if other is group:
            continue
        for relation, ours, theirs in PAIRS:
            if holds(relation, group, other):
                return ours
            if holds(relation, other, group):
                return theirs
    return BESIDE


def split(logits: torch.Tensor) -> list[torch.Tensor]:
    """[B, LOGITS] -> one [B, times, answers] for each question."""
    parts = logits.split([question.times * question.answers for question in QUESTIONS], dim=1)
    return [part.unflatten(1, (question.times, -1)) for part, question in zip(parts, QUESTIONS, strict=True)]


def loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """The mean over the questions of their weighted cross-entropies: logits [B, LOGITS], truth [B, questions] as in
    `answers`."""
    losses = []
    for question, guesses, asked in zip(QUESTIONS, split(logits.float()), _split_truth(truth), strict=True):
        if (asked != UNASKED).any():
            losses.append(question.weight * F.cross_entropy(guesses.flatten(0, 1), asked.flatten()))
    return torch.stack(losses).mean()


def right(logits: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
    """The share of right answers by question, 0..1; of ``number`` only where there is something to count."""
    shares = {}
    for question, guesses, asked in zip(QUESTIONS, split(logits), _split_truth(truth), strict=True):
        counts = asked > 0 if question.name == "number" else asked != UNASKED
        shares[question.name] = float((guesses.argmax(-1) == asked)[counts].float().mean())
    return shares


def truths(scenes: Sequence[Scene]) -> torch.Tensor:
    """int64 [scenes, questions]."""
    return torch.from_numpy(np.stack([answers(each) for each in scenes]))


def _split_truth(truth: torch.Tensor) -> list[torch.Tensor]:
    ends = accumulate((question.times for question in QUESTIONS), initial=0)
    return [truth[:, first:last] for first, last in pairwise(ends)]
