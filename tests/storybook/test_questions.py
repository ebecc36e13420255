"""What the towers are asked for their head start: every answer is true, and what has none is not asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from storybook import questions
from storybook.questions import AFTER, BEFORE, KIND_NAMES, LOGITS, OVER, QUESTIONS, UNASKED, UNDER, answers, right
from storybook.world import Group, Scene, Thing, scene
from storybook.world.scene import COLOURS, SIZES

HOUSE = Group((Thing("house", "red", (0.2, 0.4, 0.7, 0.9)),))
CATS = Group(
    (Thing("cat", "black", (0.3, 0.75, 0.4, 0.97), "small"), Thing("cat", "black", (0.5, 0.75, 0.6, 0.97), "small"))
)
KITE = Group((Thing("kite", "blue", (0.35, 0.05, 0.5, 0.3)),))


def _of(kind: str, each: Scene) -> dict[str, int]:
    """The answers about a kind."""
    told, at = answers(each), 0
    found = {}
    for question in QUESTIONS:
        if question.times > 1:
            found[question.name] = int(told[at + KIND_NAMES.index(kind)])
        at += question.times
    assert at == len(told)
    return found


def test_number_colour_size_and_place_of_each_kind_are_told() -> None:
    each = replace(scene(0), groups=(HOUSE, CATS, KITE))
    assert _of("cat", each) == {
        "number": 2, "colour": COLOURS.index("black"), "size": SIZES.index("small"), "place": BEFORE,
    }  # fmt: skip
    assert _of("kite", each)["place"] == OVER
    assert _of("house", replace(each, groups=(HOUSE, KITE)))["place"] == UNDER
    assert _of("house", replace(each, groups=(HOUSE, CATS)))["place"] == AFTER
    assert _of("dog", each) == {"number": 0, "colour": UNASKED, "size": UNASKED, "place": UNASKED}


def test_what_has_several_answers_or_no_colour_is_not_asked() -> None:
    blue = Group((Thing("house", "blue", (0.75, 0.5, 0.95, 0.9)),))
    assert _of("house", replace(scene(0), groups=(HOUSE, blue)))["colour"] == UNASKED
    rainbow = Group((Thing("rainbow", "red", (0.1, 0.1, 0.6, 0.4)),))
    assert _of("rainbow", replace(scene(0), groups=(rainbow,)))["colour"] == UNASKED


def test_the_loss_is_least_for_the_truth_and_the_shares_count_it() -> None:
    truth = questions.truths([scene(seed) for seed in range(40)])
    certain = torch.zeros(len(truth), LOGITS)
    at = column = 0
    for question in QUESTIONS:
        for _ in range(question.times):
            known = truth[:, column] != UNASKED
            rows = torch.arange(len(truth))[known]
            certain[rows, at + truth[known, column]] = 20.0
            at, column = at + question.answers, column + 1
    assert float(questions.loss(certain, truth)) < 1e-6
    assert float(questions.loss(certain.roll(1, 0), truth)) > 1
    assert set(right(certain, truth).values()) == {1.0}
    assert all(np.isfinite(share) for share in right(torch.randn(len(truth), LOGITS), truth).values())
